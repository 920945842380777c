//! Launch configurations over channels (see `channels.cuh`), rows and planes.

use tensor::gpu::{Argument, Call, Grid};
use tensor::{DType, Result, Tensor};

use super::parts::{sum_of_parts, terms_of_part};

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

    /// The number of elements of a channel.
    fn count(self) -> usize {
        self.n as usize * self.plane as usize
    }

    /// The grid, and the number of elements in each part of a channel. Blocks along x are one for each channel, or one
    /// for every 32 channels if planes are short; blocks along y are one for each part.
    fn grid(self) -> (Grid, usize) {
        // Each thread adds four elements per step.
        let (blocks, step) = if self.plane < 32 { (self.c.div_ceil(32), 4 * 8) } else { (self.c, 4 * 256) };
        let of_part = terms_of_part(self.count(), blocks as usize, step);
        let n_parts = self.count().div_ceil(of_part).max(1) as u32;
        (Grid { blocks: [blocks, n_parts, 1], ..Grid::of_blocks(1, 256) }, of_part)
    }
}

/// Sums over the channels of the first input by `entry(outputs.., inputs.., more.., of_part, n, c, plane)`, which
/// writes a row of `f32` sums for each part.
pub(crate) fn over_channels(
    call: Call<'_>,
    entry: &str,
    outputs: &[&Tensor],
    inputs: &[&Tensor],
    more: &[Argument<'_>],
) -> Result<()> {
    let channels = Channels::of(call, inputs[0])?;
    let (grid, of_part) = channels.grid();
    let (more, n_parts) = ([more, &[Argument::Size(of_part)]].concat(), grid.blocks[1] as usize);
    if n_parts == 1 && outputs.iter().all(|output| output.dtype() == DType::F32) {
        return call.launch(entry, grid, &arguments(outputs, inputs, &more, channels));
    }
    let part = |output: &&Tensor| call.scratch(&[n_parts, output.len()], DType::F32);
    let parts = outputs.iter().map(part).collect::<Result<Vec<_>>>()?;
    let rows: Vec<&Tensor> = parts.iter().collect();
    call.launch(entry, grid, &arguments(&rows, inputs, &more, channels))?;
    parts.iter().zip(outputs).try_for_each(|(parts, output)| sum_of_parts(call, parts, n_parts, output))
}

/// Computes the mean, the unbiased variance and `rstd` of each channel, by merging the statistics of parts.
pub(crate) fn statistics(call: Call<'_>, x: &Tensor, eps: f64, statistics: [&Tensor; 3]) -> Result<()> {
    let channels = Channels::of(call, x)?;
    let (grid, of_part) = channels.grid();
    let (n_parts, c) = (grid.blocks[1] as usize, channels.c as usize);
    let part = |_| call.scratch(&[n_parts, c], DType::F32);
    let parts = [part(0)?, part(1)?, part(2)?];
    let sizes = [Argument::Size(of_part)];
    call.launch("batch_norm_statistics", grid, &arguments(&parts.each_ref(), &[x], &sizes, channels))?;
    let [outputs, inputs] = [statistics.map(Argument::Out), parts.each_ref().map(Argument::In)];
    let sizes = [n_parts, of_part, channels.count(), c].map(Argument::Size);
    let arguments = [&outputs[..], &inputs, &[Argument::F32(eps as f32)], &sizes].concat();
    call.launch_one("batch_norm_statistics_of_parts".into(), a_warp_for_each(call, c)?, &arguments)
}

/// Launches `entry` over the elements of the output.
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

/// The grid with one warp for each of `count` items, four warps per block.
pub(crate) fn a_warp_for_each(call: Call<'_>, count: usize) -> Result<Grid> {
    Ok(Grid::of_blocks(call.size(count.div_ceil(4))?, 128))
}
