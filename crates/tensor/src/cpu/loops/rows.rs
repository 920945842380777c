//! Loops over rows of `f32`: the sum and the maximum of a row, and parallel work on rows.

use rayon::prelude::*;

use super::{BLOCK, LANES, is_parallel, lane_sums};

/// `sum over i of f(x[i], y[i])`, in an order that depends on the length alone: within a block in 32 bits, over the
/// blocks in 64 bits.
#[inline(always)]
pub fn sum(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
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
    // A variable index would force the array into memory: this copy lets the compiler keep the lanes in a register.
    let (lanes, rest) = lane_sums(x, y, f);
    let mut sums = lanes;
    sums.iter_mut().zip(rest).for_each(|(sum, term)| *sum += term);
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// The largest element, ignoring NaN; minus infinity for an empty slice.
#[inline(always)]
pub fn largest(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (lines, rest) = x.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for line in lines {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], line[lane]);
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, larger)
}

/// Runs `work` on every task, in parallel if the tasks have many `elements` in total. Tasks are independent, so the
/// result does not depend on the number of threads.
pub fn each<T: Send>(elements: usize, tasks: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
    if is_parallel(elements) {
        tasks.collect::<Vec<T>>().into_par_iter().for_each(&work);
    } else {
        tasks.for_each(work);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sum_of_a_million_tenths_has_the_rounding_error_of_a_block() {
        let x = vec![0.1f32; 1 << 20];
        let exact = x.len() as f64 * f64::from(0.1f32);
        // Roundings: 256 additions in each lane, 5 additions of lanes, and one of the result.
        let allowed = (256.0 + 5.0 + 1.0) / 2.0 * f64::from(f32::EPSILON) * exact;
        assert!((f64::from(super::sum(&x, &x, |x, _| x)) - exact).abs() <= allowed);
    }

    #[test]
    fn every_task_is_done_once_on_any_number_of_threads() {
        for (threads, elements) in [(1, usize::MAX), (2, 0), (2, usize::MAX), (3, usize::MAX)] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut x = [1.0f32; 1000];
            pool.install(|| super::each(elements, x.iter_mut().enumerate(), |(i, x)| *x += i as f32));
            assert!(x.iter().enumerate().all(|(i, &x)| x == 1.0 + i as f32), "{threads} threads");
        }
    }

    #[test]
    fn the_maximum_is_found_at_every_position_and_beside_nan() {
        assert_eq!(super::largest(&[]), f32::NEG_INFINITY);
        for n in [1, 15, 16, 17, 40] {
            for place in 0..n {
                let mut x = vec![-1.0; n];
                x[n - 1 - place] = f32::NAN;
                x[place] = -0.5;
                assert_eq!(super::largest(&x), -0.5, "{n} elements, the largest at {place}");
            }
        }
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
