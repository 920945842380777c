//! Tests of the moments of corruptions against sampled ones, and of invalid corruptions.

use super::*;
use crate::noise::Noise;

/// Every kind of corruption, for images of one or two channels of 4 × 5 pixels.
fn corruptions(channels: usize) -> Vec<Corruption> {
    let image = [channels, 4, 5];
    let root = Noise::new(1).normal(channels * 20, 3);
    let mask = |patch, drop| Corruption::PatchMask { image, patch, drop };
    vec![
        Corruption::None,
        Corruption::Gaussian { std: 0.7 },
        Corruption::Additive { covariance: root.dot(&root.t()) },
        mask(1, 0.3),
        mask(2, 0.5),
        mask(3, 0.9),
        Corruption::FixedCount { image, patch: 1, kept: 4 },
        Corruption::FixedCount { image: [channels, 4, 4], patch: 2, kept: 3 },
    ]
}

fn error(got: &Array2<f64>, expected: &Array2<f64>) -> f64 {
    (got - expected).iter().map(|gap| gap * gap).sum::<f64>().sqrt()
}

/// The errors of the sampled mean and second moment after `draws` draws for each of a few images.
fn sampling_errors(corruption: &Corruption, d: usize, draws: usize, noise: &mut Noise) -> [f64; 2] {
    let x = Noise::new(2).normal(3, d);
    let covariance = x.t().dot(&x) / 3.0;
    let (mut mean, mut second) = (Array2::zeros((3, d)), Array2::zeros((d, d)));
    for _ in 0..draws {
        let corrupted = noise.corrupted(x.view(), corruption);
        mean += &(&corrupted / draws as f64);
        second += &(corrupted.t().dot(&corrupted) / (3 * draws) as f64);
    }
    let c = corruption.mean_factor(d).unwrap();
    [error(&mean, &(c * x)), error(&second, &corruption.second_moment(covariance.view()).unwrap())]
}

/// Fact LBR A9 of `book/lbr.md`.
#[test]
fn sampled_moments_approach_the_exact_ones_with_the_root_of_the_draws() {
    let mut noise = Noise::new(3);
    for corruption in corruptions(1).into_iter().chain(corruptions(2)).skip(1) {
        let Some(d) = [16, 20, 32, 40].into_iter().find(|&d| corruption.mean_factor(d).is_ok()) else {
            unreachable!("{corruption:?} fits an image")
        };
        if corruption == Corruption::None {
            continue;
        }
        let few = sampling_errors(&corruption, d, 40, &mut noise);
        let many = sampling_errors(&corruption, d, 40 * 64, &mut noise);
        for (few, many) in few.into_iter().zip(many) {
            // The ratio is 8 on average. An error of hundreds of entries, of which at most about three are independent
            // for a noise of rank three, varies by less than a factor of three in either direction.
            assert!(few / many > 8.0 / 3.0 && few / many < 24.0, "{corruption:?}: {few} then {many}");
        }
    }
}

#[test]
fn a_mask_drops_a_patch_in_all_channels_and_single_pixels_at_the_edge() {
    let mask = Corruption::PatchMask { image: [2, 3, 3], patch: 2, drop: 0.25 };
    let second = mask.second_moment(Array2::ones((18, 18)).view()).unwrap();
    let patch = |number: usize| match (number % 9 / 3, number % 3) {
        (0..2, 0..2) => 0,
        (y, x) => 1 + 3 * y + x,
    };
    for ((i, j), &entry) in second.indexed_iter() {
        let expected = if patch(i) == patch(j) { 0.75 } else { 0.75 * 0.75 };
        assert!((entry - expected).abs() < 4.0 * f64::EPSILON, "{i} {j} {entry}");
    }
}

#[test]
fn masks_that_drop_nothing_change_nothing() {
    let x = Noise::new(4).normal(5, 16);
    let covariance = x.t().dot(&x);
    let image = [1, 4, 4];
    for nothing in [
        Corruption::PatchMask { image, patch: 2, drop: 0.0 },
        Corruption::FixedCount { image, patch: 2, kept: 4 },
        Corruption::FixedCount { image, patch: 4, kept: 1 },
        Corruption::Gaussian { std: 0.0 },
        Corruption::None,
    ] {
        assert_eq!(nothing.second_moment(covariance.view()).unwrap(), covariance);
        assert_eq!(nothing.mean_factor(16).unwrap(), 1.0);
    }
}

#[test]
fn noise_along_rows_agrees_with_the_second_moment() {
    for corruption in corruptions(2) {
        let d = if corruption.mean_factor(40).is_ok() { 40 } else { 32 };
        let mut noise = Noise::new(5);
        let (x, rows) = (noise.normal(60, d), noise.normal(7, d));
        let covariance = x.t().dot(&x) / 60.0;
        let moments = corruption.moments(d).unwrap();
        let mut added = corruption.second_moment(covariance.view()).unwrap() - moments.whole * &covariance;
        match (moments.along(rows.view(), covariance.view()), &moments.added) {
            // Sums of 40 products of values of magnitude 1.
            (Some(along), _) => assert!(error(&along, &rows.dot(&added)) < 1e5 * f64::EPSILON),
            (None, Added::Isotropic(variance)) => {
                added.diag_mut().mapv_inplace(|entry| entry - variance);
                assert!(error(&added, &Array2::zeros((d, d))) < 1e4 * f64::EPSILON);
            }
            (None, Added::Any(_)) => panic!("a covariance has directions"),
        }
    }
}

#[test]
fn invalid_corruptions_are_refused() {
    let complaint = |corruption: Corruption| corruption.mean_factor(12).unwrap_err().to_string();
    let image = [1, 3, 4];
    let mask = |patch, drop| Corruption::PatchMask { image, patch, drop };
    assert_eq!(
        complaint(mask(1, 1.0)),
        "probability to drop a patch: expected at least 0 and below 1, got 1"
    );
    assert!(mask(1, -0.1).mean_factor(12).is_err() && mask(1, f64::NAN).mean_factor(12).is_err());
    assert_eq!(complaint(mask(0, 0.5)), "side of a patch: expected 1 to 3, got 0");
    assert_eq!(complaint(mask(4, 0.5)), "side of a patch: expected 1 to 3, got 4");
    let large = Corruption::PatchMask { image: [3, 3, 4], patch: 1, drop: 0.5 };
    assert_eq!(
        complaint(large),
        "masked image: expected an image of 12 elements, the width of the samples, got 3 × 3 × 4"
    );
    let fixed = |patch, kept| Corruption::FixedCount { image, patch, kept };
    assert_eq!(complaint(fixed(2, 1)), "patch: expected a side that divides 3 and 4, got 2");
    assert_eq!(complaint(fixed(1, 13)), "kept patches: expected 1 to 12, got 13");
    assert!(fixed(1, 0).mean_factor(12).is_err());
    let negative = complaint(Corruption::Gaussian { std: -1.0 });
    assert_eq!(
        negative,
        "standard deviation of the noise: expected at least 0, with a finite square, got -1"
    );
    assert!(Corruption::Gaussian { std: f64::INFINITY }.mean_factor(12).is_err());
}

#[test]
fn invalid_noise_covariances_are_refused() {
    let complaint = |covariance| {
        let corruption = Corruption::Additive { covariance };
        corruption.mean_factor(2).map(|_| ()).unwrap_err().to_string()
    };
    let skew = complaint(ndarray::array![[1.0, 0.5], [0.0, 1.0]]);
    assert_eq!(
        skew,
        "covariance of the noise: expected a symmetric matrix, got 0.5 at [0, 1] and 0 at [1, 0]"
    );
    let negative = complaint(ndarray::array![[1.0, 0.0], [0.0, -1.0]]);
    assert!(negative.contains("a covariance has no negative eigenvalue"), "{negative}");
    assert_eq!(complaint(Array2::eye(3)), "covariance of the noise: expected 2 columns, got 3");
    let rank_one = Corruption::Additive { covariance: Array2::ones((2, 2)) };
    assert!(rank_one.mean_factor(2).is_ok());
    assert!(Corruption::Additive { covariance: Array2::zeros((2, 2)) }.mean_factor(2).is_ok());
}
