//! Products of a matrix in memory with numbers that are read from images while they are packed.

use super::panels::{pack_pixels, pack_steps};
use super::reads::{Columns, LANES};
use crate::gemm::{self as products, Simd, Tiles, balanced, floats, of_panels, pack_rows, with_tiles};
use crate::memory::Buffer;
use crate::{Matrix, Start};

/// Vectors of pixels that are packed at once: with the steps of a block they fit into the second cache.
const VECTORS: usize = 20;
/// Vectors of pixels that a weight gradient sums over at once.
const INNER_VECTORS: usize = 24;

/// Images and what of them is read: for every pixel of `columns` and every one of `steps` a number.
#[derive(Clone, Copy)]
pub(super) struct Right<'a> {
    pub(super) source: &'a [f32],
    pub(super) columns: &'a Columns,
    pub(super) steps: &'a [usize],
}

/// Where a product is written: row-major, with this many numbers from one row to the next.
pub(super) struct Output<'a> {
    pub(super) numbers: &'a mut [f32],
    pub(super) row_stride: usize,
}

/// The matrix on the left of a product over channels and taps, ready to be multiplied.
pub(super) struct Left {
    rows: usize,
    tiles: Tiles,
    /// Panels of all blocks of steps, one behind the other.
    panels: Buffer,
}

impl Output<'_> {
    /// The product of panels.
    ///
    /// # Safety
    /// The processor is of the kind `S`.
    unsafe fn product<S: Simd>(self, sizes: [usize; 3], panels: [&[f32]; 2], start: Start<'_>) {
        let [m, _, n] = sizes;
        assert!(self.numbers.len() >= (m - 1) * self.row_stride + n, "the output holds the product");
        let out = products::Output { start: self.numbers.as_mut_ptr(), row_stride: self.row_stride };
        // SAFETY: the assert vouches for the output, the caller for the processor.
        unsafe { of_panels::<S>(out, sizes, panels, start) };
    }
}

/// # Safety
/// The processor is of the kind `S`.
unsafe fn panels_of<S: Simd>(numbers: &[f32], rows: usize, steps: usize) -> Buffer {
    let mut buffer = floats(rows * steps);
    let to: &mut [f32] = bytemuck::cast_slice_mut(buffer.bytes_mut());
    let inner = balanced(steps, S::INNER_BLOCK);
    let matrix = Matrix::new(numbers, rows, steps, false);
    for first in (0..steps).step_by(inner) {
        let here = inner.min(steps - first);
        let block = &mut to[first * rows..(first + here) * rows];
        // SAFETY: the caller vouches for the processor.
        unsafe { pack_rows::<S>(block, matrix, first, here, balanced(rows, S::TILE_ROWS)) };
    }
    buffer
}

impl Left {
    /// `numbers` has `rows` rows of `steps` numbers, neither of them zero; the processor can run the tiles.
    pub(super) fn new(numbers: &[f32], rows: usize, steps: usize, tiles: Tiles) -> Self {
        // SAFETY: tiles are named only where the processor has been asked for what they need.
        let panels = with_tiles!(tiles, S => unsafe { panels_of::<S>(numbers, rows, steps) });
        Self { rows, tiles, panels }
    }

    /// `out[row][pixel] = start + sum over steps of self[row][step] right[step][pixel]`
    pub(super) fn times_pixels(&self, out: Output<'_>, right: Right<'_>, start: Start<'_>) {
        // SAFETY: as in `new`.
        with_tiles!(self.tiles, S => unsafe { self.by_tiles::<S>(out, right, start) });
    }

    /// # Safety
    /// The processor is of the kind `S`.
    unsafe fn by_tiles<S: Simd>(&self, out: Output<'_>, right: Right<'_>, start: Start<'_>) {
        let of_left: &[f32] = bytemuck::cast_slice(self.panels.bytes());
        let Right { columns, steps, .. } = right;
        let inner = balanced(steps.len(), S::INNER_BLOCK);
        let mut panels = floats(inner * LANES * VECTORS.min(columns.vectors.len()));
        let panels: &mut [f32] = bytemuck::cast_slice_mut(panels.bytes_mut());
        for (block, vectors) in columns.vectors.chunks(VECTORS).enumerate() {
            let column = block * VECTORS * LANES;
            let width = (columns.len - column).min(VECTORS * LANES);
            for first in (0..steps.len()).step_by(inner) {
                let steps = &steps[first..steps.len().min(first + inner)];
                let start = if first == 0 { start } else { Start::Output };
                let part = Output { numbers: &mut out.numbers[column..], row_stride: out.row_stride };
                let of_left = &of_left[first * self.rows..];
                // SAFETY: the caller vouches for the processor.
                unsafe {
                    pack_pixels::<S>(panels, Right { steps, ..right }, vectors);
                    part.product::<S>([self.rows, steps.len(), width], [of_left, panels], start);
                }
            }
        }
    }
}

/// A sum over any number of pixels: of each span in 32 bits, of the spans in 64, so that rounding errors do not grow
/// with their number.
pub(super) struct SumOverPixels<'a> {
    /// The sum of this span.
    span: &'a mut [f32],
    pixels: usize,
    /// The sum of the spans before it, once there are any.
    total: Vec<f64>,
}

impl<'a> SumOverPixels<'a> {
    /// A sum that is written to `out`, `[rows, steps]`.
    pub(super) fn new(out: &'a mut [f32]) -> Self {
        Self { span: out, pixels: 0, total: vec![] }
    }

    /// Adds `sum over pixels of left[row][pixel] right[step][pixel]` for a matrix of `rows` rows with a number for each
    /// pixel.
    pub(super) fn add(&mut self, left: &[f32], rows: usize, right: Right<'_>, tiles: Tiles) {
        // SAFETY: tiles are named only where the processor has been asked for what they need.
        with_tiles!(tiles, S => unsafe { sum_by_tiles::<S>(self, left, rows, right) });
    }

    /// Ends a span before these pixels if they would make it longer than a span is; says from what they start.
    fn start(&mut self, pixels: usize) -> Start<'static> {
        if self.pixels > 0 && self.pixels + pixels > products::SPAN {
            self.end_span();
        }
        let start = if self.pixels == 0 { Start::Zero } else { Start::Output };
        self.pixels += pixels;
        start
    }

    fn end_span(&mut self) {
        self.total.resize(self.span.len(), 0.0);
        self.total.iter_mut().zip(&*self.span).for_each(|(total, &sum)| *total += f64::from(sum));
        self.pixels = 0;
    }

    /// Writes the sum.
    pub(super) fn finish(mut self) {
        if !self.total.is_empty() {
            self.end_span();
            self.span.iter_mut().zip(&self.total).for_each(|(out, &total)| *out = total as f32);
        }
    }
}

/// # Safety
/// The processor is of the kind `S`.
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
        let start = sum.start(pixels);
        let part = Output { numbers: &mut *sum.span, row_stride: steps };
        // SAFETY: the caller vouches for the processor.
        unsafe {
            pack_rows::<S>(
                &mut of_left[..rows * pixels],
                matrix,
                first,
                pixels,
                balanced(rows, S::TILE_ROWS),
            );
            pack_steps::<S>(panels, right, vectors);
            part.product::<S>([rows, pixels, steps], [of_left, panels], start);
        }
    }
}
