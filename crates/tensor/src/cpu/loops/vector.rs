//! Parallel element-wise loops over slices, and sums over all elements.
//!
//! A function argument should own its captures (`move`): behind references the compiler cannot rule out aliasing and
//! does not vectorise.

use rayon::prelude::*;

use super::rows::each;
use super::{BLOCK, is_parallel, lane_sums};
use crate::each_isa;

/// The number of rows that are summed into one partial sum per column.
const ROWS: usize = 64;

each_isa! {
    fn map_chunk<F: Unary>(x: &[f32], out: &mut [f32], f: F) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = f(x);
        }
    }

    fn map_in_place_chunk<F: Unary>(x: &mut [f32], f: F) {
        for x in x {
            *x = f(*x);
        }
    }

    fn map2_chunk<F: Binary>(x: &[f32], y: &[f32], out: &mut [f32], f: F) {
        for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
            *out = f(x, y);
        }
    }

    fn sum2_chunk<F: Binary>(x: &[f32], y: &[f32], f: F) -> f64 {
        let (lanes, rest) = lane_sums(x, y, f);
        lanes.into_iter().chain(rest).map(f64::from).sum()
    }

    fn add_rows(x: &[f32], sums: &mut [f32]) {
        sums.fill(0.0);
        for row in x.chunks_exact(sums.len()) {
            for (sum, &x) in sums.iter_mut().zip(row) {
                *sum += x;
            }
        }
    }

    fn update_chunk<F: Step>(state: [&mut [f32]; 3], input: &[f32], f: F) {
        let [a, b, c] = state;
        for (((a, b), c), &input) in a.iter_mut().zip(b).zip(c).zip(input) {
            [*a, *b, *c] = f([*a, *b, *c], input);
        }
    }
}

/// A function of one element.
pub trait Unary: Fn(f32) -> f32 + Copy + Sync {}
impl<F: Fn(f32) -> f32 + Copy + Sync> Unary for F {}

/// A function of two elements.
pub trait Binary: Fn(f32, f32) -> f32 + Copy + Sync {}
impl<F: Fn(f32, f32) -> f32 + Copy + Sync> Binary for F {}

/// A function from three elements of state and one of input to the new state.
pub trait Step: Fn([f32; 3], f32) -> [f32; 3] + Copy + Sync {}
impl<F: Fn([f32; 3], f32) -> [f32; 3] + Copy + Sync> Step for F {}

/// `out[i] = f(x[i])`
pub fn map(x: &[f32], out: &mut [f32], f: impl Unary) {
    assert_eq!(x.len(), out.len(), "input and output have the same length");
    each(out.len(), out.chunks_mut(BLOCK).zip(x.chunks(BLOCK)), move |(out, x)| map_chunk(x, out, f));
}

/// `x[i] = f(x[i])`
pub fn map_in_place(x: &mut [f32], f: impl Unary) {
    each(x.len(), x.chunks_mut(BLOCK), move |x| map_in_place_chunk(x, f));
}

/// `out[i] = f(x[i], y[i])`
pub fn map2(x: &[f32], y: &[f32], out: &mut [f32], f: impl Binary) {
    assert!(x.len() == out.len() && y.len() == out.len(), "inputs and output have the same length");
    let blocks = out.chunks_mut(BLOCK).zip(x.chunks(BLOCK)).zip(y.chunks(BLOCK));
    each(x.len(), blocks, move |((out, x), y)| map2_chunk(x, y, out, f));
}

/// `sum over i of f(x[i], y[i])`
pub fn sum2(x: &[f32], y: &[f32], f: impl Binary) -> f64 {
    assert_eq!(x.len(), y.len(), "the inputs have the same length");
    if !is_parallel(x.len()) {
        return x.chunks(BLOCK).zip(y.chunks(BLOCK)).map(|(x, y)| sum2_chunk(x, y, f)).sum();
    }
    let partial: Vec<f64> =
        x.par_chunks(BLOCK).zip(y.par_chunks(BLOCK)).map(|(x, y)| sum2_chunk(x, y, f)).collect();
    partial.iter().sum()
}

/// `(a[i], b[i], c[i]) = f([a[i], b[i], c[i]], input[i])`, in place.
pub fn update3(state: [&mut [f32]; 3], input: &[f32], f: impl Step) {
    let [a, b, c] = state;
    let n = input.len();
    assert!(a.len() == n && b.len() == n && c.len() == n, "state and input have the same length");
    let [a, b, c] = [a, b, c].map(|state| state.chunks_mut(BLOCK));
    let blocks = a.zip(b).zip(c).zip(input.chunks(BLOCK));
    each(n, blocks, move |(((a, b), c), input)| update_chunk([a, b, c], input, f));
}

/// `sum over i of x[i]`
pub fn sum(x: &[f32]) -> f64 {
    sum2(x, x, |x, _| x)
}

/// `out[j] = sum over rows of x[row][j]`: within a block of rows in 32 bits, over the blocks in 64 bits.
pub fn sum_rows(x: &[f32], out: &mut [f32]) {
    let width = out.len();
    if width == 0 {
        return;
    }
    if x.len() <= ROWS * width {
        return add_rows(x, out);
    }
    let mut total = vec![0.0f64; width];
    for block in x.chunks(ROWS * width) {
        add_rows(block, out);
        total.iter_mut().zip(&*out).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    out.iter_mut().zip(total).for_each(|(out, total)| *out = total as f32);
}

#[cfg(test)]
mod tests {
    use super::super::PARALLEL_FROM;
    use super::*;

    fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_sum() {
        let x: Vec<f32> = (0..300_001).map(|i| (i as f32 * 0.37).sin()).collect();
        let sum = || sum2(&x, &x, |x, y| x * y);
        let one = on_threads(1, sum);
        assert!(one == on_threads(2, sum) && one == on_threads(3, sum));
        let exact: f64 = x.iter().map(|&x| f64::from(x * x)).sum();
        // Each lane adds at most 256 terms below 1, so its sum stays below 256.
        assert!((one - exact).abs() <= 300_001.0 * 256.0 * f64::from(f32::EPSILON));
    }

    #[test]
    fn every_element_is_visited_once_whatever_the_length() {
        for n in [0, 1, 15, 16, 17, BLOCK - 1, BLOCK + 1, PARALLEL_FROM + 5] {
            let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let mut out = vec![f32::NAN; n];
            on_threads(2, || map(&x, &mut out, |x| x + 1.0));
            assert!(out.iter().enumerate().all(|(i, &y)| y == i as f32 + 1.0));
            on_threads(2, || map_in_place(&mut out, |x| x - 1.0));
            assert!(out == x);
            on_threads(2, || map2(&x, &x, &mut out, |x, y| x - y));
            assert!(out.iter().all(|&y| y == 0.0));
            let (mut a, mut b, mut c) = (x.clone(), x.clone(), x.clone());
            on_threads(2, || update3([&mut a, &mut b, &mut c], &x, |[a, b, c], x| [a - x, b + x, c]));
            assert!((0..n).all(|i| a[i] == 0.0 && b[i] == 2.0 * x[i] && c[i] == x[i]));
        }
    }

    #[test]
    fn columns_are_summed() {
        let mut out = [9.0; 2];
        sum_rows(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut out);
        assert_eq!(out, [9.0, 12.0]);
        for rows in [0usize, 63, 64, 65, 200] {
            let x: Vec<f32> = (0..rows).flat_map(|row| [row as f32, 1.0]).collect();
            sum_rows(&x, &mut out);
            assert_eq!(out, [(rows * rows.saturating_sub(1) / 2) as f32, rows as f32]);
        }
    }

    #[test]
    fn sums_of_columns_of_a_million_tenths_have_the_rounding_error_of_a_block() {
        const N: usize = 1 << 20;
        let mut out = [0.0; 2];
        sum_rows(&vec![0.1; 2 * N], &mut out);
        let exact = N as f64 * f64::from(0.1f32);
        // 64 additions in a block, each with a rounding error of half an epsilon; one more covers the sums in 64 bits.
        let allowed = 65.0 / 2.0 * f64::from(f32::EPSILON) * exact;
        assert!(out.iter().all(|&sum| (f64::from(sum) - exact).abs() <= allowed), "{out:?}");
        assert!((sum(&vec![0.1; N]) - exact).abs() <= 257.0 / 2.0 * f64::from(f32::EPSILON) * exact);
    }
}
