//! The gradient with respect to the weight: for each point, a matrix multiplication of the transformed output gradients
//! with the transformed inputs, summed over all tiles.
//!
//! Vector lanes are channels. The tiles of a block of images are transformed together; then each task multiplies a few
//! output channels with a panel of input channels for every point and transforms the products back, so the products
//! never leave the cache.

use std::ops::Range;

use rayon::prelude::*;

use super::lanes::{MAX_LANES, Run, Window, Write, scatter};
use super::points::{Axis, weights_of};
use super::tiling::{Planes, Tiling};
use super::transforms::{OfInput, OfKernel, OfOutput, from_points, to_points};
use super::{Correlation, Phases, Shared, filters, read_by, with_axes};
use crate::cpu::conv::gemm::SumOverPixels;
use crate::cpu::gemm::{PANEL_GRAIN, balanced, floats, tile};
use crate::cpu::isa::simd::Simd;
use crate::cpu::isa::with_isa;
use crate::{Init, Isa, each_isa};

/// The target size in bytes of the transforms of a block.
const BLOCK_BYTES: usize = 8 << 20;
/// The smallest and the largest number of tiles of a block. With many tiles, the inverse transform costs little
/// compared with the matrix multiplications.
const TILES: [usize; 2] = [128, 512];
/// The largest number of tiles of a unit; the inputs of these tiles fit in the L1 and L2 caches.
const TILES_OF_UNIT: usize = 32;
/// Padding in elements between the matrices of two points, so that they do not map to the same cache sets.
const APART: usize = 16;

/// A block of tiles that are summed over together, and their transforms.
#[derive(Clone, Copy)]
struct Block {
    sizes: Correlation,
    tiling: Tiling,
    /// The index of the first unit.
    first: usize,
    /// The number of tiles.
    tiles: usize,
    /// The number of rows of the left matrix in a panel.
    rows: usize,
    /// The left matrices: for each point, panels of output channels with one line for each tile.
    left: Shared,
    /// The right matrices: for each point, filter and panel of input channels, one line for each tile.
    right: Shared,
    /// The stride in elements from one point to the next, in `left` and in `right`.
    of_points: [usize; 2],
}

pub(super) fn compute(sizes: &Correlation, dweight: &mut [f32], x: &[f32], dy: &[f32], isa: Isa) {
    let area = Correlation::area;
    assert_eq!(
        x.len(),
        sizes.n * sizes.c * area(sizes.image),
        "the images have the sizes of the convolution"
    );
    assert_eq!(
        dy.len(),
        sizes.n * sizes.o * area(sizes.out),
        "the gradients have the sizes of the convolution"
    );
    assert_eq!(
        dweight.len(),
        sizes.o * sizes.c * area(sizes.kernel),
        "the weight has the sizes of the convolution"
    );
    if dy.is_empty() || dweight.is_empty() {
        return dweight.fill(0.0);
    }
    // SAFETY: the caller passes a supported `isa`, so the CPU supports `S`; the asserts check the lengths of the
    // slices.
    with_isa!(isa, S => with_axes!(grad_weight sizes, R, C => unsafe { of_axes::<S, R, C>(*sizes, dweight, x, dy) }));
}

/// Sums the gradient over blocks of tiles.
///
/// # Safety
/// The CPU supports `S`; all slices have the lengths given by `sizes`.
unsafe fn of_axes<S: Simd, R: Axis, C: Axis>(sizes: Correlation, dweight: &mut [f32], x: &[f32], dy: &[f32]) {
    let tiling = Tiling::new(sizes.n, sizes.out, R::OUT, 1, TILES_OF_UNIT);
    let points = R::POINTS * C::POINTS;
    let rows = balanced(sizes.o, S::TILE_ROWS);
    let n_filters = filters(sizes.kernel[0], R::TAPS) * filters(sizes.kernel[1], C::TAPS);
    let columns = n_filters * sizes.c.next_multiple_of(PANEL_GRAIN);
    let most = BLOCK_BYTES / (points * size_of::<f32>() * (sizes.o + columns));
    let units = (most.clamp(TILES[0], TILES[1]) / tiling.tiles_of_unit()).max(1);
    let units = balanced(tiling.units(), units);
    let tiles = units * tiling.tiles_of_unit();
    let of_points = [sizes.o * tiles + APART, columns * tiles + APART];
    let [mut left, mut right] = of_points.map(|of_point| floats(points * of_point));
    let shared = |buffer: &mut crate::memory::Buffer| {
        Shared(bytemuck::cast_slice_mut::<u8, f32>(buffer.bytes_mut()).as_mut_ptr())
    };
    let (left, right) = (shared(&mut left), shared(&mut right));
    let (row_blocks, lane_groups) = (sizes.o.div_ceil(rows), sizes.c.div_ceil(S::LANES));
    let panels = sizes.c.div_ceil(S::TILE_COLUMNS);
    let mut sum = SumOverPixels::new(dweight);
    for first in (0..tiling.units()).step_by(units) {
        let here = units.min(tiling.units() - first);
        let tiles = here * tiling.tiles_of_unit();
        let block = Block { sizes, tiling, first, tiles, rows, left, right, of_points };
        let is_added = matches!(sum.init(tiles), Init::Accumulate);
        let to = Shared(sum.elements().as_mut_ptr());
        // SAFETY: the caller guarantees that the CPU supports `S` and that the slices have their lengths; each task
        // writes elements of its own, and the first loop ends before the second reads its transforms.
        unsafe {
            let tasks = (0..here * (row_blocks + lane_groups)).into_par_iter();
            tasks.for_each(|task| {
                let (unit, part) = (task / (row_blocks + lane_groups), task % (row_blocks + lane_groups));
                match part.checked_sub(row_blocks) {
                    None => transform_gradients::<S, R, C>(block, dy, unit, part),
                    Some(group) => transform_inputs::<S, R, C>(block, x, unit, group),
                }
            });
            let tasks = (0..row_blocks * panels).into_par_iter();
            tasks.for_each(|task| multiply::<S, R, C>(block, to, is_added, task / panels, task % panels));
        }
    }
    sum.finish();
}

impl Block {
    /// The memory of some channels of a unit of this block, one run for each.
    fn runs(&self, planes: Planes, unit: usize, channels: Range<usize>, rows: usize) -> [Run; MAX_LANES] {
        let (image, first) = self.tiling.unit(self.first + unit);
        let mut runs = [Run::default(); MAX_LANES];
        for (run, channel) in runs.iter_mut().zip(channels) {
            *run = planes.run(image, channel, first, rows);
        }
        runs
    }

    fn rows(&self, index: usize) -> Range<usize> {
        index * self.rows..self.sizes.o.min((index + 1) * self.rows)
    }
}

/// The number of columns of the panel that begins at channel `first`, rounded up to whole vectors.
fn panel_width<S: Simd>(channels: usize, first: usize) -> usize {
    (channels - first).next_multiple_of(PANEL_GRAIN).min(S::TILE_COLUMNS)
}

each_isa! {
    /// Transforms the output gradients of one unit for a block of output channels.
    ///
    /// # Safety
    /// The CPU supports `S`; `dy` has the length given by the sizes; no other thread accesses the lines of this unit
    /// and these channels.
    unsafe fn transform_gradients<S: Simd, R: Axis, C: Axis>(block: Block, dy: &[f32], unit: usize, index: usize) {
        let Block { sizes, tiling, .. } = block;
        let rows = block.rows(index);
        let planes = Planes { channels: sizes.o, sides: sizes.out, before: 0, step: R::OUT };
        let runs = block.runs(planes, unit, rows.clone(), R::OUT * tiling.rows);
        let inside = 0..runs[0].end / sizes.out[1];
        let mut window = Window::new::<S>(R::OUT * tiling.rows, C::OUT * tiling.columns, 0, sizes.out[1]);
        // SAFETY: by the length of `dy`, the runs lie within it; masked lanes are not written.
        unsafe {
            window.fill::<S>(dy.as_ptr(), &runs, 0, inside);
            let lanes = S::first(rows.len());
            for place in 0..tiling.tiles_of_unit() {
                let (row, column) = (place / tiling.columns * R::OUT, place % tiling.columns * C::OUT);
                let tile = unit * tiling.tiles_of_unit() + place;
                let to = block.left.0.add(rows.start * block.tiles + tile * rows.len());
                to_points::<S, OfOutput<R>, OfOutput<C>>(
                    |i, j| window.at::<S>(row + i, column + j),
                    |point, vector| S::store_some(lanes, to.add(point * block.of_points[0]), vector),
                );
            }
        }
    }

    /// Transforms the inputs of one unit for as many channels as a vector has lanes.
    ///
    /// # Safety
    /// The CPU supports `S`; `x` has the length given by the sizes; no other thread accesses the lines of this unit and
    /// these channels.
    unsafe fn transform_inputs<S: Simd, R: Axis, C: Axis>(block: Block, x: &[f32], unit: usize, group: usize) {
        let Block { sizes, tiling, .. } = block;
        let [filter_rows, filter_columns] = [filters(sizes.kernel[0], R::TAPS), filters(sizes.kernel[1], C::TAPS)];
        let channels = group * S::LANES..sizes.c.min((group + 1) * S::LANES);
        let planes = Planes { channels: sizes.c, sides: sizes.image, before: sizes.before[0], step: R::STEP };
        let n_rows = read_by::<R>(tiling.rows, sizes.kernel[0]);
        let runs = block.runs(planes, unit, channels.clone(), n_rows);
        let inside = runs[0].first / sizes.image[1]..runs[0].end / sizes.image[1];
        let columns = read_by::<C>(tiling.columns, sizes.kernel[1]);
        let mut window = Window::new::<S>(n_rows, columns, sizes.before[1], sizes.image[1]);
        let first = channels.start / S::TILE_COLUMNS * S::TILE_COLUMNS;
        let width = panel_width::<S>(sizes.c, first);
        // SAFETY: by the length of `x`, the runs lie within it; a panel has room for whole vectors.
        unsafe {
            window.fill::<S>(x.as_ptr(), &runs, 0, inside);
            for place in 0..tiling.tiles_of_unit() {
                let tile = unit * tiling.tiles_of_unit() + place;
                for filter in 0..filter_rows * filter_columns {
                    let row = place / tiling.columns * R::STEP + filter / filter_columns * R::TAPS;
                    let column = place % tiling.columns * C::STEP + filter % filter_columns * C::TAPS;
                    let panel = (filter * sizes.c.next_multiple_of(PANEL_GRAIN) + first) * block.tiles;
                    let to = block.right.0.add(panel + tile * width + channels.start - first);
                    to_points::<S, OfInput<R>, OfInput<C>>(
                        |i, j| window.at::<S>(row + i, column + j),
                        |point, vector| S::store(to.add(point * block.of_points[1]), vector),
                    );
                }
            }
        }
    }

    /// Computes the gradient for the weights between a block of output channels and a panel of input channels.
    ///
    /// # Safety
    /// The CPU supports `S`; both transforms of the block are complete; `dweight` has the length given by the sizes; no
    /// other thread accesses these weights.
    unsafe fn multiply<S: Simd, R: Axis, C: Axis>(
        block: Block,
        dweight: Shared,
        is_added: bool,
        index: usize,
        panel: usize,
    ) {
        let Block { sizes, tiles, .. } = block;
        let [kernel_rows, kernel_columns] = sizes.kernel;
        let filter_columns = filters(kernel_columns, C::TAPS);
        let (area, rows, first) = (kernel_rows * kernel_columns, block.rows(index), panel * S::TILE_COLUMNS);
        let width = panel_width::<S>(sizes.c, first);
        let of_product = rows.len() * S::TILE_COLUMNS + APART;
        let mut products = floats(R::WEIGHTS * C::WEIGHTS * of_product);
        let products: &mut [f32] = bytemuck::cast_slice_mut(products.bytes_mut());
        let products = products.as_mut_ptr();
        // For each row, two vectors of channels, each with all taps.
        let of_taps = area.next_multiple_of(S::LANES) * S::LANES;
        let mut taps = floats(2 * rows.len() * of_taps);
        let taps: &mut [f32] = bytemuck::cast_slice_mut(taps.bytes_mut());
        let taps = taps.as_mut_ptr();
        let steps_at_once = balanced(tiles, S::INNER_BLOCK);
        let vectors = width.div_ceil(S::LANES);
        for filter in 0..filters(kernel_rows, R::TAPS) * filter_columns {
            let right = (filter * sizes.c.next_multiple_of(PANEL_GRAIN) + first) * tiles;
            let mut begun = 0;
            for point in 0..R::POINTS * C::POINTS {
                // Products that share a transformed weight are accumulated into one sum; the first product of each sum
                // overwrites it.
                let sum = weights_of::<R, C>(point);
                let is_first = sum == begun;
                begun += usize::from(is_first);
                for step in (0..tiles).step_by(steps_at_once) {
                    let init = if is_first && step == 0 { Init::Zero } else { Init::Accumulate };
                    // SAFETY: both panels have a line for each tile, and `products` has room for a tile of sums at each
                    // point.
                    unsafe {
                        let left = block.left.0.add(point * block.of_points[0] + rows.start * tiles);
                        let right = block.right.0.add(point * block.of_points[1] + right);
                        tile::<S>(
                            rows.len(),
                            width,
                            steps_at_once.min(tiles - step),
                            left.add(step * rows.len()),
                            right.add(step * width),
                            products.add(sum * of_product),
                            S::TILE_COLUMNS,
                            init,
                        );
                    }
                }
            }
            let (row, column) = (filter / filter_columns * R::TAPS, filter % filter_columns * C::TAPS);
            for place in 0..rows.len() * vectors {
                let (of_row, vector) = (place / vectors, place % vectors);
                // SAFETY: `from` points to the products of this row and vector, one a point; taps outside of the kernel
                // are not stored.
                unsafe {
                    let from = products.add(of_row * S::TILE_COLUMNS + vector * S::LANES);
                    let to = taps.add((2 * of_row + vector) * of_taps);
                    from_points::<S, OfKernel<R>, OfKernel<C>>(
                        |point| S::load(from.add(point * of_product)),
                        |i, j, sum| {
                            if row + i < kernel_rows && column + j < kernel_columns {
                                S::store(to.add(((row + i) * kernel_columns + column + j) * S::LANES), sum);
                            }
                        },
                    );
                }
            }
        }
        for place in 0..rows.len() * vectors {
            let (of_row, vector) = (place / vectors, place % vectors);
            let mut runs = [Run::default(); MAX_LANES];
            let channel = first + vector * S::LANES;
            for (run, channel) in runs.iter_mut().zip(channel..sizes.c.min(channel + S::LANES)) {
                let start = ((rows.start + of_row) * sizes.c + channel) * area;
                *run = Run { start: start as isize, first: 0, end: area };
            }
            let write = if is_added { Write::Add } else { Write::Set };
            // SAFETY: the runs are the weights of this row and these channels, which lie within `dweight` by its
            // length.
            unsafe { scatter::<S>(dweight.0, &runs, taps.add((2 * of_row + vector) * of_taps), write) };
        }
    }
}
