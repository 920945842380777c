//! The convergence guard: no verdict about an end of λ whose networks were not trained to the end.
//!
//! An end is not trained to the end while the test loss of its own task still falls by more than 1 % over the last tenth of
//! training, or while as many principal components reconstruct better than the trained pure autoencoder. The loss is that
//! of the test images: on training images the cross-entropy of a classifier falls for ever.

use crate::error::Result;
use crate::families::NetworkKind;
use crate::metric::{EpochMetric, LinearMetric, Metric};
use crate::statistics::mean;
use crate::sweep::curves::Curves;

/// The largest fall of a loss over the last tenth of training that is called the end.
const STILL_FALLING: f64 = 0.01;

/// Why the point is no end of training, if it is none; `None` for mixtures and where nothing mixes.
///
/// # Errors
/// If the results are not those of a grid.
pub(super) fn not_trained(curves: &Curves<'_>, member: usize, lambda: usize) -> Result<Option<String>> {
    let value = curves.lambdas[lambda];
    let (loss, name) = match value {
        _ if curves.lambdas.len() < 2 => return Ok(None),
        0.0 => (EpochMetric::TestCrossEntropy, "cross-entropy"),
        1.0 => (EpochMetric::TestMse, "MSE"),
        _ => return Ok(None),
    };
    let label = &curves.members[member].0;
    if let Some(fall) = fall_of_last_tenth(curves, loss, [member, lambda])?
        && fall > STILL_FALLING
    {
        let percent = 100.0 * fall;
        return Ok(Some(format!(
            "{label} at λ = {value}: test {name} falls by {percent:.1} % in the last tenth"
        )));
    }
    // Other networks' latents are not vectors that the components of images compete with.
    if value == 1.0
        && NetworkKind::of(&curves.family) == Some(NetworkKind::Fc)
        && curves.has(LinearMetric::Mse)
        && let Some(linear) = curves.exact(LinearMetric::Mse, member, lambda)?
    {
        let trained = curves.at(Metric::TestMse, member, lambda)?;
        if !trained.is_empty() && linear < mean(&trained) {
            let trained = mean(&trained);
            return Ok(Some(format!(
                "{label} at λ = 1: test MSE {trained:.3}, as many principal components reach {linear:.3}"
            )));
        }
    }
    Ok(None)
}

/// The relative fall of the mean loss over the last tenth of the epochs; the last epoch's where a tenth is less than one, in
/// proportion. `None` where the losses of the epochs are not stored.
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
