//! The convergence guard: no verdict about networks that were not trained to convergence.
//!
//! Networks are not trained to convergence while the test loss of their own task decreases by more than [`STILL_FALLING`] over
//! the last tenth of training, or while the same heads do better on as many principal components of the images. The loss is
//! that of the test images, since the cross-entropy of a classifier decreases on training images for ever.

use crate::error::Result;
use crate::families::NetworkKind;
use crate::metric::{EpochMetric, LinearMetric, Metric};
use crate::statistics::mean;
use crate::statistics::rules::STILL_FALLING;
use crate::sweep::curves::Curves;
use crate::sweep::readers::Task;

/// The reason why a point is not trained to convergence; `None` if it is, if it mixes both tasks, or if nothing is trained.
///
/// `without_lambda` is the task of learners that have no λ; if `None`, they are autoencoders if they have a reconstruction
/// error, else classifiers.
///
/// # Errors
/// If the results are not those of a grid.
pub(super) fn not_trained(
    curves: &Curves<'_>,
    [member, lambda]: [usize; 2],
    without_lambda: Option<Task>,
) -> Result<Option<String>> {
    let Some(task) = own_task(curves, [member, lambda], without_lambda)? else { return Ok(None) };
    let (loss, name) = match task {
        Task::Classification => (EpochMetric::TestCrossEntropy, "cross-entropy"),
        Task::Reconstruction => (EpochMetric::TestMse, "MSE"),
    };
    let label = match mixes(curves) {
        true => format!("{} at λ = {}", curves.members[member].0, curves.lambdas[lambda]),
        false => format!("{}, {}", curves.family, curves.members[member].0),
    };
    if let Some(fall) = fall_of_last_tenth(curves, loss, [member, lambda])?
        && fall > STILL_FALLING
    {
        let percent = 100.0 * fall;
        return Ok(Some(format!(
            "{label}: test {name} decreases by {percent:.1} % over the last tenth of training"
        )));
    }
    let better = beaten_by_components(curves, task, [member, lambda])?;
    Ok(better.map(|better| format!("{label}: {better}")))
}

/// Whether the grid has several λ. A grid of one λ holds learners that mix nothing.
fn mixes(curves: &Curves<'_>) -> bool {
    curves.lambdas.len() > 1
}

/// The only task that the networks of a point are trained for; `None` if they are trained for both.
fn own_task(
    curves: &Curves<'_>,
    [member, lambda]: [usize; 2],
    without_lambda: Option<Task>,
) -> Result<Option<Task>> {
    Ok(match curves.lambdas[lambda] {
        0.0 => Some(Task::Classification),
        1.0 if mixes(curves) => Some(Task::Reconstruction),
        1.0 if without_lambda.is_some() => without_lambda,
        1.0 => match curves.at(Metric::TestMse, member, lambda)?.is_empty() {
            true => Some(Task::Classification),
            false => Some(Task::Reconstruction),
        },
        _ => None,
    })
}

/// The comparison with the same head on as many principal components, if that head is better than the trained network.
/// Runs of older versions have no such head; their autoencoders are compared with the linear decoder.
fn beaten_by_components(
    curves: &Curves<'_>,
    task: Task,
    [member, lambda]: [usize; 2],
) -> Result<Option<String>> {
    let trained = |metric: Metric| curves.at(metric, member, lambda).map(|values| mean(&values));
    // Measured in the run at λ = 1, since components do not depend on λ.
    let of_components = |metric: Metric| -> Result<Option<f64>> {
        match curves.lambda(1.0).filter(|_| curves.has(metric)) {
            Some(last) => {
                Ok(Some(curves.at(metric, member, last)?).filter(|v| !v.is_empty()).map(|v| mean(&v)))
            }
            None => Ok(None),
        }
    };
    match task {
        Task::Classification => {
            let trained = trained(Metric::TestAccuracy)?;
            let better = of_components(Metric::PcaHeadsAccuracy)?.filter(|&other| other > trained);
            Ok(better.map(|other| {
                let [trained, other] = [trained, other].map(|accuracy| 100.0 * accuracy);
                format!(
                    "test accuracy {trained:.1} %, the same classifier on as many principal components {other:.1} %"
                )
            }))
        }
        Task::Reconstruction => {
            let trained = trained(Metric::TestMse)?;
            let heads = of_components(Metric::PcaHeadsMse)?;
            let (other, decoder) = match heads {
                Some(other) => (Some(other), "the same decoder"),
                None => (of_linear_decoder(curves, [member, lambda])?, "a linear decoder"),
            };
            Ok(other.filter(|&other| other < trained).map(|other| {
                format!("test MSE {trained:.3}, {decoder} on as many principal components {other:.3}")
            }))
        }
    }
}

/// The error of the linear decoder of as many principal components, for fully connected networks only: other latents
/// are not vectors of comparable size.
fn of_linear_decoder(curves: &Curves<'_>, [member, lambda]: [usize; 2]) -> Result<Option<f64>> {
    let is_compared =
        NetworkKind::of(&curves.family) == Some(NetworkKind::Fc) && curves.has(LinearMetric::Mse);
    if is_compared { curves.exact(LinearMetric::Mse, member, lambda) } else { Ok(None) }
}

/// The relative decrease of the mean loss over the last tenth of the epochs; if a tenth is less than one epoch, the
/// decrease over the last epoch, scaled in proportion. `None` if the losses of the epochs are not stored.
fn fall_of_last_tenth(curves: &Curves<'_>, loss: EpochMetric, point: [usize; 2]) -> Result<Option<f64>> {
    if !curves.has(loss) || curves.epochs == 0 {
        return Ok(None);
    }
    let tenth = curves.epochs as f64 / 10.0;
    let steps = (tenth.round() as usize).max(1);
    let [before, after] =
        [curves.epochs - steps, curves.epochs].map(|epoch| curves.after(loss, point, epoch));
    let (before, after) = (before?, after?);
    if before.is_empty() || after.is_empty() {
        return Ok(None);
    }
    Ok(Some((1.0 - mean(&after) / mean(&before)) * tenth / steps as f64))
}
