//! Loops over slices: sums in lanes, the block size and the threshold for parallel execution.
//!
//! Loops are compiled for each instruction set by [`each_isa!`](crate::each_isa). They use no fused multiply-adds, and
//! the order of summation is fixed, so the result depends on neither the instruction set nor the number of threads.

pub mod planes;
pub mod rows;
pub mod vector;

/// The number of parallel partial sums: one AVX-512 register.
const LANES: usize = 16;
/// The number of elements that are summed in 32 bits before accumulation in 64 bits, and the work unit of a thread: 16
/// KiB.
const BLOCK: usize = 4096;
/// Below this number of elements, starting other threads costs more than it saves.
const PARALLEL_FROM: usize = 1 << 15;

/// Whether work on this many elements is split between threads.
pub(crate) fn is_parallel(elements: usize) -> bool {
    elements >= PARALLEL_FROM && rayon::current_num_threads() > 1
}

/// `sum over i of f(x[i], y[i])` as [`LANES`] partial sums, and the remaining terms.
#[inline(always)]
fn lane_sums<F: Fn(f32, f32) -> f32>(
    x: &[f32],
    y: &[f32],
    f: F,
) -> ([f32; LANES], impl Iterator<Item = f32>) {
    let mut lanes = [0.0f32; LANES];
    let ((x_lines, x_rest), (y_lines, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x_lines.iter().zip(y_lines) {
        for lane in 0..LANES {
            lanes[lane] += f(x[lane], y[lane]);
        }
    }
    (lanes, x_rest.iter().zip(y_rest).map(move |(&x, &y)| f(x, y)))
}
