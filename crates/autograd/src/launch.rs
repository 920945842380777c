//! Helpers for launching kernels on a GPU.

pub(crate) mod axes;
pub(crate) mod channels;
pub(crate) mod parts;
pub(crate) mod tile;

pub(crate) use tensor::elementwise::launch as elementwise;
use tensor::gpu::{Argument, Call, Grid};
use tensor::{DType, Result, Tensor};

use axes::{Axes, strides};
use parts::{sum_of_parts, terms_of_part};

/// Launches `y = factor * sum of x over axes`. `axes` are distinct; `y` has them with length 1 or without them.
pub(crate) fn sum_over(call: Call<'_>, [x, y]: [&Tensor; 2], axes: &[usize], factor: f64) -> Result<()> {
    const WARP: usize = 32;
    /// The number of threads that share a sum over non-contiguous terms.
    const PARTS: u32 = 8;
    let (shape, of_x) = (x.shape(), strides(x.shape()));
    let walk = |is_summed: bool| {
        let chosen = (0..shape.len()).filter(|axis| axes.contains(axis) == is_summed);
        Axes::of(chosen.map(|axis| (shape[axis], of_x[axis])))
    };
    let (outputs, terms) = (walk(false), walk(true));
    call.size(x.len())?;
    let count = axes.iter().map(|&axis| shape[axis]).product();
    // Each thread adds four terms per step.
    let (entry, mut grid, step) = match terms.is_along() {
        true => ("sum_axes_along", Grid::over(y.len() * WARP), 4 * WARP),
        false => {
            let blocks = call.size(y.len().div_ceil(WARP))?;
            let threads = [WARP as u32, PARTS, 1];
            ("sum_axes_across", Grid { threads, ..Grid::of_blocks(blocks, 0) }, 4 * PARTS as usize)
        }
    };
    let of_part = terms_of_part(count, grid.blocks[0] as usize, step);
    let n_parts = count.div_ceil(of_part).max(1);
    grid.blocks[1] = n_parts as u32;
    let sum_into = |entry: &str, to: &Tensor| {
        let arguments = [
            Argument::Out(to),
            Argument::In(x),
            Argument::Size(y.len()),
            Argument::Words(&outputs.words(call)?),
            Argument::Size(count),
            Argument::Words(&terms.words(call)?),
            Argument::F32(factor as f32),
            Argument::Size(of_part),
        ];
        call.launch(entry, grid, &arguments)
    };
    if n_parts == 1 {
        return sum_into(entry, y);
    }
    let parts = call.scratch(&[n_parts, y.len()], DType::F32)?;
    sum_into(&format!("{entry}_parts"), &parts)?;
    sum_of_parts(call, &parts, n_parts, y)
}
