//! The metrics of one finished run.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use crate::error::{Error, Result};
use crate::measures::of_latents;
use crate::metric::Metric;
use runs::names;
use runs::run::Run;
use runs::store::{Array, Epoch, FinishedRun, Outcome, Values};

/// The metrics of every run, with a description of the protocol and the unit.
pub(super) const MEASURES: [(Metric, &str, &str); 39] = [
    (
        Metric::TestMse,
        "mean squared error on the test images after the last epoch, in the range [-1, 1]",
        "1",
    ),
    (Metric::TestCrossEntropy, "cross-entropy on the test images after the last epoch", "nat"),
    (Metric::TestAccuracy, "test accuracy after the last epoch of the head trained with the encoder", "1"),
    (Metric::TrainMse, "mean squared error in the last epoch of training", "1"),
    (Metric::TrainCrossEntropy, "cross-entropy in the last epoch of training", "nat"),
    (Metric::InitialMse, "mean squared error on the test images before training", "1"),
    (Metric::InitialCrossEntropy, "cross-entropy on the test images before training", "nat"),
    (Metric::InitialAccuracy, "test accuracy before training", "1"),
    (Metric::SelectedMse, "test MSE at the epoch of the lowest validation loss L(lambda)", "1"),
    (Metric::SelectedAccuracy, "test accuracy at the epoch of the lowest validation loss L(lambda)", "1"),
    (Metric::FaithfulMse, "test MSE at the epoch of the lowest test loss, as the original selects", "1"),
    (
        Metric::FaithfulAccuracy,
        "test accuracy at the epoch of the lowest test loss, as the original selects",
        "1",
    ),
    (Metric::RetainedVariance, "1 - MSE / MSE of the training-mean image", "1"),
    (Metric::BeyondClassVariance, "1 - MSE / MSE of the true class's training-mean image", "1"),
    (Metric::GradientCosine, "cosine of both losses' gradients at z, mean over the last epoch", "1"),
    (Metric::GradientNormRatio, "norm of the MSE's gradient at z over the cross-entropy's, last epoch", "1"),
    (Metric::DeadUnits, "latent units with a standard deviation below 1e-6 over the test images", "1"),
    (Metric::BetweenClassShare, "trace of between-class scatter of z over trace of total scatter", "1"),
    (Metric::KnnAccuracy, "vote of 5 neighbours in z, half of the test images against the other half", "1"),
    (Metric::ParticipationRatio, "(sum s^2)^2 / sum s^4 of the singular values of centred z", "1"),
    (Metric::EffectiveRank, "exp of the entropy of the fractions of the variance of centred z", "1"),
    (
        Metric::RidgeAccuracy,
        "ridge regression from z of 2,000 training images to the class, penalty 1e-3",
        "1",
    ),
    (
        Metric::RidgeMse,
        "MSE of ridge regression from z of 2,000 training images to the pixels, penalty 1e-3",
        "1",
    ),
    (Metric::RidgeMseError, "standard error of that MSE over test images", "1"),
    (Metric::OnlineMseError, "standard error of the online head's MSE over test images", "1"),
    (Metric::KnnProbeAccuracy, "vote of the 5 nearest z of 2,000 training images, of test images", "1"),
    (
        Metric::AttentiveAccuracy,
        "attentive probe of the tokens of z, trained for 20 epochs on 2,000 training images, of test images",
        "1",
    ),
    (Metric::ConvergedAccuracy, "classifier trained to convergence on the frozen z, of test images", "1"),
    (Metric::ConvergedMse, "MSE of a decoder trained to convergence on the frozen z, of test images", "1"),
    (Metric::ConvergedEpochs, "epochs for which both were trained", "1"),
    (
        Metric::PcaHeadsMse,
        "MSE of the same decoder, trained on as many principal components for as many epochs, of test images",
        "1",
    ),
    (Metric::PcaHeadsAccuracy, "accuracy of the same classifier, trained so, of test images", "1"),
    (Metric::FullCosine, "cosine of both losses' gradients at z over all training images, at the end", "1"),
    (Metric::FullCosineNull, "the same with permuted labels, mean of 3 draws", "1"),
    (
        Metric::FullEncoderCosine,
        "cosine of both losses' gradients with respect to the encoder over all training images, at the end",
        "1",
    ),
    (Metric::FullEncoderCosineNull, "the same with permuted labels, mean of 3 draws", "1"),
    (Metric::Seconds, "wall time of the run on one core", "s"),
    (Metric::Flops, "floating-point operations of matrix multiplications and convolutions of the run", "1"),
    (Metric::Diverged, "1 if the run diverged or failed; such a run is excluded from all means", "1"),
];

/// The metrics that a run stores as final arrays, with the names of these; of several draws the mean is taken.
const STORED: [(Metric, &str); 15] = [
    (Metric::RidgeAccuracy, names::RIDGE_ACCURACY),
    (Metric::RidgeMse, names::RIDGE_MSE),
    (Metric::RidgeMseError, names::RIDGE_MSE_ERROR),
    (Metric::OnlineMseError, names::ONLINE_MSE_ERROR),
    (Metric::KnnProbeAccuracy, names::KNN_ACCURACY),
    (Metric::AttentiveAccuracy, names::ATTENTIVE_ACCURACY),
    (Metric::ConvergedAccuracy, names::CONVERGED_ACCURACY),
    (Metric::ConvergedMse, names::CONVERGED_MSE),
    (Metric::ConvergedEpochs, names::CONVERGED_EPOCHS),
    (Metric::PcaHeadsMse, names::PCA_HEADS_MSE),
    (Metric::PcaHeadsAccuracy, names::PCA_HEADS_ACCURACY),
    (Metric::FullCosine, names::FULL_COSINE[0]),
    (Metric::FullCosineNull, names::FULL_COSINE[1]),
    (Metric::FullEncoderCosine, names::FULL_ENCODER_COSINE[0]),
    (Metric::FullEncoderCosineNull, names::FULL_ENCODER_COSINE[1]),
];

/// The largest number of latent dimensions for which the effective rank is computed.
pub const LARGEST_RANKED: usize = 1_024;

/// The square of the rounding error of the difference of two equal pixels in [-1, 1], each computed by a sum of integers, a
/// division and a subtraction.
const REFERENCE_ROUNDING: f64 = (4.0 * f64::EPSILON) * (4.0 * f64::EPSILON);

/// All metrics of one run; for a diverged run, its time and [`Metric::Diverged`].
pub(super) fn measured(run: &Run, done: &FinishedRun, references: [f64; 2]) -> Result<BTreeMap<Metric, f64>> {
    let mut measured = BTreeMap::from([(Metric::Diverged, 0.0)]);
    let sum = |of: fn(&Epoch) -> f64| done.epochs.iter().map(of).sum::<f64>();
    measured.insert(Metric::Seconds, sum(|epoch| epoch.seconds));
    measured.insert(
        Metric::Flops,
        sum(|epoch| epoch.scalars.get(Metric::Flops.as_str()).copied().unwrap_or(0.0)),
    );
    if done.outcome != Outcome::Finished {
        measured.insert(Metric::Diverged, 1.0);
        return Ok(measured);
    }
    let missing = || Error::Missing(format!("epochs in {}", done.folder.display()));
    let (first, last) = (done.epochs.first().ok_or_else(missing)?, done.epochs.last().ok_or_else(missing)?);
    let at = |epoch: &Epoch, name: &str| epoch.scalars.get(name).copied().unwrap_or(f64::NAN);
    for (name, epoch, scalar) in [
        (Metric::TestMse, last, Metric::TestMse),
        (Metric::TestCrossEntropy, last, Metric::TestCrossEntropy),
        (Metric::TestAccuracy, last, Metric::TestAccuracy),
        (Metric::TrainMse, last, Metric::TrainMse),
        (Metric::TrainCrossEntropy, last, Metric::TrainCrossEntropy),
        (Metric::InitialMse, first, Metric::TestMse),
        (Metric::InitialCrossEntropy, first, Metric::TestCrossEntropy),
        (Metric::InitialAccuracy, first, Metric::TestAccuracy),
        (Metric::GradientCosine, last, Metric::GradientCosine),
        (Metric::GradientNormRatio, last, Metric::GradientNormRatio),
    ] {
        measured.insert(name, at(epoch, scalar.as_str()));
    }
    // Equal weights for learners without λ.
    let lambda = run.config.learner.lambda().unwrap_or(0.5);
    let loss = |epoch: &Epoch, set: &str| {
        let [mse, ce] = ["mse", "cross_entropy"].map(|name| at(epoch, &format!("{set}_{name}")));
        lambda * mse + (1.0 - lambda) * ce
    };
    for (set, mse, accuracy) in [
        ("validation", Metric::SelectedMse, Metric::SelectedAccuracy),
        ("test", Metric::FaithfulMse, Metric::FaithfulAccuracy),
    ] {
        let trained = done.epochs.iter().skip(1).filter(|epoch| loss(epoch, set).is_finite());
        // Without such images no epoch is selected.
        if let Some(best) = trained.min_by(|a, b| loss(a, set).total_cmp(&loss(b, set))) {
            measured.insert(mse, at(best, Metric::TestMse.as_str()));
            measured.insert(accuracy, at(best, Metric::TestAccuracy.as_str()));
        }
    }
    let [of_mean, of_class_mean] = references;
    let mse = at(last, Metric::TestMse.as_str());
    for (name, reference) in
        [(Metric::RetainedVariance, of_mean), (Metric::BeyondClassVariance, of_class_mean)]
    {
        // If all images equal their mean, the reference is rounding error.
        if reference > REFERENCE_ROUNDING {
            measured.insert(name, 1.0 - mse / reference);
        }
    }
    for (name, stored) in STORED {
        if let Some(Array { values: Values::F64(values), .. }) = done.finals.get(stored)
            && !values.is_empty()
        {
            measured.insert(name, values.iter().sum::<f64>() / values.len() as f64);
        }
    }
    if !done.finals.contains_key(names::LATENT) {
        // Classifiers and closed forms have no latent.
        return Ok(measured);
    }
    let (latents, labels) = latents(done)?;
    let Some(of_z) = of_latents(latents, labels) else { return Ok(measured) };
    measured.insert(Metric::DeadUnits, of_z.dead_units as f64);
    measured.extend(of_z.between_class_share.map(|share| (Metric::BetweenClassShare, share)));
    measured.extend(of_z.knn_accuracy.map(|accuracy| (Metric::KnnAccuracy, accuracy)));
    measured.insert(Metric::ParticipationRatio, of_z.participation_ratio);
    if latents.ncols() <= LARGEST_RANKED {
        measured.insert(Metric::EffectiveRank, theory::effective_rank(latents.mapv(f64::from).view())?);
    }
    Ok(measured)
}

/// The test latents `[n, k]` of a run and their labels.
pub(super) fn latents(done: &FinishedRun) -> Result<(ArrayView2<'_, f32>, &[u32])> {
    let missing = |what: &str| Error::Missing(format!("{what} in {}", done.folder.display()));
    let z = done.finals.get(names::LATENT).ok_or_else(|| missing(names::LATENT))?;
    let labels = done.finals.get(names::LABEL).ok_or_else(|| missing(names::LABEL))?;
    match (&z.values, z.shape.as_slice(), &labels.values) {
        (Values::F32(z), &[n, k], Values::U32(labels)) if labels.len() == n => Ok((
            ArrayView2::from_shape((n, k), z).map_err(|_| missing("latents [n, k] with a label each"))?,
            labels,
        )),
        _ => Err(missing("latents [n, k] with a label each")),
    }
}
