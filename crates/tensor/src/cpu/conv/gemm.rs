//! Matrix multiplication of a matrix in memory with a matrix whose elements are gathered from images during packing.

use super::im2col::{Columns, LANES};
use super::in_place;
use super::panels::{pack_pixels, pack_steps};
use crate::cpu::gemm::{self, SPAN, balanced, floats, of_panels, pack_rows};
use crate::cpu::isa::{simd::Simd, with_isa};
use crate::cpu::loops;
use crate::memory::Buffer;
use crate::{Init, Isa, Matrix};

/// The number of pixel vectors that are packed at once: with the steps of a block they fit into the L2 cache.
const VECTORS: usize = 20;
/// The number of pixel vectors that a weight gradient sums over at once.
const INNER_VECTORS: usize = 24;

/// The right operand: images, and an element of them for every pixel of `columns` and every one of `steps`.
#[derive(Clone, Copy)]
pub(super) struct Right<'a> {
    pub(super) source: &'a [f32],
    pub(super) columns: &'a Columns,
    pub(super) steps: &'a [usize],
}

/// The output of a GEMM: row-major, with a stride of this many elements between rows.
pub(super) struct Output<'a> {
    pub(super) elements: &'a mut [f32],
    pub(super) row_stride: usize,
}

/// The left operand of a GEMM over channels and kernel offsets, packed into panels.
pub(super) struct Left {
    rows: usize,
    isa: Isa,
    /// Panels of all blocks along the inner dimension, contiguous in memory.
    panels: Buffer,
}

impl Output<'_> {
    /// Multiplies packed panels into this output.
    ///
    /// # Safety
    /// The CPU supports `S`.
    unsafe fn product<S: Simd>(self, sizes: [usize; 3], panels: [&[f32]; 2], init: Init<'_>) {
        let [m, _, n] = sizes;
        assert!(self.elements.len() >= (m - 1) * self.row_stride + n, "the output holds the matrix product");
        let out = gemm::Output { to: self.elements.as_mut_ptr(), row_stride: self.row_stride };
        // SAFETY: the assert checks the length of the output, and the caller guarantees that the CPU supports `S`.
        unsafe { of_panels::<S>(out, sizes, panels, init) };
    }
}

/// Packs the left operand.
///
/// # Safety
/// The CPU supports `S`.
unsafe fn panels_of<S: Simd>(elements: &[f32], rows: usize, steps: usize) -> Buffer {
    let mut buffer = floats(rows * steps);
    let to: &mut [f32] = bytemuck::cast_slice_mut(buffer.bytes_mut());
    let inner = balanced(steps, S::INNER_BLOCK);
    let matrix = Matrix::new(elements, rows, steps, false);
    let tile_rows = balanced(rows, S::TILE_ROWS);
    for first in (0..steps).step_by(inner) {
        let here = inner.min(steps - first);
        let panels = to[first * rows..(first + here) * rows].chunks_mut(tile_rows * here).enumerate();
        loops::rows::each(rows * here, panels, |(index, panel)| {
            let matrix = matrix.rows(index * tile_rows..rows.min((index + 1) * tile_rows));
            // SAFETY: the caller guarantees that the CPU supports `S`.
            unsafe { pack_rows::<S>(panel, matrix, first, here, tile_rows) };
        });
    }
    buffer
}

impl Left {
    /// Packs `elements`, which has `rows` rows of `steps` elements, neither of them zero; the CPU supports `isa`.
    pub(super) fn new(elements: &[f32], rows: usize, steps: usize, isa: Isa) -> Self {
        // SAFETY: the caller passes a supported `isa`, so the CPU supports `S`.
        let panels = with_isa!(isa, S => unsafe { panels_of::<S>(elements, rows, steps) });
        Self { rows, isa, panels }
    }

    /// `out[row][pixel] = init + sum over steps of self[row][step] right[step][pixel]`
    pub(super) fn times_pixels(&self, out: Output<'_>, right: Right<'_>, init: Init<'_>) {
        // SAFETY: `self.isa` is the supported instruction set passed to `new`.
        with_isa!(self.isa, S => unsafe { self.by_tiles::<S>(out, right, init) });
    }

    /// Multiplies in place or by packing blocks of pixels, as `right.columns` says.
    ///
    /// # Safety
    /// The CPU supports `S`.
    unsafe fn by_tiles<S: Simd>(&self, out: Output<'_>, right: Right<'_>, init: Init<'_>) {
        let of_left: &[f32] = bytemuck::cast_slice(self.panels.bytes());
        let Right { columns, steps, .. } = right;
        if columns.in_place {
            // SAFETY: the caller guarantees that the CPU supports `S`; the steps are those of the `Im2col` that made
            // `columns`.
            return unsafe {
                in_place::multiply::<S>(out.elements, out.row_stride, of_left, self.rows, right, init);
            };
        }
        let inner = balanced(steps.len(), S::INNER_BLOCK);
        let mut panels = floats(inner * LANES * VECTORS.min(columns.vectors.len()));
        let panels: &mut [f32] = bytemuck::cast_slice_mut(panels.bytes_mut());
        for (block, vectors) in columns.vectors.chunks(VECTORS).enumerate() {
            let column = block * VECTORS * LANES;
            let width = (columns.len - column).min(VECTORS * LANES);
            for first in (0..steps.len()).step_by(inner) {
                let steps = &steps[first..steps.len().min(first + inner)];
                let init = if first == 0 { init } else { Init::Accumulate };
                let part = Output { elements: &mut out.elements[column..], row_stride: out.row_stride };
                let of_left = &of_left[first * self.rows..];
                // SAFETY: the caller guarantees that the CPU supports `S`; the steps are some of those that `columns`
                // was made for.
                unsafe {
                    pack_pixels::<S>(panels, Right { steps, ..right }, vectors);
                    part.product::<S>([self.rows, steps.len(), width], [of_left, panels], init);
                }
            }
        }
    }
}

/// A sum over any number of pixels: within a span of pixels in 32 bits, over the spans in 64 bits, so that rounding
/// errors do not grow with the number of spans.
pub(super) struct SumOverPixels<'a> {
    /// The sum over the current span.
    span: &'a mut [f32],
    pixels: usize,
    /// The sum over the spans before it; empty in the first span.
    total: Vec<f64>,
}

impl<'a> SumOverPixels<'a> {
    /// Starts a sum that is written to `out`, `[rows, steps]`.
    pub(super) fn new(out: &'a mut [f32]) -> Self {
        Self { span: out, pixels: 0, total: vec![] }
    }

    /// Adds `sum over pixels of left[row][pixel] right[step][pixel]` for a matrix of `rows` rows with an element for each
    /// pixel.
    pub(super) fn add(&mut self, left: &[f32], rows: usize, right: Right<'_>, isa: Isa) {
        // SAFETY: the caller passes a supported `isa`, so the CPU supports `S`.
        with_isa!(isa, S => unsafe { sum_by_tiles::<S>(self, left, rows, right) });
    }

    /// The sum over the current span, which the next GEMM overwrites or adds to, as [`Self::init`] says.
    pub(super) fn elements(&mut self) -> &mut [f32] {
        self.span
    }

    /// Prepares for adding this many pixels: starts a new span if the current one would become too long. Returns
    /// whether the GEMM overwrites the elements or adds to them.
    pub(super) fn init(&mut self, pixels: usize) -> Init<'static> {
        if self.pixels > 0 && self.pixels + pixels > SPAN {
            self.end_span();
        }
        let init = if self.pixels == 0 { Init::Zero } else { Init::Accumulate };
        self.pixels += pixels;
        init
    }

    fn end_span(&mut self) {
        self.total.resize(self.span.len(), 0.0);
        self.total.iter_mut().zip(&*self.span).for_each(|(total, &sum)| *total += f64::from(sum));
        self.pixels = 0;
    }

    /// Writes the sum to the output.
    pub(super) fn finish(mut self) {
        if !self.total.is_empty() {
            self.end_span();
            self.span.iter_mut().zip(&self.total).for_each(|(out, &total)| *out = total as f32);
        }
    }
}

/// Packs blocks of pixels and multiplies them with `left`.
///
/// # Safety
/// The CPU supports `S`.
unsafe fn sum_by_tiles<S: Simd>(sum: &mut SumOverPixels<'_>, left: &[f32], rows: usize, right: Right<'_>) {
    let (columns, steps) = (right.columns, right.steps.len());
    let most = INNER_VECTORS.min(columns.vectors.len()) * LANES;
    let (mut of_left, mut panels) = (floats(rows * most), floats(most * steps.next_multiple_of(LANES)));
    let of_left: &mut [f32] = bytemuck::cast_slice_mut(of_left.bytes_mut());
    let panels: &mut [f32] = bytemuck::cast_slice_mut(panels.bytes_mut());
    let matrix = Matrix::new(left, rows, columns.len, false);
    for (block, vectors) in columns.vectors.chunks(INNER_VECTORS).enumerate() {
        let first = block * INNER_VECTORS * LANES;
        let pixels = (columns.len - first).min(INNER_VECTORS * LANES);
        let init = sum.init(pixels);
        let part = Output { elements: &mut *sum.span, row_stride: steps };
        // SAFETY: the caller guarantees that the CPU supports `S`; the steps are some of those that `columns` was made
        // for.
        unsafe {
            pack_rows::<S>(
                &mut of_left[..rows * pixels],
                matrix,
                first,
                pixels,
                balanced(rows, S::TILE_ROWS),
            );
            pack_steps::<S>(panels, right, vectors);
            part.product::<S>([rows, pixels, steps], [of_left, panels], init);
        }
    }
}
