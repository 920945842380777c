//! Packs matrices into panels, in the order in which tiles read them.

use super::Matrix;
use super::tile::PANEL_GRAIN;
use crate::cpu::isa::simd::{Simd, prefetch};
use crate::each_isa;

/// A matrix to be packed: `places` rows or columns, each with one element for every step of the inner dimension.
#[derive(Clone, Copy)]
struct Source<'a> {
    data: &'a [f32],
    place_stride: usize,
    step_stride: usize,
}

each_isa! {
    /// Packs panels of `tile_rows` rows: for each of `steps` steps, the elements of the panel's rows are adjacent.
    ///
    /// # Safety
    /// The CPU supports `S`.
    pub(crate) unsafe fn pack_rows<S: Simd>(
        panels: &mut [f32],
        a: Matrix<'_>,
        first: usize,
        steps: usize,
        tile_rows: usize,
    ) {
        for row in (0..a.rows).step_by(tile_rows) {
            let rows = tile_rows.min(a.rows - row);
            let start = row * a.row_stride + first * a.column_stride;
            let source = Source {
                data: a.data.get(start..).unwrap_or_default(),
                place_stride: a.row_stride,
                step_stride: a.column_stride,
            };
            // SAFETY: the caller guarantees that the CPU supports `S`.
            unsafe { source.pack::<S>(&mut panels[row * steps..(row + rows) * steps], rows, rows, steps) };
        }
    }

    /// Packs panels of [`Simd::TILE_COLUMNS`] columns; the last panel has [`PANEL_GRAIN`] columns if that suffices. For
    /// each of `steps` steps, the elements of the panel's columns are adjacent and padded with zeros.
    ///
    /// # Safety
    /// The CPU supports `S`.
    pub(super) unsafe fn pack_columns<S: Simd>(
        panels: &mut [f32],
        b: Matrix<'_>,
        first: usize,
        steps: usize,
        column: usize,
        columns: usize,
    ) {
        for within in (0..columns).step_by(S::TILE_COLUMNS) {
            let filled = S::TILE_COLUMNS.min(columns - within);
            let width = filled.next_multiple_of(PANEL_GRAIN);
            let start = (column + within) * b.column_stride + first * b.row_stride;
            let source = Source {
                data: b.data.get(start..).unwrap_or_default(),
                place_stride: b.column_stride,
                step_stride: b.row_stride,
            };
            let panel = &mut panels[within * steps..(within + width) * steps];
            // SAFETY: the caller guarantees that the CPU supports `S`.
            unsafe { source.pack::<S>(panel, width, filled, steps) };
        }
    }
}

impl Source<'_> {
    /// `panel[step][place] = data[place * place_stride + step * step_stride]`, and zero from `filled` on.
    ///
    /// # Safety
    /// The CPU supports `S`.
    #[inline(always)]
    unsafe fn pack<S: Simd>(&self, panel: &mut [f32], width: usize, filled: usize, steps: usize) {
        assert_eq!(panel.len(), width * steps, "a panel holds all places of all steps");
        assert!(
            width < S::LANES || width.is_multiple_of(S::LANES),
            "the width of a panel is below one vector or a multiple of it"
        );
        if panel.is_empty() {
            return;
        }
        let last = (filled - 1) * self.place_stride + (steps - 1) * self.step_stride;
        assert!(last < self.data.len(), "all packed elements lie within the matrix");
        for place in (0..width).step_by(S::LANES) {
            let filled = filled.saturating_sub(place).min(S::LANES);
            let lines = Lines { start: panel.as_mut_ptr().wrapping_add(place), width, steps };
            // SAFETY: the asserts above bound every element that is read and written below; the caller guarantees that
            // the CPU supports `S`.
            unsafe {
                let from = self.data.as_ptr().wrapping_add(place * self.place_stride);
                match self.place_stride {
                    1 => self.copy::<S>(from, filled, lines),
                    _ => self.transpose::<S>(from, filled, lines),
                }
            }
        }
    }

    /// Packs adjacent places: one vector for each step.
    ///
    /// # Safety
    /// The CPU supports `S`; at each step, `filled` elements can be read, and the line of the panel can be written.
    #[inline(always)]
    unsafe fn copy<S: Simd>(&self, from: *const f32, filled: usize, lines: Lines) {
        // SAFETY: the caller guarantees `filled` readable elements at each step and writable lines.
        unsafe {
            let lanes = S::first(filled);
            for step in 0..lines.steps {
                prefetch(from.wrapping_add((step + STEPS_AHEAD) * self.step_stride));
                let from = from.wrapping_add(step * self.step_stride);
                let line = if filled == S::LANES { S::load(from) } else { S::load_some(lanes, from) };
                lines.write::<S>(step, line);
            }
        }
    }

    /// Packs adjacent steps: squares of places by steps are transposed in registers.
    ///
    /// # Safety
    /// The requirements of [`Source::copy`], and `step_stride` is 1.
    #[inline(always)]
    unsafe fn transpose<S: Simd>(&self, from: *const f32, filled: usize, lines: Lines) {
        debug_assert_eq!(self.step_stride, 1, "one of the two strides of a matrix is 1");
        // SAFETY: the caller guarantees `filled` readable places at each step and writable lines; steps beyond the last
        // are masked.
        unsafe {
            for step in (0..lines.steps).step_by(S::LANES) {
                let here = S::LANES.min(lines.steps - step);
                let lanes = S::first(here);
                let mut square = S::square();
                for (place, row) in square.as_mut()[..filled].iter_mut().enumerate() {
                    let from = from.wrapping_add(place * self.place_stride + step);
                    prefetch(from.wrapping_add(ELEMENTS_AHEAD));
                    *row = if here == S::LANES { S::load(from) } else { S::load_some(lanes, from) };
                }
                S::transpose(&mut square);
                for (line, &row) in square.as_ref()[..here].iter().enumerate() {
                    lines.write::<S>(step + line, row);
                }
            }
        }
    }
}

/// The part of a panel's lines that one vector covers; lines are written in order.
#[derive(Clone, Copy)]
struct Lines {
    start: *mut f32,
    width: usize,
    steps: usize,
}

impl Lines {
    /// Writes the line of this step. In a panel narrower than a vector, lanes beyond the line are also written where
    /// that is faster than masking: they belong to later lines, which are written afterwards.
    ///
    /// # Safety
    /// The CPU supports `S`; the line of `step` and all later ones can be written.
    #[inline(always)]
    unsafe fn write<S: Simd>(self, step: usize, line: S::Vector) {
        // SAFETY: the caller guarantees that this line and all later ones can be written; together they hold a whole
        // vector, or the lanes beyond the line are masked.
        unsafe {
            let to = self.start.add(step * self.width);
            if self.width >= S::LANES || (self.steps - step) * self.width >= S::LANES {
                S::store(to, line);
            } else {
                S::store_some(S::first(self.width), to, line);
            }
        }
    }
}

/// The prefetch distance in steps: lines lie too far apart for the hardware prefetcher.
const STEPS_AHEAD: usize = 16;
/// The prefetch distance in elements of a line.
const ELEMENTS_AHEAD: usize = 64;
