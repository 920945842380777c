//! The convolution and its input gradient: for each point, transformed weights times transformed tiles.
//!
//! Vector lanes are units (strips of images). A block of tiles is transformed for all channels, then multiplied with a
//! few rows of the weight at a time, so the products stay in the cache until they are transformed back.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::lanes::{MAX_LANES, Run, Window, Write, scatter};
use super::points::{Axis, weights_of};
use super::tiling::{Planes, Tiling};
use super::transforms::{OfInput, OfOutput, from_points, to_points};
use super::weights::Weights;
use super::{Correlation, Phases, Shared, filters, read_by, with_axes};
use crate::cpu::conv::Epilogue;
use crate::cpu::gemm::{balanced, floats, tile};
use crate::cpu::isa::simd::Simd;
use crate::cpu::isa::with_isa;
use crate::{Init, Isa, each_isa};

/// The number of tile vectors in a block: enough to reuse each part of the weight while it is in the cache.
pub(super) const VECTORS: usize = 8;
/// Padding in elements between the matrices of two points, so that they do not map to the same cache sets.
pub(super) const APART: usize = 16;
/// The number of channels that one task transforms if tasks share a block.
const CHANNELS_OF_TASK: usize = 8;

/// Tiles that are multiplied together.
#[derive(Clone, Copy)]
struct Block<'a> {
    sizes: Correlation,
    tiling: Tiling,
    groups: &'a [Group],
    /// Their transforms: for each point and panel of tiles, a row for each channel and filter.
    tiles: Shared,
    /// The stride in elements from one point to the next.
    of_point: usize,
}

/// A group of units, one in each vector lane: the memory of their inputs and of their outputs.
struct Group {
    from: [Run; MAX_LANES],
    rows: Range<usize>,
    to: [Run; MAX_LANES],
}

pub(super) fn compute(
    sizes: &Correlation,
    y: &mut [f32],
    x: &[f32],
    weights: &Weights,
    epilogue: Epilogue<'_>,
    isa: Isa,
) -> bool {
    assert!(weights.fit(sizes, isa), "the weight was transformed for this correlation");
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == sizes.o), "a bias has an element for each channel");
    if y.is_empty() {
        return true;
    }
    // SAFETY: the caller passes a supported `isa`, so the CPU supports `S`; the first assert checks the weights.
    with_isa!(isa, S => with_axes!(sizes, R, C => unsafe { of_axes::<S, R, C>(*sizes, y, x, weights, epilogue) }))
}

/// Computes the outputs block by block; returns whether all sums were finite before the activation.
///
/// # Safety
/// The CPU supports `S`, and the weights were transformed for this correlation.
unsafe fn of_axes<S: Simd, R: Axis, C: Axis>(
    sizes: Correlation,
    y: &mut [f32],
    x: &[f32],
    weights: &Weights,
    epilogue: Epilogue<'_>,
) -> bool {
    let tiling = Tiling::new(sizes.n, sizes.out, R::OUT, S::LANES, VECTORS);
    let threads = rayon::current_num_threads();
    let at_once = (VECTORS / tiling.tiles_of_unit()).max(1);
    let blocks = tiling.groups().div_ceil(at_once);
    // Rounded up to equal blocks for the threads. This does not change any bit: no output depends on another tile.
    let at_once = tiling.groups().div_ceil(blocks.next_multiple_of(threads.min(tiling.groups())));
    let groups: Vec<Group> =
        (0..tiling.groups()).map(|group| Group::new::<R>(&sizes, &tiling, group)).collect();
    let of_last = |run: &Run, planes: usize, area: usize| Run {
        start: run.start + ((planes - 1) * area) as isize,
        ..*run
    };
    for group in &groups {
        let from = group.from.iter().map(|run| of_last(run, sizes.c, Correlation::area(sizes.image)));
        assert!(
            from.chain(group.from).all(|run| run.is_within(x.len())),
            "the tiles of a unit lie within the images"
        );
        let to = group.to.iter().map(|run| of_last(run, sizes.o, Correlation::area(sizes.out)));
        assert!(
            to.chain(group.to).all(|run| run.is_within(y.len())),
            "the tiles of a unit lie within the outputs"
        );
    }
    let y = Shared(y.as_mut_ptr());
    let is_finite = AtomicBool::new(true);
    // SAFETY: the asserts check that all runs lie within `x` and `y`; no two blocks write the same outputs.
    let block = |groups: &[Group], is_shared: bool| unsafe {
        of_block::<S, R, C>((sizes, tiling, groups), (y, &is_finite), x, weights, epilogue, is_shared);
    };
    if groups.len().div_ceil(at_once) >= threads {
        groups.par_chunks(at_once).for_each(|groups| block(groups, false));
    } else {
        groups.chunks(at_once).for_each(|groups| block(groups, true));
    }
    is_finite.into_inner()
}

impl Group {
    fn new<R: Axis>(sizes: &Correlation, tiling: &Tiling, group: usize) -> Self {
        let from = Planes { channels: sizes.c, sides: sizes.image, before: sizes.before[0], step: R::STEP };
        let to = Planes { channels: sizes.o, sides: sizes.out, before: 0, step: R::OUT };
        let (from, rows) = tiling.runs(group, from, read_by::<R>(tiling.rows, sizes.kernel[0]));
        let (to, _) = tiling.runs(group, to, R::OUT * tiling.rows);
        Self { from, rows, to }
    }
}

/// Transforms a block of tiles and multiplies it with the weight; the tasks share the block if `is_shared`.
///
/// # Safety
/// The CPU supports `S`; the runs of the groups lie within `x` and `y`; no other thread accesses these elements of `y`.
unsafe fn of_block<S: Simd, R: Axis, C: Axis>(
    (sizes, tiling, groups): (Correlation, Tiling, &[Group]),
    y: (Shared, &AtomicBool),
    x: &[f32],
    weights: &Weights,
    epilogue: Epilogue<'_>,
    is_shared: bool,
) {
    let panels = (groups.len() * tiling.tiles_of_unit()).div_ceil(2);
    let of_point = panels * weights.inner * S::TILE_COLUMNS + APART;
    let mut tiles = floats(R::POINTS * C::POINTS * of_point);
    let tiles = Shared(bytemuck::cast_slice_mut::<u8, f32>(tiles.bytes_mut()).as_mut_ptr());
    let block = Block { sizes, tiling, groups, tiles, of_point };
    let n_rows = sizes.o.div_ceil(weights.rows);
    let rows = |index: usize| index * weights.rows..sizes.o.min((index + 1) * weights.rows);
    // SAFETY: the caller guarantees the runs and exclusive access to `y`; each task has channels of `tiles`, or rows of
    // `y`, of its own.
    unsafe {
        if is_shared {
            let channels = |task: usize| task * CHANNELS_OF_TASK..sizes.c.min((task + 1) * CHANNELS_OF_TASK);
            let tasks = (0..sizes.c.div_ceil(CHANNELS_OF_TASK)).into_par_iter();
            tasks.for_each(|task| transform_tiles::<S, R, C>(block, x, channels(task)));
            let tasks = (0..n_rows).into_par_iter();
            tasks.for_each(|index| multiply::<S, R, C>(block, y, weights.of(index), rows(index), epilogue));
        } else {
            transform_tiles::<S, R, C>(block, x, 0..sizes.c);
            (0..n_rows)
                .for_each(|index| multiply::<S, R, C>(block, y, weights.of(index), rows(index), epilogue));
        }
    }
}

each_isa! {
    /// Transforms some channels of all tiles of a block.
    ///
    /// # Safety
    /// The CPU supports `S`; the runs of the groups lie within `x` for these channels; `block.tiles` has room for all
    /// tiles, and no other thread accesses the rows of these channels in it.
    unsafe fn transform_tiles<S: Simd, R: Axis, C: Axis>(block: Block<'_>, x: &[f32], channels: Range<usize>) {
        let Block { sizes, tiling, groups, tiles, of_point } = block;
        let [rows, columns] = [filters(sizes.kernel[0], R::TAPS), filters(sizes.kernel[1], C::TAPS)];
        let inner = sizes.c * rows * columns;
        let mut window = Window::new::<S>(
            read_by::<R>(tiling.rows, sizes.kernel[0]),
            read_by::<C>(tiling.columns, sizes.kernel[1]),
            sizes.before[1],
            sizes.image[1],
        );
        let area = Correlation::area(sizes.image);
        for (index, group) in groups.iter().enumerate() {
            for channel in channels.clone() {
                // SAFETY: the caller guarantees the runs and the room in `tiles`; a window has the rows and columns of
                // all tiles of a unit.
                unsafe {
                    window.fill::<S>(x.as_ptr(), &group.from, channel * area, group.rows.clone());
                    for place in 0..tiling.tiles_of_unit() {
                        let (row, column) = (place / tiling.columns * R::STEP, place % tiling.columns * C::STEP);
                        let vector = index * tiling.tiles_of_unit() + place;
                        for filter in 0..rows * columns {
                            let (row, column) = (row + filter / columns * R::TAPS, column + filter % columns * C::TAPS);
                            let step = vector / 2 * inner + channel * rows * columns + filter;
                            let to = tiles.0.add(step * S::TILE_COLUMNS + vector % 2 * S::LANES);
                            to_points::<S, OfInput<R>, OfInput<C>>(
                                |i, j| window.at::<S>(row + i, column + j),
                                |point, vector| S::store(to.add(point * of_point), vector),
                            );
                        }
                    }
                }
            }
        }
    }

    /// Computes the outputs of some rows of the weight for all tiles of a block, and clears `is_finite` if a sum is not
    /// finite before the activation.
    ///
    /// # Safety
    /// The CPU supports `S`; the transforms of the tiles are complete; the runs of the groups lie within `y` for these
    /// rows, which no other thread accesses.
    unsafe fn multiply<S: Simd, R: Axis, C: Axis>(
        block: Block<'_>,
        y: (Shared, &AtomicBool),
        weights: (&[f32], usize),
        rows: Range<usize>,
        epilogue: Epilogue<'_>,
    ) {
        let Block { sizes, tiling, groups, tiles, of_point } = block;
        let ((y, is_finite), (weights, inner)) = (y, weights);
        let n_rows = rows.len();
        let of_weights = n_rows * inner + APART;
        assert!(weights.len() >= R::WEIGHTS * C::WEIGHTS * of_weights, "the transformed weights cover all Winograd points");
        let panels = (groups.len() * tiling.tiles_of_unit()).div_ceil(2);
        let of_products = panels * n_rows * S::TILE_COLUMNS + APART;
        let mut products = floats(R::POINTS * C::POINTS * of_products);
        let products: &mut [f32] = bytemuck::cast_slice_mut(products.bytes_mut());
        let products = products.as_mut_ptr();
        let steps_at_once = balanced(inner, S::INNER_BLOCK);
        for point in 0..R::POINTS * C::POINTS {
            for panel in 0..panels {
                for first in (0..inner).step_by(steps_at_once) {
                    let init = if first == 0 { Init::Zero } else { Init::Accumulate };
                    // SAFETY: both panels have `inner` steps, and `products` has room for all rows of all panels.
                    unsafe {
                        tile::<S>(
                            n_rows,
                            S::TILE_COLUMNS,
                            steps_at_once.min(inner - first),
                            weights.as_ptr().add(weights_of::<R, C>(point) * of_weights + first * n_rows),
                            tiles.0.add(point * of_point + (panel * inner + first) * S::TILE_COLUMNS),
                            products.add(point * of_products + panel * n_rows * S::TILE_COLUMNS),
                            S::TILE_COLUMNS,
                            init,
                        );
                    }
                }
            }
        }
        let width = sizes.out[1];
        let len = R::OUT * tiling.rows * width * S::LANES;
        let mut outputs = floats(len.next_multiple_of(S::LANES * S::LANES));
        let outputs: &mut [f32] = bytemuck::cast_slice_mut(outputs.bytes_mut());
        // SAFETY: the caller guarantees that the CPU supports `S`.
        let zero = unsafe { S::zero() };
        // Zero times a finite number is zero; zero times infinity or NaN is NaN.
        let mut check = zero;
        let write = Write::replacing(sizes.n * sizes.o * Correlation::area(sizes.out));
        for row in 0..n_rows {
            // SAFETY: the caller guarantees that the CPU supports `S`.
            let bias = epilogue.bias.map(|bias| unsafe { S::splat(bias[rows.start + row]) });
            for (index, group) in groups.iter().enumerate() {
                let to = outputs.as_mut_ptr();
                for place in 0..tiling.tiles_of_unit() {
                    let vector = index * tiling.tiles_of_unit() + place;
                    let (first, column) = (place / tiling.columns * R::OUT, place % tiling.columns * C::OUT);
                    let tile = (vector / 2 * n_rows + row) * S::TILE_COLUMNS + vector % 2 * S::LANES;
                    // SAFETY: `from` points to the products of this row and tile; `outputs` has room for all rows of a
                    // unit, and columns beyond the last are not stored.
                    unsafe {
                        let (from, to) = (products.add(tile), to.add((first * width + column) * S::LANES));
                        from_points::<S, OfOutput<R>, OfOutput<C>>(
                            |point| S::load(from.add(point * of_products)),
                            |i, j, sum| {
                                let sum = bias.map_or(sum, |bias| S::add(sum, bias));
                                check = S::multiply_add(zero, sum, check);
                                if column + j < width {
                                    S::store(to.add((i * width + j) * S::LANES), sum);
                                }
                            },
                        );
                    }
                }
                epilogue.activation.apply(&mut outputs[..len]);
                let area = Correlation::area(sizes.out);
                let runs = group.to.map(|run| run.moved((rows.start + row) * area));
                // SAFETY: the caller guarantees that the runs lie within `y`; `outputs` is rounded up to whole squares.
                unsafe { scatter::<S>(y.0, &runs, outputs.as_ptr(), write) };
            }
        }
        // SAFETY: the CPU supports `S`.
        unsafe { S::fence() };
        let mut lanes = [0f32; MAX_LANES];
        // SAFETY: `lanes` has room for `MAX_LANES` elements, and `S::LANES` is at most that.
        unsafe { S::store(lanes.as_mut_ptr(), check) };
        if lanes != [0.0; MAX_LANES] {
            is_finite.store(false, Ordering::Relaxed);
        }
    }
}
