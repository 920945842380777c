//! Tests of the closed form against sampled noise, against other codes, and against its special cases.

use super::*;
use crate::LinearFront;
use crate::adam::adam;
use crate::noise::Noise;

const CLASSES: usize = 3;

/// Every kind of noise for images of 1 × 6 × 6.
fn corruptions() -> Vec<Corruption> {
    let image = [1, 6, 6];
    let mask = |patch| Corruption::PatchMask { image, patch, drop: 0.5 };
    let root = Noise::new(1).normal(36, 3);
    vec![
        Corruption::None,
        Corruption::Gaussian { std: 0.5 },
        Corruption::Additive { covariance: root.dot(&root.t()) },
        mask(1),
        mask(2),
        mask(3),
        mask(4),
        Corruption::FixedCount { image, patch: 2, kept: 3 },
        Corruption::FixedCount { image, patch: 3, kept: 1 },
    ]
}

/// Smooth images with noise, so that pixels are correlated; the last pixel is constant.
struct Problem {
    x: Array2<f64>,
    labels: Vec<u8>,
    moments: Moments,
}

impl Problem {
    fn new(n: usize, seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        let labels = noise.labels(n, CLASSES as u8);
        let waves = Array2::from_shape_fn((5, 36), |(wave, pixel)| {
            ((pixel / 6) as f64 * 0.3 * wave as f64).cos() * ((pixel % 6) as f64 * 0.4).sin()
        });
        let mut x = noise.normal(n, 5).dot(&waves) + 0.3 * noise.normal(n, 36);
        for (mut row, &label) in x.rows_mut().into_iter().zip(&labels) {
            row[usize::from(label)] += 1.0;
            row[35] = 0.0;
        }
        let x = crate::centred::centred(x.view()).1;
        let moments = Moments::of(x.view(), &labels, CLASSES).unwrap();
        Self { x, labels, moments }
    }

    fn denoising(&self) -> Denoising {
        Denoising::new(&self.moments).unwrap()
    }

    /// The two errors for one draw of the noise.
    fn sampled(&self, denoiser: &Denoiser, corruption: &Corruption, noise: &mut Noise) -> [f64; 2] {
        let codes = noise.corrupted(self.x.view(), corruption).dot(&denoiser.encoder.t());
        let labels = crate::evaluation::one_hot(&self.labels, CLASSES);
        let labels = &labels - &self.moments.class_frequencies().unwrap();
        let n = self.x.nrows() as f64;
        let energy = |of: Array2<f64>| of.iter().map(|value| value * value).sum::<f64>() / n;
        [
            energy(codes.dot(&denoiser.decoder.t()) - &self.x),
            energy(codes.dot(&denoiser.classifier.t()) - labels),
        ]
    }
}

const WEIGHTS: [Weights; 3] = [
    Weights::RECONSTRUCTION,
    Weights { reconstruction: 1.0, labels: 10.0 },
    Weights { reconstruction: 0.0, labels: 1.0 },
];

/// The tolerance for sums of a few thousand products after a whitening, which amplifies rounding by the condition
/// number, below a thousand.
const TOLERANCE: f64 = 1e6 * f64::EPSILON;

/// Fact LBR A8 of `book/lbr.md`.
#[test]
fn the_loss_is_the_mean_over_draws_of_the_noise() {
    let problem = Problem::new(60, 2);
    let mut noise = Noise::new(3);
    for corruption in corruptions() {
        for weights in WEIGHTS {
            let denoiser = problem.denoising().solve(&corruption, weights, 3).unwrap();
            let draws: Vec<[f64; 2]> =
                (0..400).map(|_| problem.sampled(&denoiser, &corruption, &mut noise)).collect();
            for (part, expected) in
                [denoiser.reconstruction_error, denoiser.label_error].into_iter().enumerate()
            {
                let mean = draws.iter().map(|draw| draw[part]).sum::<f64>() / 400.0;
                let square = draws.iter().map(|draw| (draw[part] - mean).powi(2)).sum::<f64>() / 399.0;
                let standard_error = (square / 400.0).sqrt();
                let gap = (mean - expected).abs();
                assert!(
                    gap <= 4.0 * standard_error + TOLERANCE,
                    "{corruption:?} {weights:?}: {mean} {expected}"
                );
            }
            let Weights { reconstruction, labels } = weights;
            let parts = reconstruction * denoiser.reconstruction_error + labels * denoiser.label_error;
            assert!((parts - denoiser.loss).abs() < TOLERANCE * (1.0 + labels));
        }
    }
}

#[test]
fn the_expected_loss_at_the_optimum_is_minimal() {
    // With fewer samples than dimensions, only the noise has variance along some directions.
    for (n, seed) in [(100, 4), (20, 5)] {
        let denoising = Problem::new(n, seed).denoising();
        assert_eq!(denoising.rank(), 35.min(n - 1));
        let mut noise = Noise::new(6);
        for corruption in corruptions() {
            let best = denoising.solve(&corruption, Weights::RECONSTRUCTION, 4).unwrap();
            let loss = |v: &Array2<f64>, w: &Array2<f64>| {
                denoising.expected_loss(&corruption, v.view(), w.view()).unwrap()
            };
            assert!((loss(&best.encoder, &best.decoder) - best.loss).abs() < TOLERANCE, "{n} {corruption:?}");
            for size in [1e-4, 1e-2, 1.0] {
                for _ in 0..5 {
                    let encoder = &best.encoder + &(size * noise.normal(4, 36));
                    let decoder = &best.decoder + &(size * noise.normal(36, 4));
                    for (v, w) in [(&encoder, &best.decoder), (&best.encoder, &decoder), (&encoder, &decoder)]
                    {
                        assert!(loss(v, w) >= best.loss - TOLERANCE, "{n} {corruption:?} {size}");
                    }
                }
            }
        }
    }
}

/// Fact LBR A10 of `book/lbr.md`, in the scaled-down form of section 4.2 and smaller, with 4 draws per step and with 1.
/// Training uses draws of the noise; the compared loss is the expected one.
#[test]
fn training_on_draws_of_the_noise_approaches_the_optimum_from_above() {
    let (n, d, k) = (64, 16, 4);
    let mut noise = Noise::new(12);
    let coins = noise.normal(n, d).mapv(|value| f64::from(value > 0.0));
    let x = crate::centred::centred(coins.view()).1;
    let denoising = Denoising::new(&Moments::of(x.view(), &[0; 64], 1).unwrap()).unwrap();
    let mask = Corruption::PatchMask { image: [1, 4, 4], patch: 2, drop: 0.5 };
    for corruption in [Corruption::Gaussian { std: 1.0 }, mask] {
        let best = denoising.solve(&corruption, Weights::RECONSTRUCTION, k).unwrap().loss;
        let start = [noise.normal(k, d) / 4.0, noise.normal(d, k) / 4.0];
        let gaps = [1, 4].map(|views| {
            let [v, w] = adam(start.clone(), 0.01, 4_000, |[v, w]| {
                // The gradient needs only two sums over the draws: M and E[x x~^T].
                let (mut second, mut cross) = (Array2::zeros((d, d)), Array2::zeros((d, d)));
                for _ in 0..views {
                    let drawn = noise.corrupted(x.view(), &corruption);
                    let share = 2.0 / (n * views * d) as f64;
                    second += &(share * linalg::dot(drawn.t(), drawn.view()));
                    cross += &(share * linalg::dot(x.t(), drawn.view()));
                }
                let heads = w.t().dot(w);
                [
                    heads.dot(v).dot(&second) - w.t().dot(&cross),
                    w.dot(&v.dot(&second).dot(&v.t())) - cross.dot(&v.t()),
                ]
            });
            denoising.expected_loss(&corruption, v.view(), w.view()).unwrap() / best - 1.0
        });
        assert!(gaps[0] > gaps[1] && gaps[1] > -1e-12, "{corruption:?} {gaps:?}");
        assert!(gaps[0] < 1e-3, "{corruption:?} {gaps:?}");
    }
}

#[test]
fn codes_of_corrupted_samples_have_variance_one_and_no_correlation() {
    for n in [20, 100] {
        let problem = Problem::new(n, 7);
        for corruption in corruptions() {
            let k = if corruption == Corruption::None { 19 } else { 4 };
            let v = problem.denoising().solve(&corruption, WEIGHTS[1], k).unwrap().encoder;
            let second = corruption.second_moment(problem.moments.covariance().unwrap().view()).unwrap();
            let gap = v.dot(&second).dot(&v.t()) - Array2::<f64>::eye(k);
            assert!(gap.iter().all(|gap| gap.abs() < TOLERANCE), "{n} {corruption:?}");
        }
    }
}

#[test]
fn without_noise_it_is_the_linear_front_in_sums_instead_of_means() {
    let problem = Problem::new(80, 8);
    let front = LinearFront::new(&problem.moments, 1.0).unwrap();
    for (lambda, k) in [(0.0, 1), (0.5, 3), (0.9, 10), (1.0, 5)] {
        let model = front.solve(lambda, k).unwrap();
        let weights = Weights { reconstruction: lambda / 36.0, labels: (1.0 - lambda) / CLASSES as f64 };
        let denoiser = problem.denoising().solve(&Corruption::None, weights, k).unwrap();
        assert!((denoiser.reconstruction_error / 36.0 - model.mse).abs() < TOLERANCE || lambda == 0.0);
        assert!((denoiser.label_error / CLASSES as f64 - model.one_hot_mse).abs() < TOLERANCE);
    }
}

#[test]
fn isotropic_noise_gives_the_same_result_as_a_scalar_and_as_a_matrix() {
    let problem = Problem::new(80, 9);
    let [short, long] = [
        Corruption::Gaussian { std: 1.5 },
        Corruption::Additive { covariance: 2.25 * Array2::<f64>::eye(36) },
    ]
    .map(|corruption| problem.denoising().solve(&corruption, Weights::RECONSTRUCTION, 6).unwrap());
    assert!((&short.gains - &long.gains).iter().all(|gap| gap.abs() < TOLERANCE));
    assert!((short.loss - long.loss).abs() < TOLERANCE);
}

#[test]
fn only_anisotropic_noise_rotates_the_code_away_from_the_principal_components() {
    for n in [20, 100] {
        let denoising = Problem::new(n, 10).denoising();
        let ks: Vec<usize> = (1..=denoising.rank()).collect();
        for corruption in corruptions() {
            let angles = denoising.angles_to_principal_components(&corruption, &ks).unwrap();
            let largest = angles.iter().fold(0.0f64, |largest, &angle| largest.max(angle));
            match corruption {
                Corruption::None | Corruption::Gaussian { .. } => assert_eq!(largest, 0.0),
                _ => assert!(largest > 1.0 && largest <= 90.0, "{n} {corruption:?} {largest}"),
            }
        }
        let isotropic = Corruption::Additive { covariance: 4.0 * Array2::<f64>::eye(36) };
        // The eigenvalues of the first five directions, waves, are well separated.
        let angles = denoising.angles_to_principal_components(&isotropic, &[1, 2, 3]).unwrap();
        assert!(angles.iter().all(|&angle| angle < 1e-9), "{angles:?}");
    }
}

#[test]
fn invalid_arguments_are_refused() {
    let problem = Problem::new(30, 11);
    let denoising = problem.denoising();
    let complaint =
        |weights, k| denoising.solve(&Corruption::None, weights, k).map(|_| ()).unwrap_err().to_string();
    let at_most = complaint(Weights::RECONSTRUCTION, 36);
    assert_eq!(at_most, "dimensions of the code: expected 1 to 29, got 36");
    let none = complaint(Weights { reconstruction: 0.0, labels: 0.0 }, 1);
    assert_eq!(
        none,
        "weights of the loss: expected two finite weights of at least 0, not both 0, got 0 and 0"
    );
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        complaint(Weights { reconstruction: bad, labels: 1.0 }, 1);
        complaint(Weights { reconstruction: 1.0, labels: bad }, 1);
    }
    let narrow = Corruption::Additive { covariance: Array2::eye(35) };
    assert!(denoising.solve(&narrow, Weights::RECONSTRUCTION, 1).is_err());
    assert!(denoising.angles_to_principal_components(&Corruption::None, &[0]).is_err());
    let square = Array2::<f64>::zeros((2, 2));
    assert!(denoising.expected_loss(&Corruption::None, square.view(), square.view()).is_err());
    let same = Moments::of(Array2::ones((3, 2)).view(), &[0, 1, 0], 2).unwrap();
    let message = Denoising::new(&same).map(|_| ()).unwrap_err().to_string();
    assert_eq!(message, "samples: expected at least two different rows, got 3 identical ones");
}
