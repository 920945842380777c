//! The fast paths of repeating a tensor along any of its axes, and of the sum over them.
//!
//! Axes are `(length, stride)` pairs that walk over the large tensor, outermost first; the stride is that of the small one,
//! zero where it is repeated. Axes that one stride walks are one, so neither loop below is short by accident.

use tensor::rows;

/// Elements that a task takes at least.
const TASK: usize = 4096;
/// Terms of a sum that is taken one after the other; a longer one would be rounded too often.
pub(super) const MAX_TERMS: usize = 64;

/// `y`, the elements of `x` repeated.
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
        // The length is a constant here, so that two stores of a vector take the place of a loop.
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

/// `y`, the sums of at most [`MAX_TERMS`] elements of `x` each.
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

/// Adds the elements of `x` to what they are summed into.
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
