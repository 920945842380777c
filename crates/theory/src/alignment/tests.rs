//! Tests of the alignment against its definition and its limits.

use ndarray::Array2;

use super::*;
use crate::evaluation::one_hot;
use crate::gap::largest;
use crate::noise::Noise;
use crate::{Moments, Ridge, Weights};

mod chance;
mod toy;

pub(crate) const CLASSES: usize = 4;

/// Images of 2 × 5 × 5 with class means, unbalanced classes and eigenvalues that decrease by a factor of a hundred.
pub(crate) fn problem(n: usize, seed: u64) -> (Array2<f64>, Vec<u8>) {
    let mut noise = Noise::new(seed);
    let labels: Vec<u8> = noise.labels(n, 8).into_iter().map(|label| label.min(CLASSES as u8 - 1)).collect();
    let mix =
        noise.normal(50, 50) * Array1::from_shape_fn(50, |i| 0.9f64.powi(i as i32)).insert_axis(Axis(1));
    let x = noise.normal(n, 50).dot(&mix) + one_hot(&labels, CLASSES).dot(&noise.normal(CLASSES, 50));
    (x, labels)
}

pub(crate) fn corruptions() -> Vec<Corruption> {
    let image = [2, 5, 5];
    let root = Noise::new(1).normal(50, 50);
    let mut all = vec![
        Corruption::None,
        Corruption::Gaussian { std: 1.0 },
        Corruption::Additive { covariance: root.dot(&root.t()) },
        Corruption::FixedCount { image, patch: 1, kept: 9 },
    ];
    for (patch, drop) in [(1, 0.33), (1, 0.99), (2, 0.66), (4, 0.9)] {
        all.push(Corruption::PatchMask { image, patch, drop });
    }
    all
}

pub(crate) fn denoising(x: &Array2<f64>, labels: &[u8]) -> Denoising {
    Denoising::new(&Moments::of(x.view(), labels, CLASSES).unwrap()).unwrap()
}

/// The definition in section 2.7 of `book/lbr.md`, using all samples, uncentred labels, and the encoder.
fn by_samples(x: &Array2<f64>, labels: &[u8], corruption: &Corruption) -> Alignment {
    let denoising = denoising(x, labels);
    let encoder = denoising.solve(corruption, Weights::RECONSTRUCTION, denoising.rank()).unwrap().encoder;
    let codes = (x - &denoising.mean()).dot(&encoder.t());
    let q = linalg::orthonormal(codes.view());
    let y = one_hot(labels, CLASSES);
    let toward = y.dot(&y.t().dot(&q)); // Y Y^T q_k in columns, with samples as rows
    let g = toward.mapv(|value| value * value).sum_axis(Axis(0));
    let g = cumulated(g);
    let centred = &y - &denoising.frequencies();
    let energy = centred.iter().map(|value| value * value).sum::<f64>();
    let plain = cumulated(y.t().dot(&q).mapv(|value| value * value).sum_axis(Axis(0)));
    Alignment { alignment: g.mapv(|held| 100.0 * (held / g[g.len() - 1]).sqrt()), r2: plain / energy }
}

pub(crate) fn gap(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    assert_eq!(a.len(), b.len());
    largest(&(a - b))
}

/// Fact LBR A11 of `book/lbr.md`, and LBR A12 for the centring of labels; also with fewer samples than dimensions.
#[test]
fn the_alignment_from_covariances_is_that_from_samples() {
    for (n, seed) in [(300, 2), (30, 3)] {
        let (x, labels) = problem(n, seed);
        for corruption in corruptions() {
            let got = denoising(&x, &labels).alignment(&corruption).unwrap();
            let expected = by_samples(&x, &labels, &corruption);
            assert!(gap(&got.alignment, &expected.alignment) < 1e-8, "{n} {corruption:?}");
            assert!(gap(&got.r2, &expected.r2) < 1e-10, "{n} {corruption:?}");
        }
    }
}

/// Fact LBR A12 of `book/lbr.md`: codes of all dimensions have the `R^2` of the samples, which is computed without
/// codes.
#[test]
fn alignment_is_non_decreasing_and_ends_at_the_least_squares_fit_of_the_samples() {
    let (x, mut labels) = problem(300, 4);
    // The labels must not be fully determined by the samples; otherwise any wrong formula that ends at 1 would pass.
    labels.iter_mut().step_by(3).enumerate().for_each(|(i, label)| *label = (i % CLASSES) as u8);
    let y = one_hot(&labels, CLASSES);
    let energy = (&y - &y.mean_axis(Axis(0)).unwrap()).mapv(|value| value * value).sum();
    let left = Ridge::fit(x.view(), y.view(), 0.0).unwrap().mse(x.view(), y.view()).unwrap();
    let explained = 1.0 - left * y.len() as f64 / energy;
    assert!(explained > 0.1 && explained < 0.9, "{explained}");
    for corruption in corruptions() {
        let Alignment { alignment, r2 } = denoising(&x, &labels).alignment(&corruption).unwrap();
        assert_eq!((alignment.len(), alignment[49]), (50, 100.0));
        assert!(alignment.as_slice().unwrap().is_sorted() && r2.as_slice().unwrap().is_sorted());
        assert!((r2[49] - explained).abs() < 1e-9, "{corruption:?}: {} {explained}", r2[49]);
    }
}

/// Facts LBR A12 and, for a matrix that is a multiple of the identity, LBR C3 of `book/lbr.md`.
#[test]
fn masks_that_drop_nothing_and_isotropic_noise_change_no_alignment() {
    let (x, labels) = problem(300, 5);
    let denoising = denoising(&x, &labels);
    let clean = denoising.alignment(&Corruption::None).unwrap();
    let nothing = Corruption::PatchMask { image: [2, 5, 5], patch: 2, drop: 0.0 };
    assert_eq!(denoising.alignment(&nothing).unwrap(), clean);
    assert_eq!(denoising.alignment(&Corruption::Gaussian { std: 3.0 }).unwrap(), clean);
    let matrix = Corruption::Additive { covariance: 9.0 * Array2::<f64>::eye(50) };
    let noisy = denoising.alignment(&matrix).unwrap();
    assert!(gap(&noisy.alignment, &clean.alignment) < 1e-6);
    let impact = noisy.impact(&clean).unwrap();
    assert!(impact.iter().all(|impact| impact.abs() < 1e-6));
}

/// Fact LBR A12 of `book/lbr.md`.
#[test]
fn the_scale_of_the_samples_changes_no_alignment() {
    let (x, labels) = problem(300, 6);
    for corruption in corruptions() {
        if matches!(corruption, Corruption::Additive { .. }) {
            continue;
        }
        let [small, large] = [1e-3, 1e3]
            .map(|scale| denoising(&(scale * &x), &labels).alignment(&corruption).unwrap().alignment);
        assert!(gap(&small, &large) < 1e-8, "{corruption:?}");
    }
}

#[test]
fn with_balanced_classes_the_ratio_of_r2_is_the_square_of_the_alignment() {
    let (x, _) = problem(200, 7);
    let labels: Vec<u8> = (0..200).map(|i| (i % CLASSES) as u8).collect();
    let got = denoising(&x, &labels).alignment(&corruptions()[4]).unwrap();
    assert!(gap(&got.r2_ratio(), &got.alignment.mapv(|a| a * a / 100.0)) < 1e-10);
}

#[test]
fn impact_is_relative_to_the_alignment_without_noise() {
    let of = |alignment: &[f64]| Alignment {
        alignment: alignment.to_vec().into(),
        r2: Array1::ones(alignment.len()),
    };
    let impact = of(&[50.0, 20.0]).impact(&of(&[40.0, 40.0])).unwrap();
    assert_eq!(impact.to_vec(), [25.0, -50.0]);
    let message = of(&[1.0]).impact(&of(&[1.0, 2.0])).unwrap_err().to_string();
    assert_eq!(message, "noise-free reference alignment: expected 1 dimensions, got 2");
}

#[test]
fn labels_uncorrelated_with_the_samples_are_refused() {
    let (x, _) = problem(60, 8);
    let one_class = denoising(&x, &[2; 60]).alignment(&Corruption::None);
    let expected = "labels: expected labels that correlate with the samples, got uncorrelated labels";
    assert_eq!(one_class.unwrap_err().to_string(), expected);
}

/// Each sample occurs once in each of the two classes, so the labels are uncorrelated with the samples. The remaining
/// rounding errors are divided by standard deviations as small as the smallest that counts as nonzero.
#[test]
fn labels_with_only_rounding_errors_as_covariance_are_refused() {
    for (n, seed, falls) in [(40, 11, 0.9), (3_000, 12, 0.9), (3_000, 13, 0.51), (9_000, 14, 0.5)] {
        let mut noise = Noise::new(seed);
        let scales = Array1::from_shape_fn(50, |i| f64::powi(falls, i as i32));
        let once = noise.normal(n, 50).dot(&noise.normal(50, 50)) * &scales + 3.0;
        // The second copy of the samples is in reverse order.
        let twice =
            ndarray::concatenate![Axis(0), once, once.select(Axis(0), &(0..n).rev().collect::<Vec<_>>())];
        let labels: Vec<u8> = (0..2 * n).map(|row| u8::from(row >= n)).collect();
        for corruption in corruptions() {
            if matches!(corruption, Corruption::Additive { .. }) {
                continue;
            }
            let refused = denoising(&twice, &labels).alignment(&corruption).map(|of| of.r2[of.r2.len() - 1]);
            assert!(refused.is_err(), "{n} {falls} {corruption:?}: {refused:?}");
        }
    }
}

/// Only the last component is correlated with the label. The alignment of the components before it must be exactly
/// zero, because an impact relative to rounding errors would be huge.
#[test]
fn an_alignment_of_rounding_errors_is_exactly_zero() {
    let n = 64;
    let sign = |row: usize, bit: usize| if row >> bit & 1 == 0 { 1.0 } else { -1.0 };
    let x = Array2::from_shape_fn((n, 4), |(row, column)| (4.0 - column as f64) * sign(row, column) + 0.1);
    let labels: Vec<u8> = (0..n).map(|row| (row >> 3 & 1) as u8).collect();
    let rotation = crate::linalg::orthonormal(Noise::new(15).normal(4, 4).view());
    let rotated = x.dot(&rotation);
    let moments = Moments::of(rotated.view(), &labels, 2).unwrap();
    let got = Denoising::new(&moments).unwrap().alignment(&Corruption::None).unwrap();
    assert_eq!(got.alignment.to_vec(), [0.0, 0.0, 0.0, 100.0]);
    assert_eq!(got.r2.iter().take(3).sum::<f64>(), 0.0);
    assert_eq!(got.impact(&got).unwrap()[3], 0.0);
}
