//! Tests with images whose alignment under every noise is known analytically (section 6.B of `book/lbr.md`).
//!
//! Rows of a Hadamard matrix are orthogonal in the sample, so the covariances are exact. Of the 8 × 8 pixels, a
//! quadrant of 16 has independent local noise; the other 48 share one direction that is spread over all of them, plus a
//! little noise.

use ndarray::{Array1, Array2};

use super::gap;
use crate::corruption::Corruption;
use crate::{Denoising, Moments, Weights};

const SIDE: usize = 8;
const N: usize = 128;

/// The pixels of the local quadrant, or all other pixels.
fn pixels(local: bool) -> Vec<usize> {
    (0..SIDE * SIDE).filter(|pixel| (pixel / SIDE < 4 && pixel % SIDE < 4) == local).collect()
}

/// Entry `sample` of a row of the Hadamard matrix.
fn hadamard(row: usize, sample: usize) -> f64 {
    if (row & sample).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// The toy images: `spread` is the variance along the spread direction (row 1 of the Hadamard matrix), `local` the
/// variance of each local pixel (rows from 49 on); labels are the signs of row `label`.
fn toy(spread: f64, local: &[f64], label: usize) -> Denoising {
    let mut x = Array2::zeros((N, SIDE * SIDE));
    for sample in 0..N {
        for (i, &pixel) in pixels(false).iter().enumerate() {
            x[[sample, pixel]] = hadamard(1, sample) * (spread / 48.0).sqrt();
            for k in 1..48 {
                // The rows of Helmert's matrix are orthonormal, and orthogonal to the vector of ones.
                let entry = if i < k {
                    1.0
                } else if i == k {
                    -(k as f64)
                } else {
                    0.0
                };
                let entry = entry / ((k * (k + 1)) as f64).sqrt();
                x[[sample, pixel]] += hadamard(1 + k, sample) * 0.1 * entry;
            }
        }
        for (i, (&pixel, variance)) in pixels(true).iter().zip(local).enumerate() {
            x[[sample, pixel]] = hadamard(49 + i, sample) * variance.sqrt();
        }
    }
    let labels: Vec<u8> = (0..N).map(|sample| u8::from(hadamard(label, sample) > 0.0)).collect();
    Denoising::new(&Moments::of(x.view(), &labels, 2).unwrap()).unwrap()
}

/// Labels that follow the direction that is spread over many pixels.
fn spread_labels() -> Denoising {
    toy(0.5, &[1.0; 16], 1)
}

/// Labels that follow one local pixel of high variance; the spread direction is unrelated to them.
fn local_labels() -> Denoising {
    let mut variances = [0.09; 16];
    variances[0] = 1.2;
    toy(0.5, &variances, 49)
}

fn mask(patch: usize, drop: f64) -> Corruption {
    Corruption::PatchMask { image: [1, SIDE, SIDE], patch, drop }
}

fn alignment(toy: &Denoising, corruption: &Corruption) -> Array1<f64> {
    toy.alignment(corruption).unwrap().alignment
}

/// `0.5 - 0.5 m / 48 - 0.01 (1 - m / 48)`: the energy of the spread direction minus the part that patches of `m` pixels
/// cannot predict.
fn shared(patch: usize) -> f64 {
    let m = (patch * patch) as f64;
    0.5 - 0.5 * m / 48.0 - 0.01 * (1.0 - m / 48.0)
}

/// Fact LBR B1 of `book/lbr.md`.
#[test]
fn without_noise_the_label_direction_is_the_seventeenth() {
    let alignment = alignment(&spread_labels(), &Corruption::None);
    // The square root of rounding errors.
    assert!(alignment[15] < 1e-6 && alignment[16] > 100.0 - 1e-6, "{alignment}");
}

/// Fact LBR B2 of `book/lbr.md`.
#[test]
fn isotropic_noise_changes_nothing() {
    let toy = spread_labels();
    let clean = alignment(&toy, &Corruption::None);
    for std in [0.1, 1.0, 10.0] {
        assert!(gap(&alignment(&toy, &Corruption::Gaussian { std }), &clean) < 1e-6);
        let matrix = Corruption::Additive { covariance: std * std * Array2::<f64>::eye(64) };
        assert!(gap(&alignment(&toy, &matrix), &clean) < 1e-6);
    }
}

/// Fact LBR B3 of `book/lbr.md`.
#[test]
fn the_gains_of_the_directions_under_a_mask_are_the_analytic_ones() {
    for patch in [1, 2, 4] {
        let m = (patch * patch) as f64;
        for p in [0.1, 0.5, 0.9] {
            let alone = 0.5 * m / 48.0 + 0.01 * (1.0 - m / 48.0);
            let spread = (1.0 - p) * 0.25 / ((1.0 - p) * 0.5 + p * alone);
            let gains = spread_labels().solve(&mask(patch, p), Weights::RECONSTRUCTION, 17).unwrap().gains;
            let mut expected = vec![1.0 - p; 16];
            expected.push(spread);
            expected.sort_by(|a, b| b.total_cmp(a));
            // A few operations on values below 1, with matrices whose condition number is a hundred.
            assert!(gap(&gains, &expected.into()) < 1e4 * f64::EPSILON, "{patch} {p}");
        }
    }
}

/// Fact LBR B4 of `book/lbr.md`.
#[test]
fn masks_help_beyond_a_ratio_that_grows_with_the_patch() {
    let toy = spread_labels();
    for (patch, known) in [(1, 0.5211), (2, 0.5566), (4, 0.7653)] {
        let threshold = 0.25 / shared(patch);
        assert!((threshold - known).abs() < 1e-4);
        assert!(alignment(&toy, &mask(patch, threshold - 0.003))[0] < 1e-6);
        assert!(alignment(&toy, &mask(patch, threshold + 0.003))[0] > 100.0 - 1e-6);
    }
}

/// Fact LBR B5 of `book/lbr.md`.
#[test]
fn the_same_masks_harm_labels_that_follow_one_pixel() {
    let toy = local_labels();
    assert!(alignment(&toy, &Corruption::None)[0] > 100.0 - 1e-6);
    for (patch, known) in [(1, 0.6079), (2, 0.6494), (4, 0.8929)] {
        let threshold = (0.5 - 0.25 / 1.2) / shared(patch);
        assert!((threshold - known).abs() < 1e-4);
        assert!(alignment(&toy, &mask(patch, threshold - 0.003))[0] > 100.0 - 1e-6);
        assert!(alignment(&toy, &mask(patch, threshold + 0.003))[0] < 1e-6);
    }
}

/// Fact LBR B6 of `book/lbr.md`.
#[test]
fn additive_noise_that_falls_on_the_nuisance_alone_helps() {
    let mut covariance = Array2::zeros((64, 64));
    for pixel in pixels(true) {
        covariance[[pixel, pixel]] = 3.0;
    }
    let alignment = alignment(&spread_labels(), &Corruption::Additive { covariance });
    assert!(alignment[0] > 100.0 - 1e-6, "{alignment}");
}
