//! The thresholds of verdicts that do not belong to one claim alone, each with its reason.

/// The confidence level of an interval, and so 2.5 % for a one-sided test: the convention of both papers' fields.
pub const LEVEL: f64 = 0.95;

/// Fewer seeds decide nothing (`book/cre.md`, section 6.3): with two seeds the standard error rests on one difference.
pub const ENOUGH_SEEDS: usize = 3;

/// After fewer steps a head may not have learned anything yet, so facts about trained heads are not checked and images of
/// latents and reconstructions are not shown.
pub const ENOUGH_STEPS: usize = 200;

/// The largest relative decrease of a test loss over the last tenth of training that counts as converged. The margins of
/// claims about errors are 3 % and more, so what is left to gain is smaller than what is judged.
pub const STILL_FALLING: f64 = 0.01;

/// The largest ratio of a new decoder's error to that of the encoder's own decoder where both learned the same task.
/// New heads above it were not trained to convergence, and what they do not read may be in the latent.
pub const CONTROL: f64 = 1.05;

/// The largest gain in reconstruction error, relative to MSE(1), that is no synergy: the difference between two seeds.
pub const MARGIN_MSE: f64 = 0.03;

/// The thresholds that depend on the number of training images: with few, networks are farther from their best accuracy.
#[derive(Debug, Clone, Copy)]
pub struct Tier {
    /// The accuracy that an autoencoder's latent loses at least (trend T3).
    pub gap: f64,
    /// The largest gain in accuracy that is no synergy.
    pub margin_accuracy: f64,
    /// The relative distance from the error of the class means within which an image is class-typical (trend T8).
    pub class_mean: f64,
}

impl Tier {
    /// The thresholds for `n_train` training images.
    pub fn of(n_train: usize) -> Self {
        match n_train {
            0..=10_000 => Self { gap: 0.08, margin_accuracy: 0.02, class_mean: 0.35 },
            _ => Self { gap: 0.03, margin_accuracy: 0.01, class_mean: 0.50 },
        }
    }
}
