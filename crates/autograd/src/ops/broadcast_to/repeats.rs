//! Fast paths: repeats a tensor along any of its axes, and sums over such axes.
//!
//! Axes are `(length, stride)` pairs of the large tensor, outermost first. The stride is that of the small tensor, and
//! zero where it is repeated. Axes that can be merged are merged, which makes the inner loops as long as possible.

use tensor::rows;

/// The minimum number of elements of a task.
const TASK: usize = 4096;
/// The maximum number of terms of a sequential sum; longer ones would accumulate too many rounding errors.
pub(super) const MAX_TERMS: usize = 64;

/// Writes the repeated elements of `x` to `y`.
pub(super) fn repeat(x: &[f32], y: &mut [f32], axes: &[(usize, usize)]) {
    let Some((&(length, stride), inner)) = axes.split_first() else {
        return y.copy_from_slice(x);
    };
    let of_index = y.len() / length;
    let at_once = (TASK / of_index).max(1);
    rows::each(y.len(), y.chunks_mut(at_once * of_index).enumerate(), |(part, y)| {
        for (place, y) in y.chunks_exact_mut(of_index).enumerate() {
            repeat_one(&x[(part * at_once + place) * stride..], y, inner);
        }
    });
}

fn repeat_one(x: &[f32], y: &mut [f32], axes: &[(usize, usize)]) {
    match *axes {
        [] => y[0] = x[0],
        [(length, 1)] => y.copy_from_slice(&x[..length]),
        [(_, 0)] => y.fill(x[0]),
        // The constant length 2 lets the compiler use vector stores instead of an inner loop.
        [(_, 1), (2, 0)] => y.as_chunks_mut::<2>().0.iter_mut().zip(x).for_each(|(y, &x)| *y = [x; 2]),
        [(length, 0), ref inner @ ..] => {
            let (first, others) = y.split_at_mut(y.len() / length);
            repeat_one(x, first, inner);
            others.chunks_exact_mut(first.len()).for_each(|y| y.copy_from_slice(first));
        }
        [(length, stride), ref inner @ ..] => {
            let of_index = y.len() / length;
            let parts = y.chunks_exact_mut(of_index).enumerate();
            parts.for_each(|(index, y)| repeat_one(&x[index * stride..], y, inner));
        }
    }
}

/// Writes sums of at most [`MAX_TERMS`] elements of `x` each to `y`.
pub(super) fn sum(x: &[f32], y: &mut [f32], axes: &[(usize, usize)]) {
    y.fill(0.0);
    match axes.split_first() {
        Some((&(length, stride), inner)) if stride > 0 => {
            let of_index = x.len() / length;
            let at_once = (TASK / of_index).max(1);
            let parts = y.chunks_mut(at_once * stride).zip(x.chunks(at_once * of_index));
            rows::each(x.len(), parts, |(y, x)| {
                let parts = y.chunks_exact_mut(stride).zip(x.chunks_exact(of_index));
                parts.for_each(|(y, x)| add(x, y, inner));
            });
        }
        _ => add(x, y, axes),
    }
}

/// Adds each element of `x` to its sum in `y`.
fn add(x: &[f32], y: &mut [f32], axes: &[(usize, usize)]) {
    match *axes {
        [] => y[0] += x[0],
        [(_, 1)] => y.iter_mut().zip(x).for_each(|(y, x)| *y += x),
        [(_, 0)] => y[0] += x.iter().sum::<f32>(),
        [(_, 1), (2, 0)] => y.iter_mut().zip(x.as_chunks::<2>().0).for_each(|(y, [a, b])| *y += a + b),
        [(length, stride), ref inner @ ..] => {
            let of_index = x.len() / length;
            let parts = x.chunks_exact(of_index).enumerate();
            parts.for_each(|(index, x)| add(x, &mut y[index * stride..], inner));
        }
    }
}
