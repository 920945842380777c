//! Kernel launches of the convolution and its two gradients.

use tensor::conv::Convolution;
use tensor::gpu::{Argument, Call};
use tensor::{DType, Result, Tensor};

use crate::launch::parts::{sum_of_parts, terms_of_part};
use crate::launch::tile::{Epilogue, epilogue_arguments, launch_product};

/// The struct of sizes that kernels take.
fn words(call: Call<'_>, sizes: Convolution) -> Result<[u32; 13]> {
    let Convolution { n, c, image: [h, w], o, kernel: [kh, kw], stride, padding, out: [oh, ow] } = sizes;
    // Products of sizes that kernels compute in 32 bits.
    for count in [n * h * w, n * oh * ow, c.max(o) * kh * kw] {
        call.size(count)?;
    }
    let sizes = [n, c, h, w, o, kh, kw, stride[0], stride[1], padding[0], padding[1], oh, ow];
    let mut words = [0; 13];
    for (word, size) in words.iter_mut().zip(sizes) {
        *word = call.size(size)?;
    }
    Ok(words)
}

/// Launches `y = activation(conv2d(x, weight) + bias)`.
pub(crate) fn convolve(
    call: Call<'_>,
    [x, weight]: [&Tensor; 2],
    y: &Tensor,
    epilogue: Epilogue<'_>,
    sizes: Convolution,
) -> Result<()> {
    let (words, [bias, what]) = (words(call, sizes)?, epilogue_arguments(epilogue, x));
    let arguments =
        [Argument::Out(y), Argument::In(x), Argument::In(weight), bias, what, Argument::Words(&words)];
    let pixels = sizes.n * sizes.out[0] * sizes.out[1];
    launch_product(call, "conv2d", [sizes.o, pixels, 1], &arguments)
}

/// Launches `dx = activation(input gradient + bias)`, which is a transposed convolution.
pub(crate) fn grad_input(
    call: Call<'_>,
    [dy, weight]: [&Tensor; 2],
    dx: &Tensor,
    epilogue: Epilogue<'_>,
    sizes: Convolution,
) -> Result<()> {
    let (words, [bias, what]) = (words(call, sizes)?, epilogue_arguments(epilogue, dy));
    let arguments =
        [Argument::Out(dx), Argument::In(dy), Argument::In(weight), bias, what, Argument::Words(&words)];
    // The pixels of an image are divided into phases by their remainder modulo the stride; this is the size of the
    // largest.
    let pixels = |axis: usize| sizes.image[axis].div_ceil(sizes.stride[axis]);
    let (pixels, phases) = (sizes.n * pixels(0) * pixels(1), sizes.stride[0] * sizes.stride[1]);
    launch_product(call, "conv2d_grad_input", [sizes.c, pixels, phases], &arguments)
}

/// Launches the gradient with respect to the weight: partial sums over pixels, which are then added in order.
pub(crate) fn grad_weight(
    call: Call<'_>,
    [x, dy]: [&Tensor; 2],
    dweight: &Tensor,
    sizes: Convolution,
) -> Result<()> {
    /// The minimum number of pixels of a part, a multiple of the pixels that each tile takes per step.
    const PIXELS: usize = 96;
    let (rows, columns) = (sizes.o, sizes.c * sizes.kernel[0] * sizes.kernel[1]);
    let pixels = sizes.n * sizes.out[0] * sizes.out[1];
    let of_part = terms_of_part(pixels, rows.div_ceil(64) * columns.div_ceil(64), PIXELS);
    let n_parts = pixels.div_ceil(of_part);
    let parts = call.scratch(&[n_parts, rows, columns], DType::F32)?;
    let words = words(call, sizes)?;
    let arguments = [
        Argument::Out(&parts),
        Argument::In(x),
        Argument::In(dy),
        Argument::Words(&words),
        Argument::Size(of_part),
    ];
    launch_product(call, "conv2d_grad_weight", [rows, columns, n_parts], &arguments)?;
    sum_of_parts(call, &parts, n_parts, dweight)
}
