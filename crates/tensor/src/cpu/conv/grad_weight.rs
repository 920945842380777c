//! The gradient with respect to the weight as matrix multiplications that sum over the pixels.
//!
//! Each task sums over a group of images for a block of input channels; the sums are added in the order of the images.

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::{Right, SumOverPixels};
use super::im2col::Im2col;
use super::{Convolution, MIN_PIXELS_OF_GEMM, counted_together};
use crate::Isa;
use crate::cpu::gemm::floats;
use crate::cpu::loops::rows;

/// The target number of channels times kernel offsets in one task.
const STEPS_AT_ONCE: usize = 320;
/// The target number of tasks of a weight gradient: enough for many threads, few enough to add up cheaply.
pub(super) const PARTS: usize = 16;

/// Computes `dweight` `[o, c, kernel]` from `x` `[n, c, image]` and `dy` `[n, o, out]` with the tiles of `isa`, which
/// the CPU supports.
pub(super) fn grad_weight(dweight: &mut [f32], x: &[f32], dy: &[f32], sizes: Convolution, isa: Isa) {
    sizes.check(x, dweight, dy);
    dweight.fill(0.0);
    if dweight.is_empty() || dy.is_empty() {
        return;
    }
    let area = Convolution::area(sizes.kernel);
    let channels_at_once = (STEPS_AT_ONCE / area).clamp(1, sizes.c);
    let blocks = sizes.c.div_ceil(channels_at_once);
    let images_at_once = sizes.n.div_ceil(PARTS.div_ceil(blocks));
    let ranges =
        |whole: usize, part: usize| (0..whole).step_by(part).map(move |first| first..whole.min(first + part));
    let tasks: Vec<[Range<usize>; 2]> = ranges(sizes.c, channels_at_once)
        .flat_map(|channels| ranges(sizes.n, images_at_once).map(move |images| [channels.clone(), images]))
        .collect();
    let sums: Vec<_> = tasks
        .par_iter()
        .map(|[channels, images]| part_of_grad_weight(x, dy, sizes, channels.clone(), images.clone(), isa))
        .collect();
    let of_row = sizes.c * area;
    rows::each(dweight.len() * sums.len(), dweight.chunks_exact_mut(of_row).enumerate(), |(row, out)| {
        for ([channels, _], sum) in tasks.iter().zip(&sums) {
            let sum: &[f32] = bytemuck::cast_slice(sum.bytes());
            let to = &mut out[channels.start * area..channels.end * area];
            let sum = &sum[row * to.len()..(row + 1) * to.len()];
            to.iter_mut().zip(sum).for_each(|(to, &sum)| *to += sum);
        }
    });
}

/// The gradient `[o, channels, kernel]` for some input channels, summed over some images in order.
fn part_of_grad_weight(
    x: &[f32],
    dy: &[f32],
    sizes: Convolution,
    channels: Range<usize>,
    images: Range<usize>,
    isa: Isa,
) -> crate::memory::Buffer {
    let (x_plane, pixels) = (Convolution::area(sizes.image), Convolution::area(sizes.out));
    let im2col = Im2col::new(channels.len(), sizes.image, sizes.out, sizes.stride, &sizes.kernel_offsets());
    let steps = im2col.steps.len();
    let mut sum = floats(sizes.o * steps);
    let mut total = SumOverPixels::new(bytemuck::cast_slice_mut(sum.bytes_mut()));
    let together = MIN_PIXELS_OF_GEMM.div_ceil(pixels).min(images.len()).min(counted_together(&im2col));
    let mut columns = im2col.columns(together, false);
    let mut turned = floats(if together > 1 { sizes.o * together * pixels } else { 0 });
    let turned: &mut [f32] = bytemuck::cast_slice_mut(turned.bytes_mut());
    for first in images.clone().step_by(together) {
        let here = first..images.end.min(first + together);
        if here.len() < together {
            columns = im2col.columns(here.len(), false);
        }
        let of_x: Vec<&[f32]> =
            here.clone().map(|n| &x[(n * sizes.c + channels.start) * x_plane..]).collect();
        let source = im2col.padded(&of_x);
        let of_dy = &dy[first * sizes.o * pixels..here.end * sizes.o * pixels];
        let left = if here.len() == 1 { of_dy } else { by_channels(turned, of_dy, sizes.o, pixels) };
        let right = Right { source: source.elements(), columns: &columns, steps: &im2col.steps };
        total.add(left, sizes.o, right, isa);
    }
    total.finish();
    sum
}

/// From `[images, channels, pixels]` to `[channels, images, pixels]`.
fn by_channels<'a>(to: &'a mut [f32], from: &[f32], channels: usize, pixels: usize) -> &'a [f32] {
    let images = from.len() / (channels * pixels);
    let to = &mut to[..from.len()];
    for (place, to) in to.chunks_exact_mut(pixels).enumerate() {
        let (channel, n) = (place / images, place % images);
        to.copy_from_slice(&from[(n * channels + channel) * pixels..][..pixels]);
    }
    to
}
