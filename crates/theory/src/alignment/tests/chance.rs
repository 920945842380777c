//! Tests of the alignment of random labels.

use ndarray::{Array1, Array2};

use super::*;
use crate::noise::Noise;

const N: usize = 200;
const D: usize = 50;
const DRAWS: usize = 200;

/// The alignments without noise of one set of samples with many permutations of labels of two equally large classes.
fn permuted() -> Vec<Alignment> {
    let mut noise = Noise::new(21);
    let x: Array2<f64> = noise.normal(N, D) * Array1::from_shape_fn(D, |i| 0.9f64.powi(i as i32));
    (0..DRAWS)
        .map(|_| {
            let keys = noise.normal(1, N);
            let mut order: Vec<usize> = (0..N).collect();
            order.sort_by(|&a, &b| keys[[0, a]].total_cmp(&keys[[0, b]]));
            let labels: Vec<u8> = order.iter().map(|&place| (place % 2) as u8).collect();
            let moments = Moments::of(x.view(), &labels, 2).unwrap();
            Denoising::new(&moments).unwrap().alignment(&Corruption::None).unwrap()
        })
        .collect()
}

fn mean(of: impl Iterator<Item = f64>) -> f64 {
    of.sum::<f64>() / DRAWS as f64
}

/// Five standard errors of a mean of draws from the beta distribution with parameters `a / 2` and `b / 2`, which is the
/// distribution of the fraction `a / (a + b)` of the squared length of a random vector.
fn tolerance(a: usize, b: usize) -> f64 {
    let [a, b] = [a, b].map(|n| n as f64);
    5.0 * (2.0 * a * b / ((a + b).powi(2) * (a + b + 2.0)) / DRAWS as f64).sqrt()
}

#[test]
fn permuted_labels_have_the_null_alignment_and_no_adjusted_r2_on_average() {
    let draws = permuted();
    let null = draws[0].null();
    for k in [1, 4, 16, 32] {
        let squared = mean(draws.iter().map(|of| (of.alignment[k - 1] / 100.0).powi(2)));
        let expected = (null[k - 1] / 100.0).powi(2);
        assert!((expected - k as f64 / D as f64).abs() < 1e-15);
        assert!((squared - expected).abs() < tolerance(k, D - k), "{k}: {squared} {expected}");
        let r2 = mean(draws.iter().map(|of| of.r2[k - 1]));
        let chance = k as f64 / (N - 1) as f64;
        assert!((r2 - chance).abs() < tolerance(k, N - 1 - k), "{k}: {r2} {chance}");
        let adjusted = mean(draws.iter().map(|of| of.adjusted_r2(N)[k - 1]));
        // The same difference, divided by 1 - chance.
        assert!(adjusted.abs() < tolerance(k, N - 1 - k) / (1.0 - chance), "{k}: {adjusted}");
    }
    assert_eq!(null[D - 1], 100.0);
}

#[test]
fn the_adjusted_alignment_ends_at_100_and_exists_where_chance_is_exceeded() {
    let (x, labels) = problem(300, 22);
    let of = denoising(&x, &labels).alignment(&Corruption::None).unwrap();
    let adjusted = of.adjusted(300).unwrap();
    assert_eq!((adjusted.len(), adjusted[49]), (50, 100.0));
    // With many more samples than dimensions, the adjustment is small.
    let (x, labels) = problem(20_000, 22);
    let of = denoising(&x, &labels).alignment(&Corruption::None).unwrap();
    let r2 = of.r2.clone();
    let most = 50.0 / 19_949.0; // of 1 - R^2
    assert!(gap(&of.adjusted_r2(20_000), &r2) <= most * (1.0 + 1e-9));
    // As many directions as samples explain everything, whatever the labels are.
    let (x, labels) = problem(30, 23);
    let of = denoising(&x, &labels).alignment(&Corruption::None).unwrap();
    assert_eq!((of.r2.len(), of.adjusted_r2(30).len(), of.adjusted(30)), (29, 28, None));
    // Labels that are explained worse than by chance.
    let worse = Alignment { alignment: Array1::ones(2), r2: Array1::from(vec![0.001, 0.002]) };
    assert_eq!(worse.adjusted(100), None);
}
