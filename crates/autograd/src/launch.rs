//! What operations share when they launch their kernels on a GPU.

pub(crate) mod axes;
pub(crate) mod channels;
pub(crate) mod parts;
pub(crate) mod tile;

use tensor::gpu::{Argument, Call, Grid};
use tensor::{Result, Tensor};

/// `entry(out, inputs.., n, more..)`, element by element.
pub(crate) fn elementwise<const N: usize>(
    call: Call<'_>,
    entry: &str,
    out: &Tensor,
    inputs: [&Tensor; N],
    more: &[Argument<'_>],
) -> Result<()> {
    let mut arguments = vec![Argument::Out(out)];
    arguments.extend(inputs.map(Argument::In));
    arguments.push(Argument::Size(out.len()));
    arguments.extend(more);
    call.launch(entry, Grid::over(out.len()), &arguments)
}
