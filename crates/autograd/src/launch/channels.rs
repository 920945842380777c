//! Launch configurations over channels (see `channels.cuh`), rows and planes.

use tensor::gpu::{Argument, Call, Grid};
use tensor::{Result, Tensor};

/// The sizes of `[n, c, plane]`, where a plane is all axes after the first two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channels {
    n: u32,
    c: u32,
    plane: u32,
}

impl Channels {
    /// The sizes of a tensor `[n, c, ..]`.
    ///
    /// # Errors
    /// If a size does not fit into 32 bits.
    pub(crate) fn of(call: Call<'_>, x: &Tensor) -> Result<Self> {
        let (&[n, c], plane) = x.shape().split_first_chunk().expect("the shape rule was checked");
        call.size(x.len())?;
        Ok(Self { n: call.size(n)?, c: call.size(c)?, plane: call.size(plane.iter().product())? })
    }

    /// The sizes as the last arguments of kernels.
    pub(crate) fn arguments(self) -> [Argument<'static>; 3] {
        [self.n, self.c, self.plane].map(Argument::U32)
    }

    /// One block for each channel, or for every 32 channels where they are contiguous.
    pub(crate) fn grid(self) -> Grid {
        Grid::of_blocks(if self.plane < 32 { self.c.div_ceil(32) } else { self.c }, 256)
    }
}

/// Launches `entry(outputs.., inputs.., more.., n, c, plane)` over the channels of the first input.
pub(crate) fn over_channels(
    call: Call<'_>,
    entry: &str,
    outputs: &[&Tensor],
    inputs: &[&Tensor],
    more: &[Argument<'_>],
) -> Result<()> {
    let channels = Channels::of(call, inputs[0])?;
    call.launch(entry, channels.grid(), &arguments(outputs, inputs, more, channels))
}

/// Launches it over the elements of the output.
pub(crate) fn over_elements(
    call: Call<'_>,
    entry: &str,
    output: &Tensor,
    inputs: &[&Tensor],
    more: &[Argument<'_>],
) -> Result<()> {
    let channels = Channels::of(call, output)?;
    call.launch(entry, Grid::over(output.len()), &arguments(&[output], inputs, more, channels))
}

fn arguments<'a>(
    outputs: &[&'a Tensor],
    inputs: &[&'a Tensor],
    more: &[Argument<'a>],
    channels: Channels,
) -> Vec<Argument<'a>> {
    let outputs = outputs.iter().copied().map(Argument::Out);
    let inputs = inputs.iter().copied().map(Argument::In);
    outputs.chain(inputs).chain(more.iter().copied()).chain(channels.arguments()).collect()
}

/// One warp for each of `count` items, four per block.
pub(crate) fn a_warp_for_each(call: Call<'_>, count: usize) -> Result<Grid> {
    Ok(Grid::of_blocks(call.size(count.div_ceil(4))?, 128))
}
