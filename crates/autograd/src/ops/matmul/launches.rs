//! Kernel launches of matrix multiplications: whole, or in parts of a long inner size k (split-k).

use tensor::gpu::{Argument, Call, Grid};
use tensor::{DType, FusedActivation, Result, Tensor};

use super::MatMul;
use crate::launch::tile::{Epilogue, epilogue_arguments, launch_product};

/// The number of matrices of a batch, and the sizes `[m, k, n]` of each multiplication.
pub(super) type Sizes = (usize, [usize; 3]);

/// Launches `out = activation(op(A) op(B) + bias)` for each pair of matrices of a batch.
pub(super) fn multiply(
    product: MatMul,
    call: Call<'_>,
    [a, b]: [&Tensor; 2],
    out: &Tensor,
    epilogue: Epilogue<'_>,
    (batch, sizes): Sizes,
) -> Result<()> {
    let [m, k, n] = sizes;
    let n_parts = number_of_parts(sizes);
    if n_parts > 1 {
        let parts = call.scratch(&[n_parts, batch, m, n], DType::F32)?;
        launch_parts(product, call, [a, b], &parts, None, (batch, sizes))?;
        return sum_of_parts(call, n_parts, [&parts, &parts], out, None, epilogue);
    }
    let [bias, what] = epilogue_arguments(epilogue, a);
    let mut arguments = vec![Argument::Out(out), Argument::In(a), Argument::In(b), bias, what];
    arguments.extend([m, n, k].map(Argument::Size));
    arguments.extend(flags(product));
    launch_product(call, "matmul", [m, n, batch], &arguments)
}

/// Launches `c = op(A) op(B)` and the sums of the rows of op(A), which the multiplication loads anyway.
///
/// With one part in `f32` this is one launch; otherwise a second one adds the parts of both.
pub(crate) fn with_row_sums(
    product: MatMul,
    call: Call<'_>,
    factors: [&Tensor; 2],
    [c, row_sums]: [&Tensor; 2],
    sizes: [usize; 3],
) -> Result<()> {
    let (n_parts, [m, _, n]) = (number_of_parts(sizes), sizes);
    if n_parts == 1 && call.dtype() == DType::F32 {
        return launch_parts(product, call, factors, c, Some(row_sums), (1, sizes));
    }
    let parts = call.scratch(&[n_parts, m, n], DType::F32)?;
    let row_parts = call.scratch(&[n_parts, m], DType::F32)?;
    launch_parts(product, call, factors, &parts, Some(&row_parts), (1, sizes))?;
    let epilogue = (None, FusedActivation::Identity);
    sum_of_parts(call, n_parts, [&parts, &row_parts], c, Some(row_sums), epilogue)
}

/// The number of steps of k in each part: a multiple of the steps of every tile.
///
/// A multiplication whose output has too few tiles to occupy a large GPU is split, which costs one write and one read of
/// each part. The result depends on the sizes of one matrix only, neither on the GPU nor on the batch, so the bits do
/// not depend on them either.
fn steps_of_part([m, k, n]: [usize; 3]) -> usize {
    /// The number of SMs of a large GPU (an H100 or H200 has 132).
    const SMS: usize = 132;
    /// The minimum length of a part: shorter ones do not pay for the second launch.
    const MIN_STEPS: usize = 128;
    /// A multiple of the steps of every tile (`STEPS` in `kernels/product.cuh`).
    const STEPS: usize = 32;
    let tiles = m.div_ceil(64).saturating_mul(n.div_ceil(64)).max(1);
    // Two blocks for each SM, if less than half of the SMs have one.
    let max_parts = if 2 * tiles < SMS { 2 * SMS / tiles } else { 1 };
    k.div_ceil(max_parts.min(k / MIN_STEPS).max(1)).max(1).next_multiple_of(STEPS)
}

fn number_of_parts(sizes: [usize; 3]) -> usize {
    sizes[1].div_ceil(steps_of_part(sizes)).max(1)
}

fn flags(product: MatMul) -> [Argument<'static>; 2] {
    [product.transpose_a, product.transpose_b].map(|flag| Argument::U32(u32::from(flag)))
}

/// Launches the sums of each part, `parts [n_parts, batch, m, n]`, and those of the rows of op(A), `[n_parts, batch, m]`.
fn launch_parts(
    product: MatMul,
    call: Call<'_>,
    [a, b]: [&Tensor; 2],
    parts: &Tensor,
    row_parts: Option<&Tensor>,
    (batch, sizes): Sizes,
) -> Result<()> {
    let [m, k, n] = sizes;
    let mut arguments = vec![
        Argument::Out(parts),
        Argument::Out(row_parts.unwrap_or(parts)),
        Argument::In(a),
        Argument::In(b),
        Argument::U32(u32::from(row_parts.is_some())),
    ];
    arguments.extend([m, n, k].map(Argument::Size));
    arguments.extend(flags(product));
    arguments.extend([batch, steps_of_part(sizes)].map(Argument::Size));
    // Without columns there is still one block for each row of tiles, which sums the rows.
    let blocks = [m, n.max(1), batch.saturating_mul(number_of_parts(sizes))];
    launch_product(call, "matmul_parts", blocks, &arguments)
}

/// Launches `out = activation(sum of parts + bias)` and the sum of the parts of the rows.
fn sum_of_parts(
    call: Call<'_>,
    n_parts: usize,
    [parts, row_parts]: [&Tensor; 2],
    out: &Tensor,
    row_sums: Option<&Tensor>,
    epilogue: Epilogue<'_>,
) -> Result<()> {
    let columns = *out.shape().last().expect("a product is a matrix");
    let n_rows = row_sums.map_or(0, Tensor::len);
    let [bias, what] = epilogue_arguments(epilogue, out);
    let arguments = [
        Argument::Out(out),
        Argument::Out(row_sums.unwrap_or(out)),
        Argument::In(parts),
        Argument::In(row_parts),
        bias,
        what,
        Argument::Size(n_parts),
        Argument::Size(out.len()),
        Argument::Size(columns),
        Argument::Size(n_rows),
    ];
    let count = out.len() + n_rows;
    call.size(count)?;
    call.launch("matmul_sum_of_parts", Grid::over(count), &arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_inner_size_with_a_small_output_is_split() {
        for (sizes, n_parts) in [
            ([616, 784, 512], 1),
            ([512, 784, 616], 1),
            ([16, 512, 616], 4),
            ([512, 616, 16], 4),
            ([64, 25_600, 64], 200),
            ([1, 1_000_000, 1], 263),
            ([1, 255, 1], 1),
            ([1, 256, 1], 2),
            ([4, 0, 4], 1),
            ([0, 512, 4], 4),
        ] {
            assert_eq!(number_of_parts(sizes), n_parts, "{sizes:?}");
        }
    }

    #[test]
    fn parts_cover_k_and_are_multiples_of_the_steps_of_a_tile() {
        for k in 0..3_000 {
            let sizes = [70, k, 5];
            let (of_part, n_parts) = (steps_of_part(sizes), number_of_parts(sizes));
            assert!(of_part % 32 == 0 && of_part * n_parts >= k, "k = {k}: {n_parts} of {of_part}");
            assert!(k == 0 || of_part * (n_parts - 1) < k, "k = {k}: the last of {n_parts} parts is empty");
        }
    }
}
