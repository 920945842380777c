//! Partial sums computed by blocks, in an order that depends on the sizes alone.

use tensor::gpu::{Argument, Call, Grid};
use tensor::{Result, Tensor};

/// The number of terms in each part of a sum of `n` terms, a multiple of `step`. Each part is computed by `blocks`
/// blocks.
///
/// The result does not depend on the GPU, so the same inputs give the same bits on any GPU.
pub(crate) fn terms_of_part(n: usize, blocks: usize, step: usize) -> usize {
    /// The number of blocks that occupies a large GPU.
    const ENOUGH: usize = 512;
    let parts = (ENOUGH / blocks.max(1)).max(1);
    n.div_ceil(parts).max(1).next_multiple_of(step)
}

/// Launches `sum = parts[0] + parts[1] + ..`: `n_parts` parts in `f32`, the sum in its own type.
pub(crate) fn sum_of_parts(call: Call<'_>, parts: &Tensor, n_parts: usize, sum: &Tensor) -> Result<()> {
    let arguments =
        [Argument::Out(sum), Argument::In(parts), Argument::Size(n_parts), Argument::Size(sum.len())];
    call.launch_for(sum.dtype(), "sum_of_parts", Grid::over(sum.len()), &arguments)
}

/// Launches `mean = sum of parts / count`, an `f32` scalar.
pub(crate) fn mean_of_parts(call: Call<'_>, parts: &Tensor, count: usize, mean: &Tensor) -> Result<()> {
    let factor = Argument::F32(1.0 / count as f32);
    let arguments = [Argument::Out(mean), Argument::In(parts), Argument::Size(parts.len()), factor];
    call.launch_one("mean_of_parts".into(), Grid::of_blocks(1, 1024), &arguments)
}

#[cfg(test)]
mod tests {
    use super::terms_of_part;

    #[test]
    fn parts_have_few_terms_if_one_block_computes_them_and_many_if_several_blocks_do() {
        assert_eq!(terms_of_part(0, 1, 96), 96);
        assert_eq!(terms_of_part(1000, 1, 96), 96);
        assert_eq!(terms_of_part(100_352, 1, 96), 288);
        assert_eq!(terms_of_part(131_072, 9, 96), 2_400);
        assert_eq!(terms_of_part(2_048, 576, 96), 2_112);
    }
}
