//! Products of a matrix in memory with numbers that are read from images: by our tiles or the `gemm` crate.

use std::borrow::Cow;

use gemm::Parallelism;

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
pub(super) struct Left<'a> {
    numbers: Cow<'a, [f32]>,
    rows: usize,
    tiles: Tiles,
    /// Panels of all blocks of steps, one behind the other, where the tiles are ours.
    panels: Option<Buffer>,
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

impl<'a> Left<'a> {
    /// `numbers` has `rows` rows of `steps` numbers, neither of them zero; the processor can run the tiles.
    pub(super) fn new(numbers: Cow<'a, [f32]>, rows: usize, steps: usize, tiles: Tiles) -> Self {
        // SAFETY: tiles are named only where the processor has been asked for what they need.
        let panels = with_tiles!(tiles, S => Some(unsafe { panels_of::<S>(&numbers, rows, steps) }), None);
        Self { numbers, rows, tiles, panels }
    }

    /// `out[row][pixel] = start + sum over steps of self[row][step] right[step][pixel]`
    pub(super) fn times_pixels(&self, out: Output<'_>, right: Right<'_>, start: Start<'_>) {
        // SAFETY: as in `new`.
        with_tiles!(self.tiles, S => unsafe { self.by_tiles::<S>(out, right, start) },
            self.times_pixels_foreign(out, right, start));
    }

    /// # Safety
    /// The processor is of the kind `S`.
    unsafe fn by_tiles<S: Simd>(&self, out: Output<'_>, right: Right<'_>, start: Start<'_>) {
        let of_left: &[f32] = bytemuck::cast_slice(self.panels.as_ref().expect("tiles have panels").bytes());
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

    fn times_pixels_foreign(&self, out: Output<'_>, right: Right<'_>, start: Start<'_>) {
        let steps = right.steps.len();
        let mut read = floats(steps * LANES * VECTORS);
        let read: &mut [f32] = bytemuck::cast_slice_mut(read.bytes_mut());
        for first in (0..right.columns.vectors.len()).step_by(VECTORS) {
            let width = right.read(read, first, VECTORS);
            let a = Strided { numbers: &self.numbers, row_stride: steps, column_stride: 1 };
            let b = Strided { numbers: read, row_stride: width, column_stride: 1 };
            let part = Output { numbers: &mut out.numbers[first * LANES..], row_stride: out.row_stride };
            foreign(part, [self.rows, steps, width], [a, b], start);
        }
    }
}

/// `out[row][step] = start + sum over pixels of left[row][pixel] right[step][pixel]`, for a matrix of `rows`
/// rows with a number for each pixel.
pub(super) fn sum_over_pixels(
    out: Output<'_>,
    left: &[f32],
    rows: usize,
    right: Right<'_>,
    start: Start<'_>,
    tiles: Tiles,
) {
    // SAFETY: tiles are named only where the processor has been asked for what they need.
    with_tiles!(tiles, S => unsafe { sum_by_tiles::<S>(out, left, rows, right, start) },
        sum_over_pixels_foreign(out, left, rows, right, start));
}

/// # Safety
/// The processor is of the kind `S`.
unsafe fn sum_by_tiles<S: Simd>(
    out: Output<'_>,
    left: &[f32],
    rows: usize,
    right: Right<'_>,
    mut start: Start<'_>,
) {
    let (columns, steps) = (right.columns, right.steps.len());
    let most = INNER_VECTORS.min(columns.vectors.len()) * LANES;
    let (mut of_left, mut panels) = (floats(rows * most), floats(most * steps.next_multiple_of(LANES)));
    let of_left: &mut [f32] = bytemuck::cast_slice_mut(of_left.bytes_mut());
    let panels: &mut [f32] = bytemuck::cast_slice_mut(panels.bytes_mut());
    let matrix = Matrix::new(left, rows, columns.len, false);
    for (block, vectors) in columns.vectors.chunks(INNER_VECTORS).enumerate() {
        let first = block * INNER_VECTORS * LANES;
        let pixels = (columns.len - first).min(INNER_VECTORS * LANES);
        let part = Output { numbers: &mut *out.numbers, row_stride: out.row_stride };
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
        start = Start::Output;
    }
}

fn sum_over_pixels_foreign(
    out: Output<'_>,
    left: &[f32],
    rows: usize,
    right: Right<'_>,
    mut start: Start<'_>,
) {
    let steps = right.steps.len();
    let mut read = floats(steps * LANES * INNER_VECTORS);
    let read: &mut [f32] = bytemuck::cast_slice_mut(read.bytes_mut());
    for first in (0..right.columns.vectors.len()).step_by(INNER_VECTORS) {
        let pixels = right.read(read, first, INNER_VECTORS);
        let a = Strided { numbers: &left[first * LANES..], row_stride: right.columns.len, column_stride: 1 };
        let b = Strided { numbers: read, row_stride: 1, column_stride: pixels };
        let part = Output { numbers: &mut *out.numbers, row_stride: out.row_stride };
        foreign(part, [rows, pixels, steps], [a, b], start);
        start = Start::Output;
    }
}

impl Right<'_> {
    /// Writes the numbers of up to `count` vectors of pixels, a row for each step, and says how many pixels
    /// these are.
    fn read(&self, to: &mut [f32], first: usize, count: usize) -> usize {
        let vectors = &self.columns.vectors[first..self.columns.vectors.len().min(first + count)];
        let pixels: usize = vectors.iter().map(|vector| vector.len).sum();
        for (row, &step) in to.chunks_exact_mut(pixels).zip(self.steps) {
            let places = vectors.iter().flat_map(|vector| &vector.places[..vector.len]);
            row.iter_mut().zip(places).for_each(|(to, &place)| *to = self.source[step + place as usize]);
        }
        pixels
    }
}

struct Strided<'a> {
    numbers: &'a [f32],
    row_stride: usize,
    column_stride: usize,
}

/// `out = start + a b` by the `gemm` crate, on this thread.
fn foreign(out: Output<'_>, [m, k, n]: [usize; 3], [a, b]: [Strided<'_>; 2], start: Start<'_>) {
    let last = |x: &Strided<'_>, rows: usize, columns: usize| {
        (rows - 1) * x.row_stride + (columns - 1) * x.column_stride
    };
    assert!(last(&a, m, k) < a.numbers.len() && last(&b, k, n) < b.numbers.len(), "the matrices are whole");
    assert!((m - 1) * out.row_stride + n <= out.numbers.len(), "the output holds the product");
    // SAFETY: the asserts vouch for every element of the three matrices.
    unsafe {
        ::gemm::gemm(
            m,
            n,
            k,
            out.numbers.as_mut_ptr(),
            1,
            out.row_stride as isize,
            matches!(start, Start::Output),
            a.numbers.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.numbers.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
