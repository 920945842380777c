//! Tests of GEMM features that no operation uses yet: batches, and tensor cores in tf32.

use kernels::{Argument, Memory, Order, Side, launch};
use tensor::gpu::Grid;

fn memory(values: &[f32]) -> Memory {
    Memory::of(bytemuck::cast_slice(values), Side::End)
}

/// `count` multiplications of `[m, k]` by `[k, n]` on the tensor cores in tf32, with tiles of this side.
fn in_tf32(side: u32, count: u32, [m, n, k]: [u32; 3], a: &[f32], b: &[f32], order: Order) -> Vec<f32> {
    let (a, b) = (memory(a), memory(b));
    let c = Memory::new((count * m * n) as usize * size_of::<f32>(), Side::End);
    let mut arguments = vec![
        Argument::Out(&c, "f32"),
        Argument::In(&a, "f32"),
        Argument::In(&b, "f32"),
        Argument::In(&a, "f32"),
    ];
    // The first argument is the epilogue without a bias; the last two are the transpose flags.
    arguments.extend([0, m, n, k, 0, 0].map(Argument::U32));
    let threads = if side == 64 { 128 } else { 256 };
    let blocks = [n.div_ceil(side), m.div_ceil(side), count];
    let grid = Grid { blocks, threads: [threads, 1, 1], shared: 0 };
    launch(&format!("matmul_tile{side}_tf32"), grid, order, &arguments)
        .expect("the shapes fit, and the device works");
    bytemuck::pod_collect_to_vec(&c.contents())
}

/// Matrices whose elements are integers that depend on the position, with the exact results of their multiplication.
fn of_whole_numbers(side: u32, count: u32, [m, n, k]: [u32; 3]) -> (Vec<f32>, Vec<f32>) {
    let number = |i: u32| ((i * 7) % 11) as f32 - 5.0;
    let values = |rows: u32, columns: u32| (0..count * rows * columns).map(number).collect::<Vec<f32>>();
    let (a, b) = (values(m, k), values(k, n));
    let exact = (0..count * m * n).map(|at| {
        let (batch, i, j) = (at / (m * n), at / n % m, at % n);
        (0..k).map(|s| a[((batch * m + i) * k + s) as usize] * b[((batch * k + s) * n + j) as usize]).sum()
    });
    (in_tf32(side, count, [m, n, k], &a, &b, Order::Scrambled), exact.collect())
}

#[test]
fn the_tensor_cores_add_integers_in_tf32_exactly() {
    for side in [64, 128] {
        let (got, exact) = of_whole_numbers(side, 1, [70, 67, 45]);
        assert_eq!(got, exact, "tiles of {side}");
    }
}

#[test]
fn one_launch_computes_a_batch_of_products() {
    let (got, exact) = of_whole_numbers(64, 4, [3, 5, 7]);
    assert_eq!(got, exact);
}

#[test]
fn tf32_has_ten_mantissa_bits_and_rounds_ties_away_from_zero() {
    let half = 0.5f32.powi(11);
    for (x, expected) in
        [(1.0 + half, 1.0 + 2.0 * half), (1.0 + 0.9 * half, 1.0), (-1.0 - half, -1.0 - 2.0 * half)]
    {
        assert_eq!(in_tf32(64, 1, [1, 1, 1], &[x], &[1.0], Order::Forward), [expected]);
    }
}
