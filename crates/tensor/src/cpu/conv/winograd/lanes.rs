//! Moves planes between memory and vectors whose lanes are 16 (or 8) planes: a square of lanes by neighbouring elements is
//! transposed in registers.

use std::ops::Range;

use crate::cpu::gemm::floats;
use crate::cpu::isa::simd::Simd;
use crate::memory::Buffer;

/// The largest number of lanes of a vector.
pub(super) const MAX_LANES: usize = 16;

/// The memory of a lane: element `p` is at `start + p` for the `p` of a range; all others are zero and not read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) start: isize,
    pub(super) first: usize,
    pub(super) end: usize,
}

impl Run {
    /// The run shifted by this many elements.
    #[inline(always)]
    pub(super) fn moved(self, by: usize) -> Self {
        Self { start: self.start + by as isize, ..self }
    }

    /// Whether the whole run lies in `len` elements.
    pub(super) fn is_within(self, len: usize) -> bool {
        self.first >= self.end
            || (self.start + self.first as isize >= 0 && self.start + self.end as isize <= len as isize)
    }

    /// Which of the lanes from element `p` on are part of it.
    #[inline(always)]
    fn mask(self, p: usize) -> u16 {
        let below = |count: usize| ((1u32 << count.saturating_sub(p).min(MAX_LANES)) - 1) as u16;
        below(self.end) & !below(self.first)
    }
}

/// Calls `to(p, vector)` for each `p`, in order, with element `p` of every lane.
///
/// # Safety
/// The CPU supports `S`; the runs of the first `S::LANES` lanes can be read.
#[inline(always)]
pub(super) unsafe fn gather<S: Simd>(
    source: *const f32,
    runs: &[Run; MAX_LANES],
    elements: Range<usize>,
    mut to: impl FnMut(usize, S::Vector),
) {
    let runs = &runs[..S::LANES];
    let first = runs.iter().map(|run| run.first).max().unwrap_or(0);
    let end = runs.iter().map(|run| run.end).min().unwrap_or(0);
    // SAFETY: whole vectors are read where they lie in every run, and otherwise the lanes in the run alone.
    unsafe {
        for p in elements.clone().step_by(S::LANES) {
            let mut square = S::square();
            // Loops and no iterators that take a function: what those call is not compiled for `S` where it is not inlined.
            let is_whole = first <= p && p + S::LANES <= end;
            for (row, run) in square.as_mut().iter_mut().zip(runs) {
                let from = source.wrapping_offset(run.start + p as isize);
                *row = if is_whole { S::load(from) } else { S::load_some(S::mask(run.mask(p)), from) };
            }
            S::transpose(&mut square);
            let here = S::LANES.min(elements.end - p);
            for (place, &vector) in square.as_ref()[..here].iter().enumerate() {
                to(p + place, vector);
            }
        }
    }
}

/// How [`scatter`] writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Write {
    /// The elements are replaced.
    Set,
    /// The elements are replaced and bypass the caches; [`Simd::fence`] must follow.
    Stream,
    /// The elements are added to what is there.
    Add,
}

/// Writes element `p` of every lane, which is `vectors[p]`.
///
/// # Safety
/// The CPU supports `S`; the runs of the first `S::LANES` lanes can be written, and `vectors` holds `S::LANES` elements for each `p` in
/// any of them, rounded up to whole squares.
#[inline(always)]
pub(super) unsafe fn scatter<S: Simd>(
    target: *mut f32,
    runs: &[Run; MAX_LANES],
    vectors: *const f32,
    write: Write,
) {
    let runs = &runs[..S::LANES];
    let end = runs.iter().map(|run| run.end).max().unwrap_or(0);
    let whole = runs.iter().map(|run| run.end).min().unwrap_or(0);
    // SAFETY: as the caller guarantees; where a run ends within a square, only the lanes of the run are accessed.
    unsafe {
        for p in (0..end).step_by(S::LANES) {
            let mut square = S::square();
            for (place, row) in square.as_mut().iter_mut().enumerate() {
                *row = S::load(vectors.add((p + place) * S::LANES));
            }
            S::transpose(&mut square);
            for (&row, run) in square.as_ref().iter().zip(runs) {
                let to = target.wrapping_offset(run.start + p as isize);
                let (is_whole, mask) = (p + S::LANES <= whole, S::mask(run.mask(p)));
                match write {
                    Write::Set if is_whole => S::store(to, row),
                    Write::Stream if is_whole => S::stream(to, row),
                    Write::Set | Write::Stream => S::store_some(mask, to, row),
                    Write::Add => S::store_some(mask, to, S::add(row, S::load_some(mask, to))),
                }
            }
        }
    }
}

/// A part of as many planes as a vector has lanes, with zeros around it: `[rows, columns]` of vectors.
pub(super) struct Window {
    vectors: Buffer,
    columns: usize,
    /// Columns of zeros before those of the planes.
    left: usize,
    /// Columns of the planes.
    width: usize,
    /// The rows that are not zero.
    filled: Range<usize>,
}

impl Window {
    /// `[rows, columns]` of vectors for rows of planes with `width` columns, which begin at column `left`.
    pub(super) fn new<S: Simd>(rows: usize, columns: usize, left: usize, width: usize) -> Self {
        assert!(left + width <= columns, "the rows of the planes fit into a window");
        let mut vectors = floats(rows * columns * S::LANES);
        vectors.bytes_mut().fill(0);
        Self { vectors, columns, left, width, filled: 0..0 }
    }

    /// Fills these rows from the runs, moved by this many elements, whose element 0 belongs to the first row and column of the planes.
    ///
    /// # Safety
    /// As [`gather`] for the runs that were moved.
    #[inline(always)]
    pub(super) unsafe fn fill<S: Simd>(
        &mut self,
        source: *const f32,
        runs: &[Run; MAX_LANES],
        moved: usize,
        rows: Range<usize>,
    ) {
        if self.filled != rows {
            self.vectors.bytes_mut().fill(0);
            self.filled = rows.clone();
        }
        let elements: &mut [f32] = bytemuck::cast_slice_mut(self.vectors.bytes_mut());
        assert!(rows.end * self.columns * S::LANES <= elements.len(), "a window holds the rows");
        let (left, width, columns) = (self.left, self.width, self.columns);
        let mut to = elements.as_mut_ptr().wrapping_add((rows.start * columns + left) * S::LANES);
        let mut column = 0;
        // SAFETY: `to` goes through the columns of the planes in these rows; reading is handed on.
        unsafe {
            gather::<S>(
                source,
                &runs.map(|run| run.moved(moved)),
                rows.start * width..rows.end * width,
                |_, vector| {
                    S::store(to, vector);
                    column += 1;
                    to = to.wrapping_add(S::LANES);
                    if column == width {
                        column = 0;
                        to = to.wrapping_add((columns - width) * S::LANES);
                    }
                },
            );
        }
    }

    /// The vector at this index and those after it.
    ///
    /// # Safety
    /// The CPU supports `S`; the window has this row and column.
    #[inline(always)]
    pub(super) unsafe fn at<S: Simd>(&self, row: usize, column: usize) -> S::Vector {
        debug_assert!(
            (row * self.columns + column + 1) * S::LANES * size_of::<f32>() <= self.vectors.bytes().len()
        );
        // SAFETY: as the caller guarantees.
        unsafe {
            S::load(self.vectors.bytes().as_ptr().cast::<f32>().add((row * self.columns + column) * S::LANES))
        }
    }
}
