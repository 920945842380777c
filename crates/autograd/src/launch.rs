//! Helpers for launching kernels on a GPU.

pub(crate) mod axes;
pub(crate) mod channels;
pub(crate) mod parts;
pub(crate) mod tile;

pub(crate) use tensor::elementwise::launch as elementwise;
use tensor::gpu::{Argument, Call, Grid};
use tensor::{Result, Tensor};

use axes::{Axes, strides};

/// `y = factor * sum of x over axes`; `axes` are distinct, and `y` has them with length 1 or without them.
pub(crate) fn sum_over(call: Call<'_>, [x, y]: [&Tensor; 2], axes: &[usize], factor: f64) -> Result<()> {
    const WARP: usize = 32;
    /// The number of parts of a sum over non-contiguous terms.
    const PARTS: u32 = 8;
    let (shape, of_x) = (x.shape(), strides(x.shape()));
    let walk = |is_summed: bool| {
        let chosen = (0..shape.len()).filter(|axis| axes.contains(axis) == is_summed);
        Axes::of(chosen.map(|axis| (shape[axis], of_x[axis])))
    };
    let (outputs, terms) = (walk(false), walk(true));
    let arguments = [
        Argument::Out(y),
        Argument::In(x),
        Argument::Size(y.len()),
        Argument::Words(&outputs.words(call)?),
        Argument::Size(axes.iter().map(|&axis| shape[axis]).product()),
        Argument::Words(&terms.words(call)?),
        Argument::F32(factor as f32),
    ];
    call.size(x.len())?;
    if terms.is_along() {
        return call.launch("sum_axes_along", Grid::over(y.len() * WARP), &arguments);
    }
    let blocks = [call.size(y.len().div_ceil(WARP))?, 1, 1];
    let grid = Grid { blocks, threads: [WARP as u32, PARTS, 1], shared: 0 };
    call.launch("sum_axes_across", grid, &arguments)
}
