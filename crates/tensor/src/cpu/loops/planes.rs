//! Parallel loops over planes: the channels of images, or any other equal parts of slices.

use super::is_parallel;

/// Splits every slice into `count` equal pieces and calls `f` with the pieces of each index, in parallel.
///
/// Each piece is written by one call, so the result does not depend on the number of threads.
pub fn for_each<const N: usize, const M: usize>(
    count: usize,
    inputs: [&[f32]; N],
    outputs: [&mut [f32]; M],
    f: impl Fn([&[f32]; N], [&mut [f32]; M]) + Sync,
) {
    if count == 0 {
        return;
    }
    let lens = || inputs.iter().map(|x| x.len()).chain(outputs.iter().map(|y| y.len()));
    assert!(lens().all(|len| len % count == 0), "each slice splits into `count` pieces of equal length");
    let elements_of_piece = lens().max().unwrap_or(0) / count;
    halved(count, elements_of_piece, inputs, outputs, &f);
}

/// Recursively halves the pieces, on two threads where there are enough elements.
fn halved<const N: usize, const M: usize>(
    count: usize,
    elements_of_piece: usize,
    inputs: [&[f32]; N],
    outputs: [&mut [f32]; M],
    f: &(impl Fn([&[f32]; N], [&mut [f32]; M]) + Sync),
) {
    if count == 1 {
        return f(inputs, outputs);
    }
    let half = count / 2;
    let [mut before, mut after] = [const { [const { None }; M] }; 2];
    for (output, y) in outputs.into_iter().enumerate() {
        let (first, second) = y.split_at_mut(y.len() / count * half);
        (before[output], after[output]) = (Some(first), Some(second));
    }
    let [before, after] = [before, after].map(|half| half.map(|y| y.expect("every output was split")));
    let first = || halved(half, elements_of_piece, inputs.map(|x| &x[..x.len() / count * half]), before, f);
    let second =
        || halved(count - half, elements_of_piece, inputs.map(|x| &x[x.len() / count * half..]), after, f);
    if is_parallel(count * elements_of_piece) {
        rayon::join(first, second);
    } else {
        first();
        second();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_visited_once_with_its_partners() {
        for (count, piece) in [(0, 3), (1, 5), (7, 1), (700, 123), (2, 40_000)] {
            let x: Vec<f32> = (0..count * piece).map(|i| i as f32).collect();
            let (mut sums, mut copy) = (vec![0.0; count], vec![0.0; count * piece]);
            for_each(count, [&x], [&mut sums, &mut copy], |[x], [sum_of, copy]| {
                sum_of[0] += x.iter().sum::<f32>();
                copy.iter_mut().zip(x).for_each(|(to, x)| *to += x);
            });
            assert_eq!(copy, x);
            assert!(sums.iter().zip(x.chunks(piece)).all(|(&s, x)| s == x.iter().sum::<f32>()));
        }
    }
}
