//! Loops over rows of `f32`: sums of one shape, and work that is shared between threads.

use ndarray::parallel::prelude::{IntoParallelIterator, ParallelIterator};

/// Partial sums that run beside each other along a row.
const LANES: usize = 16;
/// Numbers of one partial sum.
const BLOCK: usize = 4096;
/// Below this many elements waking other threads costs more than it saves.
const WORTH_SHARING: usize = 1 << 14;

/// `sum over i of f(x[i], y[i])`, in an order that depends on the length alone: of each block in 32 bits, of the blocks
/// in 64.
#[inline(always)]
pub(crate) fn sum(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    if x.len() <= BLOCK {
        return sum_of_block(x, y, f);
    }
    let blocks = x.chunks(BLOCK).zip(y.chunks(BLOCK));
    blocks.map(|(x, y)| f64::from(sum_of_block(x, y, &f))).sum::<f64>() as f32
}

#[inline(always)]
fn sum_of_block(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    if x.len() < LANES {
        return x.iter().zip(y).map(|(&x, &y)| f(x, y)).sum();
    }
    let mut lanes = [0.0f32; LANES];
    let ((x_lines, x_rest), (y_lines, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x_lines.iter().zip(y_lines) {
        for lane in 0..LANES {
            lanes[lane] += f(x[lane], y[lane]);
        }
    }
    // What is indexed by a variable lies in memory: a copy, so that the lanes above are a register.
    let mut sums = lanes;
    for (sum, (&x, &y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *sum += f(x, y);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// Does every task, on all threads if there are many `elements` to work on. Tasks do not know of each
/// other, so neither the threads nor their number change a bit.
pub(crate) fn each<T: Send>(elements: usize, tasks: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
    if elements < WORTH_SHARING {
        tasks.for_each(work);
    } else {
        tasks.collect::<Vec<T>>().into_par_iter().for_each(&work);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_million_tenths_are_off_by_the_roundings_of_a_block() {
        let x = vec![0.1f32; 1 << 20];
        let exact = x.len() as f64 * f64::from(0.1f32);
        // 256 additions in each lane, 5 of lanes, and the rounding of the result.
        let allowed = (256.0 + 5.0 + 1.0) / 2.0 * f64::from(f32::EPSILON) * exact;
        assert!((f64::from(super::sum(&x, &x, |x, _| x)) - exact).abs() <= allowed);
    }

    #[test]
    fn every_pair_is_added_once_whatever_the_length() {
        for n in [0, 1, 15, 16, 17, 100] {
            let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let expected: f32 = x.iter().map(|x| x * x).sum();
            assert_eq!(super::sum(&x, &x, |x, y| x * y), expected);
        }
    }
}
