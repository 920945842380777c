//! What is measured of one finished run.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use crate::measures::of_latents;
use crate::{Error, Result};
use runs::run::Run;
use runs::store::{Array, Epoch, FinishedRun, Outcome, Values};

/// Numbers per point: name, description with the protocol, unit.
pub(super) const MEASURES: [(&str, &str, &str); 26] = [
    ("test_mse", "mean squared error on the test images after the last epoch, in the range [-1, 1]", "1"),
    ("test_cross_entropy", "cross-entropy on the test images after the last epoch", "nat"),
    (
        "test_accuracy",
        "share of test images classified rightly after the last epoch, by the online head",
        "1",
    ),
    ("train_mse", "mean squared error in the last epoch of training", "1"),
    ("train_cross_entropy", "cross-entropy in the last epoch of training", "nat"),
    ("initial_mse", "mean squared error on the test images before training", "1"),
    ("initial_cross_entropy", "cross-entropy on the test images before training", "nat"),
    ("initial_accuracy", "share of test images classified rightly before training", "1"),
    ("selected_mse", "test MSE at the epoch of the lowest validation loss L(lambda)", "1"),
    ("selected_accuracy", "test accuracy at the epoch of the lowest validation loss L(lambda)", "1"),
    ("faithful_mse", "test MSE at the epoch of the lowest test loss, as the original selects", "1"),
    ("faithful_accuracy", "test accuracy at the epoch of the lowest test loss, as the original selects", "1"),
    ("retained_variance", "1 - MSE / MSE of the training-mean image", "1"),
    ("beyond_class_variance", "1 - MSE / MSE of the true class's training-mean image", "1"),
    ("gradient_cosine", "cosine of both losses' gradients at z, mean over the last epoch", "1"),
    ("gradient_norm_ratio", "norm of the MSE's gradient at z over the cross-entropy's, last epoch", "1"),
    ("dead_units", "latent units with a standard deviation below 1e-6 over the test images", "1"),
    ("between_class_share", "trace of between-class scatter of z over trace of total scatter", "1"),
    ("knn_accuracy", "vote of 5 neighbours in z, half of the test images against the other half", "1"),
    ("participation_ratio", "(sum s^2)^2 / sum s^4 of the singular values of centred z", "1"),
    ("effective_rank", "exp of the entropy of the shares of variance of centred z", "1"),
    ("ridge_accuracy", "ridge regression from z of 2,000 training images to the class, penalty 1e-3", "1"),
    ("ridge_mse", "MSE of ridge regression from z of 2,000 training images to the pixels, penalty 1e-3", "1"),
    ("seconds", "wall time of the run on one core", "s"),
    ("flops", "floating-point operations that the run executed, products only", "1"),
    ("diverged", "1 where a loss stopped being a number or the run failed: such a run is in no mean", "1"),
];

/// Latents with more numbers than this are not asked for their effective rank.
pub const LARGEST_RANKED: usize = 1_024;

/// The square of what rounding makes of the difference of two equal pixels in [-1, 1], each by a sum of whole numbers, a
/// division and a subtraction.
const REFERENCE_ROUNDING: f64 = (4.0 * f64::EPSILON) * (4.0 * f64::EPSILON);

/// Everything that is measured of one run; little more than the flag for one that diverged.
pub(super) fn measured(
    run: &Run,
    done: &FinishedRun,
    references: [f64; 2],
) -> Result<BTreeMap<&'static str, f64>> {
    let mut measured = BTreeMap::from([("diverged", 0.0)]);
    let sum = |of: fn(&Epoch) -> f64| done.epochs.iter().map(of).sum::<f64>();
    measured.insert("seconds", sum(|epoch| epoch.seconds));
    measured.insert("flops", sum(|epoch| epoch.scalars.get("flops").copied().unwrap_or(0.0)));
    if done.outcome != Outcome::Finished {
        measured.insert("diverged", 1.0);
        return Ok(measured);
    }
    let missing = || Error::Missing(format!("epochs in {}", done.folder.display()));
    let (first, last) = (done.epochs.first().ok_or_else(missing)?, done.epochs.last().ok_or_else(missing)?);
    let at = |epoch: &Epoch, name: &str| epoch.scalars.get(name).copied().unwrap_or(f64::NAN);
    for (name, epoch, scalar) in [
        ("test_mse", last, "test_mse"),
        ("test_cross_entropy", last, "test_cross_entropy"),
        ("test_accuracy", last, "test_accuracy"),
        ("train_mse", last, "train_mse"),
        ("train_cross_entropy", last, "train_cross_entropy"),
        ("initial_mse", first, "test_mse"),
        ("initial_cross_entropy", first, "test_cross_entropy"),
        ("initial_accuracy", first, "test_accuracy"),
        ("gradient_cosine", last, "gradient_cosine"),
        ("gradient_norm_ratio", last, "gradient_norm_ratio"),
    ] {
        measured.insert(name, at(epoch, scalar));
    }
    // Equal weights where the learner weighs nothing.
    let lambda = run.config.learner.lambda().unwrap_or(0.5);
    let loss = |epoch: &Epoch, set: &str| {
        let [mse, ce] = ["mse", "cross_entropy"].map(|name| at(epoch, &format!("{set}_{name}")));
        lambda * mse + (1.0 - lambda) * ce
    };
    for (set, mse, accuracy) in
        [("validation", "selected_mse", "selected_accuracy"), ("test", "faithful_mse", "faithful_accuracy")]
    {
        let trained = done.epochs.iter().skip(1).filter(|epoch| loss(epoch, set).is_finite());
        // Without such images no epoch is selected.
        if let Some(best) = trained.min_by(|a, b| loss(a, set).total_cmp(&loss(b, set))) {
            measured.insert(mse, at(best, "test_mse"));
            measured.insert(accuracy, at(best, "test_accuracy"));
        }
    }
    let [of_mean, of_class_mean] = references;
    let mse = at(last, "test_mse");
    for (name, reference) in [("retained_variance", of_mean), ("beyond_class_variance", of_class_mean)] {
        // Images that are all their mean leave an error of rounding, to which nothing can be compared.
        if reference > REFERENCE_ROUNDING {
            measured.insert(name, 1.0 - mse / reference);
        }
    }
    for (name, probe) in [("ridge_accuracy", "probes/ridge_accuracy"), ("ridge_mse", "probes/ridge_mse")] {
        if let Some(Array { values: Values::F64(value), .. }) = done.finals.get(probe) {
            measured.insert(name, value[0]);
        }
    }
    if !done.finals.contains_key("test_latent") {
        // It has no latent, as a classifier or a closed form.
        return Ok(measured);
    }
    let (latents, labels) = latents(done)?;
    let Some(of_z) = of_latents(latents, labels) else { return Ok(measured) };
    measured.insert("dead_units", of_z.dead_units as f64);
    measured.extend(of_z.between_class_share.map(|share| ("between_class_share", share)));
    measured.extend(of_z.knn_accuracy.map(|accuracy| ("knn_accuracy", accuracy)));
    measured.insert("participation_ratio", of_z.participation_ratio);
    if latents.ncols() <= LARGEST_RANKED {
        measured.insert("effective_rank", theory::effective_rank(latents.mapv(f64::from).view())?);
    }
    Ok(measured)
}

/// The test latents `[n, k]` of a run and their labels.
pub(super) fn latents(done: &FinishedRun) -> Result<(ArrayView2<'_, f32>, &[u32])> {
    let missing = |what: &str| Error::Missing(format!("{what} in {}", done.folder.display()));
    let z = done.finals.get("test_latent").ok_or_else(|| missing("test_latent"))?;
    let labels = done.finals.get("test_label").ok_or_else(|| missing("test_label"))?;
    match (&z.values, z.shape.as_slice(), &labels.values) {
        (Values::F32(z), &[n, k], Values::U32(labels)) if labels.len() == n => {
            Ok((ArrayView2::from_shape((n, k), z).map_err(|_| missing("latents of a legal shape"))?, labels))
        }
        _ => Err(missing("latents of a legal shape")),
    }
}
