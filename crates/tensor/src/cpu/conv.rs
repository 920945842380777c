//! Convolutions in `f32`: matrix multiplications whose second matrix is gathered from the images while it is packed.
//!
//! A convolution is a matrix multiplication of the weight `[o, (c, kernel offset)]` with a matrix that has a column for
//! each output pixel and a row for each channel and kernel offset (im2col). That matrix repeats each pixel for every
//! offset; here it exists only in panels of a few hundred pixels that stay in the cache. The gradient with respect to the
//! input is such a GEMM too, one for each remainder of the stride; the gradient with respect to the weight is a GEMM that
//! sums over the pixels. The algorithms are in `conv/`: im2col by packing or in place, and Winograd's minimal
//! filtering.
//!
//! Images are distributed over threads. Each output is one sum in one order, and the gradient with respect to the
//! weight adds the sums of fixed groups of images in a fixed order, so the result does not depend on the number of
//! threads, bit for bit.

mod algorithm;
mod gemm;
mod grad_weight;
mod im2col;
mod in_place;
mod interleave;
mod panels;
mod prepared;
mod winograd;

use rayon::prelude::*;

pub use self::algorithm::Algorithm;
use self::algorithm::is_filtered;
use self::gemm::{Left, Output, Right};
use self::grad_weight::grad_weight;
use self::im2col::{Columns, Im2col};
use self::interleave::interleave;
pub use self::prepared::PreparedWeight;
use self::winograd::Correlation;
use super::gemm::floats;
use super::loops::{rows, vector};
use crate::{FusedActivation, Init, Isa};

/// The sizes of a convolution of images `[n, c, image]` with a weight `[o, c, kernel]` to `[n, o, out]`.
/// The caller must ensure that `out = (image + 2 padding - kernel) / stride + 1`, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// The number of images.
    pub n: usize,
    /// The channels of an image.
    pub c: usize,
    /// Height and width of an image.
    pub image: [usize; 2],
    /// The channels of an output.
    pub o: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// The stride along rows and columns.
    pub stride: [usize; 2],
    /// Rows and columns of zero padding on each side of an image.
    pub padding: [usize; 2],
    /// Height and width of an output.
    pub out: [usize; 2],
}

/// Small images are batched into one GEMM until they have this many pixels.
const MIN_PIXELS_OF_GEMM: usize = 320;
/// The largest number of elements that 32-bit indices address, with room for one vector read past the last element.
const MAX_INDICES: usize = i32::MAX as usize - im2col::LANES;

/// One GEMM that computes every `step`-th row and column of the output. The offsets of the phases' first outputs follow
/// each other in row-major order.
struct Phase {
    im2col: Im2col,
    left: Option<Left>,
    step: [usize; 2],
    /// Whether the elements are read from the padded images in place instead of from packed panels.
    in_place: bool,
}

impl Convolution {
    /// The floating-point operations of the convolution, which are also those of each of its two gradients: one
    /// multiplication and one addition for every image, output pixel, kernel offset and pair of channels. Reads of
    /// padding are counted too.
    pub fn flops(&self) -> u64 {
        let pixels = (self.n * Self::area(self.out)) as u64;
        let of_pixel = (self.o * self.c * Self::area(self.kernel)) as u64;
        pixels.saturating_mul(of_pixel).saturating_mul(2)
    }

    /// Whether a GEMM supports these sizes: it stores the padding of an image and indexes elements with 32 bits.
    ///
    /// A stride and a padding that are far larger than the image would make a small output from a huge padded copy.
    pub fn suits_gemm(&self) -> bool {
        let padded = |sides: [usize; 2], more: [usize; 2]| {
            sides[0].saturating_add(more[0]).saturating_mul(sides[1].saturating_add(more[1]))
        };
        let twice = |sides: [usize; 2]| sides.map(|side| side.saturating_mul(2));
        // The gradient with respect to the input reads `dy` outside its bounds by up to the extent of the kernel.
        let reach = [0, 1].map(|axis| 2 * (self.kernel[axis].div_ceil(self.stride[axis]) + 1));
        let (image, out) = (padded(self.image, twice(self.padding)), padded(self.out, reach));
        // Storing the columns of each phase separately rounds a row up to at most twice its length.
        let is_counted = |channels: usize, pixels: usize| channels.saturating_mul(pixels) <= MAX_INDICES / 2;
        let near = (Self::area(self.image) + Self::area(self.out)).saturating_mul(8).saturating_add(1 << 16);
        image <= near && is_counted(self.c, image) && is_counted(self.o, out)
    }

    fn area(sides: [usize; 2]) -> usize {
        sides[0] * sides[1]
    }

    /// The offsets of the kernel from the first pixel of a window without padding.
    fn kernel_offsets(&self) -> Vec<[isize; 2]> {
        let along = |axis: usize| {
            let padding = self.padding[axis] as isize;
            (0..self.kernel[axis] as isize).map(move |offset| offset - padding)
        };
        along(0).flat_map(|row| along(1).map(move |column| [row, column])).collect()
    }

    fn check(&self, x: &[f32], weight: &[f32], y: &[f32]) {
        assert_eq!(x.len(), self.n * self.c * Self::area(self.image), "the images have the given sizes");
        assert_eq!(weight.len(), self.o * self.c * Self::area(self.kernel), "the weight has the given sizes");
        assert_eq!(y.len(), self.n * self.o * Self::area(self.out), "the output has the given sizes");
    }

    /// The GEMM of the forward pass.
    fn forward(&self, weight: &[f32], isa: Isa) -> Phase {
        let im2col = Im2col::new(self.c, self.image, self.out, self.stride, &self.kernel_offsets());
        Phase::new(im2col, weight, self.o, [1; 2], isa)
    }

    /// The GEMMs of the gradient with respect to the input, one for each phase of the stride. The gradient at pixel `p`
    /// sums over the kernel offsets `t` with `p + padding - t = stride q` for an output `q`. With
    /// `p = first + stride i`, the offsets `t` are the same for all `i`, and `q = i + (first + padding - t) / stride`.
    fn backward(&self, weight: &[f32], isa: Isa) -> Vec<Phase> {
        let mut phases = Vec::new();
        // Where the stride is longer than the image, most phases have no pixel.
        let step = [0, 1].map(|axis| self.stride[axis].min(self.image[axis]).max(1));
        for first in (0..step[0]).flat_map(|row| (0..step[1]).map(move |column| [row, column])) {
            let grid =
                [0, 1].map(|axis| self.image[axis].saturating_sub(first[axis]).div_ceil(self.stride[axis]));
            let along = |axis: usize| {
                let origin = (first[axis] + self.padding[axis]) as isize;
                let stride = self.stride[axis] as isize;
                let sent = (0..self.kernel[axis]).map(move |place| (place, origin - place as isize));
                sent.filter(move |(_, offset)| offset % stride == 0)
                    .map(move |(place, offset)| (place, offset / stride))
            };
            let sent = || along(0).flat_map(|row| along(1).map(move |column| (row, column)));
            let offsets: Vec<[isize; 2]> = sent().map(|(row, column)| [row.1, column.1]).collect();
            let places: Vec<usize> = sent().map(|(row, column)| row.0 * self.kernel[1] + column.0).collect();
            // From [o, c, offset] to [c, o, offset].
            let area = Self::area(self.kernel);
            let mut turned = vec![0.0; self.c * self.o * places.len()];
            let of_channels = turned.chunks_exact_mut((self.o * places.len()).max(1)).enumerate();
            rows::each(self.c * self.o * places.len(), of_channels, |(c, turned)| {
                let of_outputs = weight.chunks_exact((self.c * area).max(1));
                for (of_o, turned) in of_outputs.zip(turned.chunks_exact_mut(places.len().max(1))) {
                    turned.iter_mut().zip(&places).for_each(|(to, place)| *to = of_o[c * area + place]);
                }
            });
            let im2col = Im2col::new(self.o, self.out, grid, [1; 2], &offsets);
            phases.push(Phase::new(im2col, &turned, self.c, step, isa));
        }
        phases
    }
}

/// The epilogue of a GEMM: operations on its sums before they are stored, a bias for each channel and an activation.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// One element for each channel.
    pub bias: Option<&'a [f32]>,
    /// Applied after the bias.
    pub activation: FusedActivation,
}

impl Epilogue<'_> {
    /// No bias and no activation.
    pub const NONE: Self = Self { bias: None, activation: FusedActivation::Identity };
}

/// `y = activation(bias + conv2d(x, weight))`, with `x` `[n, c, image]`, `weight` `[o, c, kernel]` and `y`
/// `[n, o, out]`.
pub fn conv2d_f32(y: &mut [f32], x: &[f32], weight: &[f32], epilogue: Epilogue<'_>, sizes: Convolution) {
    sizes.check(x, weight, y);
    let filtered = Correlation::forward(&sizes).filter(is_filtered);
    if filtered.is_some_and(|filtered| filtered.compute(y, x, weight, epilogue, Isa::best())) {
        return;
    }
    each_image(y, [sizes.n, sizes.o], sizes.out, x, &[sizes.forward(weight, Isa::best())], epilogue);
}

/// The gradient `dx` `[n, c, image]` of a convolution from `dy` `[n, o, out]` and `weight` `[o, c, kernel]`. With an
/// epilogue it is a transposed convolution.
pub fn conv2d_grad_input_f32(
    dx: &mut [f32],
    dy: &[f32],
    weight: &[f32],
    epilogue: Epilogue<'_>,
    sizes: Convolution,
) {
    sizes.check(dx, weight, dy);
    let filtered = Correlation::backward(&sizes).filter(is_filtered);
    if filtered.is_some_and(|filtered| filtered.compute(dx, dy, weight, epilogue, Isa::best())) {
        return;
    }
    each_image(dx, [sizes.n, sizes.c], sizes.image, dy, &sizes.backward(weight, Isa::best()), epilogue);
}

/// Computes the output `[n, channels, image]` phase by phase, a group of images at a time.
fn each_image(
    out: &mut [f32],
    [n, channels]: [usize; 2],
    image: [usize; 2],
    x: &[f32],
    phases: &[Phase],
    Epilogue { bias, activation }: Epilogue<'_>,
) {
    assert!(bias.is_none_or(|bias| bias.len() == channels), "a bias has an element for each channel");
    let (out_len, x_len) = (out.len() / n.max(1), x.len() / n.max(1));
    if out.is_empty() {
        return;
    }
    let pixels = phases.iter().map(|phase| phase.im2col.pixels()).max().unwrap_or(0).max(1);
    // In-place GEMMs gain nothing from larger groups, and one image alone is written directly to the output.
    let together =
        if let [Phase { in_place: true, .. }] = phases { 1 } else { MIN_PIXELS_OF_GEMM.div_ceil(pixels) };
    let together = phases.iter().fold(together, |most, phase| most.min(counted_together(&phase.im2col)));
    // Equal groups, the same number for each thread.
    let groups = n.div_ceil(together).next_multiple_of(rayon::current_num_threads()).min(n);
    let together = n.div_ceil(groups);
    let columns_of =
        |count: usize| phases.iter().map(|phase| phase.im2col.columns(count, phase.in_place)).collect();
    let columns_of_most: Vec<Columns> = columns_of(together);
    out.par_chunks_mut(together * out_len).enumerate().for_each(|(group, out)| {
        let count = out.len() / out_len;
        let columns_of_last: Vec<Columns>;
        let columns = if count == together {
            &columns_of_most
        } else {
            columns_of_last = columns_of(count);
            &columns_of_last
        };
        let images: Vec<&[f32]> = (0..count).map(|i| &x[(group * together + i) * x_len..][..x_len]).collect();
        if let ([phase], [columns], 1) = (phases, columns.as_slice(), count) {
            phase.compute(out, columns, &images, bias);
            return activation.apply(out);
        }
        let mut apart = floats(out.len());
        let mut rest: &mut [f32] = bytemuck::cast_slice_mut(apart.bytes_mut());
        let mut parts: Vec<&[f32]> = Vec::with_capacity(phases.len());
        for (phase, columns) in phases.iter().zip(columns) {
            let (elements, after) = rest.split_at_mut(channels * columns.len);
            rest = after;
            phase.compute(elements, columns, &images, bias);
            parts.push(elements);
        }
        for (place, plane) in out.chunks_exact_mut(image[0] * image[1]).enumerate() {
            // From [channels, images, pixels of a phase] to [images, channels, all pixels].
            let place = place % channels * count + place / channels;
            let parts: Vec<&[f32]> = parts
                .iter()
                .zip(phases)
                .map(|(part, phase)| &part[place * phase.im2col.pixels()..][..phase.im2col.pixels()])
                .collect();
            interleave(plane, image[1], phases[0].step, &parts);
            activation.apply(plane);
        }
    });
}

impl Phase {
    /// Prepares the GEMM for a `weight` of shape `[rows, steps]`.
    fn new(im2col: Im2col, weight: &[f32], rows: usize, step: [usize; 2], isa: Isa) -> Self {
        let steps = im2col.steps.len();
        let left = (rows * steps > 0).then(|| Left::new(weight, rows, steps, isa));
        let in_place = im2col.has_whole_vectors()
            && in_place::is_worth_it(rows, steps, [im2col.pixels(), im2col.lanes()]);
        Self { im2col, left, step, in_place }
    }

    /// Writes the output `[channels, images, pixels of this phase]` to `elements`.
    fn compute(&self, elements: &mut [f32], columns: &Columns, images: &[&[f32]], bias: Option<&[f32]>) {
        if columns.len == 0 {
            return;
        }
        if let Some(bias) = bias {
            elements.chunks_exact_mut(columns.len).zip(bias).for_each(|(row, &bias)| row.fill(bias));
        }
        match &self.left {
            Some(left) => {
                let source = self.im2col.padded(images);
                let right = Right { source: source.elements(), columns, steps: &self.im2col.steps };
                let init = if bias.is_some() { Init::Accumulate } else { Init::Zero };
                left.times_pixels(Output { elements, row_stride: columns.len }, right, init);
            }
            None if bias.is_none() => elements.fill(0.0),
            None => {}
        }
    }
}

/// The gradient `dweight` `[o, c, kernel]` of a convolution from `x` `[n, c, image]` and `dy` `[n, o, out]`.
pub fn conv2d_grad_weight_f32(dweight: &mut [f32], x: &[f32], dy: &[f32], sizes: Convolution) {
    let filtered = Correlation::forward(&sizes).filter(is_filtered);
    if filtered.is_some_and(|filtered| filtered.grad_weight(dweight, x, dy, Isa::best())) {
        return;
    }
    grad_weight(dweight, x, dy, sizes, Isa::best());
}

/// The largest number of images whose padded copies 32-bit indices can address.
fn counted_together(im2col: &Im2col) -> usize {
    (MAX_INDICES / im2col.padded_len().max(1)).max(1)
}

/// `y[c] = sum over n and the pixels of x[n, c]`, where each plane `x[n, c]` has `pixels` elements.
pub fn sum_of_channels_f32(y: &mut [f32], x: &[f32], pixels: usize) {
    let channels = y.len();
    y.par_iter_mut().enumerate().for_each(|(channel, y)| {
        let planes = x.chunks_exact(pixels.max(1)).skip(channel).step_by(channels);
        *y = planes.map(vector::sum).sum::<f64>() as f32;
    });
}

#[cfg(test)]
mod tests;
