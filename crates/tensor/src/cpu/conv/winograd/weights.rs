//! The weight of a Winograd convolution, transformed into panels for each point.

use std::ops::Range;

use rayon::prelude::*;

use super::lanes::{MAX_LANES, Run, gather};
use super::points::Axis;
use super::product::APART;
use super::transforms::{OfKernel, to_points};
use super::{Correlation, Phases, filters, with_axes};
use crate::cpu::gemm::{balanced, floats};
use crate::cpu::isa::simd::Simd;
use crate::cpu::isa::with_isa;
use crate::memory::Buffer;
use crate::{Isa, each_isa};

/// The number of weight channels that are transformed at once.
const CHANNELS_AT_ONCE: usize = 16;

/// The transformed weight: for each block of rows and each point, a panel of the left operand.
#[derive(Debug)]
pub(in crate::cpu::conv) struct Weights {
    /// The correlation for which the weight was transformed, without the sizes of its images, and the instruction set.
    of: (Correlation, Isa),
    panels: Buffer,
    /// The number of rows in a block.
    pub(super) rows: usize,
    /// The number of steps of a panel.
    pub(super) inner: usize,
    of_rows: usize,
}

impl Weights {
    /// Transforms a weight for a correlation with any number and size of images; the CPU supports `isa`.
    pub(super) fn new(sizes: &Correlation, weight: &[f32], isa: Isa) -> Self {
        let of = (sizes.without_images(), isa);
        // SAFETY: the caller passes a supported `isa`, so the CPU supports `S`.
        with_isa!(isa, S => with_axes!(sizes, R, C => unsafe { Self::of_axes::<S, R, C>(of, weight) }))
    }

    /// Whether the weight was transformed for this correlation and instruction set.
    pub(in crate::cpu::conv) fn fit(&self, sizes: &Correlation, isa: Isa) -> bool {
        self.of == (sizes.without_images(), isa)
    }

    /// Transforms all blocks of rows.
    ///
    /// # Safety
    /// The CPU supports `S`.
    unsafe fn of_axes<S: Simd, R: Axis, C: Axis>(of: (Correlation, Isa), weight: &[f32]) -> Self {
        let (sizes, _) = of;
        let inner = sizes.c * filters(sizes.kernel[0], R::TAPS) * filters(sizes.kernel[1], C::TAPS);
        let rows = balanced(sizes.o, S::TILE_ROWS);
        let of_rows = R::WEIGHTS * C::WEIGHTS * (rows * inner + APART);
        let mut panels = floats(sizes.o.div_ceil(rows) * of_rows);
        let elements: &mut [f32] = bytemuck::cast_slice_mut(panels.bytes_mut());
        elements.par_chunks_mut(of_rows).enumerate().for_each(|(index, panels)| {
            let rows = index * rows..sizes.o.min((index + 1) * rows);
            // SAFETY: the caller guarantees that the CPU supports `S`.
            unsafe { transform_weight::<S, R, C>(panels, sizes, weight, rows) };
        });
        Self { of, panels, rows, inner, of_rows }
    }

    /// The panels of a block of rows, and the number of steps of each panel.
    pub(super) fn of(&self, index: usize) -> (&[f32], usize) {
        let panels: &[f32] = bytemuck::cast_slice(self.panels.bytes());
        (&panels[index * self.of_rows..(index + 1) * self.of_rows], self.inner)
    }
}

each_isa! {
    /// Transforms some rows of the weight into a panel for each point.
    ///
    /// # Safety
    /// The CPU supports `S`.
    unsafe fn transform_weight<S: Simd, R: Axis, C: Axis>(
        panels: &mut [f32],
        sizes: Correlation,
        weight: &[f32],
        rows: Range<usize>,
    ) {
        let Correlation { c, o, kernel, is_turned, .. } = sizes;
        let area = Correlation::area(kernel);
        let [filter_rows, filter_columns] = [filters(kernel[0], R::TAPS), filters(kernel[1], C::TAPS)];
        let inner = c * filter_rows * filter_columns;
        let of_point = inner * rows.len() + APART;
        assert_eq!(weight.len(), c * o * area, "the weight has the sizes of its convolution");
        assert!(panels.len() >= R::WEIGHTS * C::WEIGHTS * of_point, "the panels hold the weights of all Winograd points");
        // If the weight is flipped (`is_turned`), the channels of a row are not adjacent, and the taps are in reverse
        // order.
        let at_once = if is_turned { 1 } else { CHANNELS_AT_ONCE.min(c) };
        let mut taps = floats((at_once * area).next_multiple_of(S::LANES) * S::LANES);
        let taps: &mut [f32] = bytemuck::cast_slice_mut(taps.bytes_mut());
        let taps = taps.as_mut_ptr();
        for first in (0..c).step_by(at_once) {
            let here = at_once.min(c - first);
            let mut runs = [Run::default(); MAX_LANES];
            for (run, row) in runs.iter_mut().zip(rows.clone()) {
                let start = if is_turned { (first * o + row) * area } else { (row * c + first) * area };
                *run = Run { start: start as isize, first: 0, end: here * area };
            }
            // SAFETY: the runs lie within the weight; masked lanes are not written; each point has room for all rows of
            // all channels and filters.
            unsafe {
                gather::<S>(weight.as_ptr(), &runs, 0..here * area, |tap, vector| S::store(taps.add(tap * S::LANES), vector));
                let lanes = S::first(rows.len());
                for channel in 0..here {
                    for filter in 0..filter_rows * filter_columns {
                        let [row, column] = [filter / filter_columns * R::TAPS, filter % filter_columns * C::TAPS];
                        let step = (first + channel) * filter_rows * filter_columns + filter;
                        let to = panels.as_mut_ptr().add(step * rows.len());
                        to_points::<S, OfKernel<R>, OfKernel<C>>(
                            |i, j| {
                                if row + i >= kernel[0] || column + j >= kernel[1] {
                                    return S::zero();
                                }
                                let tap = (row + i) * kernel[1] + column + j;
                                let tap = if is_turned { area - 1 - tap } else { tap };
                                S::load(taps.add((channel * area + tap) * S::LANES))
                            },
                            |point, vector| S::store_some(lanes, to.add(point * of_point), vector),
                        );
                    }
                }
            }
        }
    }
}
