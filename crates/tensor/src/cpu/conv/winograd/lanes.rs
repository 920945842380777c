//! Moves planes between memory and vectors in which each lane is a plane (16 or 8 of them): a square of lanes by
//! adjacent elements is transposed in registers.

use std::ops::Range;

use crate::cpu::gemm::floats;
use crate::cpu::isa::simd::Simd;
use crate::memory::Buffer;

/// Outputs of at least this many elements bypass the caches, which would not hold them until the next operation reads them.
const STREAMED: usize = 2 << 20;

/// The largest number of lanes of a vector.
pub(super) const MAX_LANES: usize = 16;

/// The memory of one lane: element `p` is at index `start + p` if `first <= p < end`; all other elements are zero and
/// are not read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) start: isize,
    pub(super) first: usize,
    pub(super) end: usize,
}

impl Run {
    /// The run shifted by `by` elements.
    #[inline(always)]
    pub(super) fn moved(self, by: usize) -> Self {
        Self { start: self.start + by as isize, ..self }
    }

    /// Whether the run lies within a slice of `len` elements.
    pub(super) fn is_within(self, len: usize) -> bool {
        self.first >= self.end
            || (self.start + self.first as isize >= 0 && self.start + self.end as isize <= len as isize)
    }

    /// The mask of those of the `S::LANES` elements from `p` on that belong to the run.
    #[inline(always)]
    fn mask(self, p: usize) -> u16 {
        let below = |count: usize| ((1u32 << count.saturating_sub(p).min(MAX_LANES)) - 1) as u16;
        below(self.end) & !below(self.first)
    }
}

/// Calls `to(p, vector)` for each `p` of `elements` in order, where `vector` holds element `p` of every lane.
///
/// # Safety
/// The CPU supports `S`; the runs of the first `S::LANES` lanes, counted from `source`, can be read.
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
    // SAFETY: an unmasked read lies within the run of every lane, and a masked one reads only the lanes in the run.
    unsafe {
        for p in elements.clone().step_by(S::LANES) {
            let mut square = S::square();
            // A plain loop: a closure that an iterator does not inline would not be compiled for `S`.
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

impl Write {
    /// How the elements of an output of this length are replaced.
    pub(super) fn replacing(len: usize) -> Self {
        if len >= STREAMED { Self::Stream } else { Self::Set }
    }
}

/// Writes `vectors[p]` to element `p` of every lane, as `write` says.
///
/// # Safety
/// The CPU supports `S`; the runs of the first `S::LANES` lanes, counted from `target`, can be written; `vectors` holds
/// `S::LANES` elements for each `p` up to the end of the longest run, rounded up to a multiple of `S::LANES`.
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
    // SAFETY: the caller guarantees that the runs can be written and that `vectors` holds whole squares; where a run
    // ends within a square, only its own lanes are accessed.
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

/// A zero-padded section of planes, one plane in each vector lane: `[rows, columns]` of vectors.
pub(super) struct Window {
    vectors: Buffer,
    columns: usize,
    /// The number of zero columns on the left.
    left: usize,
    /// The number of columns of the planes.
    width: usize,
    /// The rows that hold elements of the planes.
    filled: Range<usize>,
}

impl Window {
    /// Creates a zeroed `[rows, columns]` of vectors for planes of `width` columns that begin at column `left`.
    pub(super) fn new<S: Simd>(rows: usize, columns: usize, left: usize, width: usize) -> Self {
        assert!(left + width <= columns, "a row of a plane fits into a row of the window");
        let mut vectors = floats(rows * columns * S::LANES);
        vectors.bytes_mut().fill(0);
        Self { vectors, columns, left, width, filled: 0..0 }
    }

    /// Fills `rows` from the runs shifted by `moved` elements. Element 0 of a run is the first row and column of the
    /// planes.
    ///
    /// # Safety
    /// The requirements of [`gather`] for the shifted runs.
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
        assert!(rows.end * self.columns * S::LANES <= elements.len(), "the window has room for the rows");
        let (left, width, columns) = (self.left, self.width, self.columns);
        let mut to = elements.as_mut_ptr().wrapping_add((rows.start * columns + left) * S::LANES);
        let mut column = 0;
        // SAFETY: the assert bounds the rows, so `to` stays in the window; the caller guarantees that the runs can be
        // read.
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

    /// The vector at this row and column.
    ///
    /// # Safety
    /// The CPU supports `S`; the window contains this row and column.
    #[inline(always)]
    pub(super) unsafe fn at<S: Simd>(&self, row: usize, column: usize) -> S::Vector {
        debug_assert!(
            (row * self.columns + column + 1) * S::LANES * size_of::<f32>() <= self.vectors.bytes().len()
        );
        // SAFETY: the caller guarantees that the window contains this row and column.
        unsafe {
            S::load(self.vectors.bytes().as_ptr().cast::<f32>().add((row * self.columns + column) * S::LANES))
        }
    }
}
