//! The accuracy that each reader of the latent loses from λ = 0 to λ = 1, in the sweeps over λ.

use report::{Effect, ReadBy, ReadModel, Readers};

use super::Shown;
use crate::error::Result;
use crate::statistics::formula::Formula;
use crate::statistics::mean;
use crate::statistics::rules::LEVEL;
use crate::sweep::curves::Curves;
use crate::sweep::evidence::Evidence;
use crate::sweep::readers::{Reader, Task, sources};
use crate::sweep::words;

/// The sweeps over λ, one for each architecture.
pub(super) const SWEEPS: [&str; 4] =
    ["fc-lambda-sweep", "cnn-s-lambda-sweep", "cnn-l-lambda-sweep", "vit-lambda-sweep"];

const LEAD: &str = "Accuracy lost when the encoder is trained for reconstruction alone (λ = 1) instead of classification alone \
                    (λ = 0), by readers of the same latents, with 95 % intervals. The online head is the classifier \
                    that was trained with the encoder; the others are trained on the frozen latents. Where readers differ, \
                    the loss depends on the reader, not on the latent alone.";

/// The readers of the first family of each sweep; `None` if there are none.
///
/// # Errors
/// If results lack an entry.
pub(super) fn readers(shown: &Shown) -> Result<Option<Readers>> {
    let mut models = Vec::new();
    for results in shown.of(&SWEEPS) {
        if let Some(curves) = Curves::all(results)?.first() {
            models.extend(of_family(curves)?);
        }
    }
    Ok((!models.is_empty()).then(|| Readers { lead: LEAD.into(), models }))
}

/// The settings of a family that were trained at both ends of λ.
fn of_family(curves: &Curves<'_>) -> Result<Vec<ReadModel>> {
    let (Some(first), Some(last)) = (curves.lambda(0.0), curves.lambda(1.0)) else { return Ok(vec![]) };
    let mut models = Vec::new();
    for (member, (label, _)) in curves.members.iter().enumerate() {
        let (mut readers, mut n) = (Vec::new(), 0);
        for source in sources(curves, Task::Classification) {
            let ends = [first, last].map(|lambda| curves.at(source.metric, member, lambda));
            let [at_0, at_1] = ends;
            let (at_0, at_1) = (at_0?, at_1?);
            if at_0.is_empty() || at_1.is_empty() {
                continue;
            }
            let terms = [first, last].map(|lambda| (source, [member, lambda]));
            // The statistic that the verdicts use.
            let estimate = Evidence::of(curves).estimate(Formula::Sum(&[1.0, -1.0]), &terms)?;
            let interval = estimate.interval(LEVEL).times(100.0);
            n = n.max(estimate.n_seeds);
            readers.push(ReadBy {
                name: source.reader.words().into(),
                place: Reader::ALL.iter().position(|reader| *reader == source.reader).unwrap_or(0),
                accuracy: [at_0, at_1].map(|values| 100.0 * mean(&values)),
                lost: Effect {
                    quantity: "accuracy(0) - accuracy(1)".into(),
                    value: interval.mean,
                    low: interval.low,
                    high: interval.high,
                    margin: 0.0,
                    unit: "points".into(),
                    resampled: estimate.resampled(),
                },
            });
        }
        if !readers.is_empty() {
            let family = curves.family.split(", ").next().unwrap_or_default();
            let name = match family.contains(label.as_str()) {
                true => family.to_owned(),
                false => format!("{family}, {label}"),
            };
            models.push(ReadModel { name, data: words::data_set(&curves.data), n, readers });
        }
    }
    Ok(models)
}
