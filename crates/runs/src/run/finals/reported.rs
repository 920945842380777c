//! The stored results of the readers of a latent, with their protocols, for reports.

use super::readers::{EPOCHS, NEIGHBOURS};
use super::{PROBED, why_absent};
use crate::names::{
    ATTENTIVE_ACCURACY, CONVERGED_ACCURACY, CONVERGED_EPOCHS, CONVERGED_MSE, CONVERGED_REACHED, KNN_ACCURACY,
    PCA_HEADS_ACCURACY, PCA_HEADS_MSE, PROBES,
};
use crate::run::Run;
use crate::store::{FinishedRun, Values};

/// The result of one reader of a latent.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The metric.
    pub name: &'static str,
    /// The value; `None` if it was not measured.
    pub value: Option<f64>,
    /// The protocol of the measurement, or the reason why it is missing.
    pub protocol: String,
}

/// The results of the readers of a run's latent besides ridge regression: nearest neighbours among training latents, the
/// attentive probe of tokens, heads trained to convergence, and the same heads on principal components. Readers that a run of
/// this config does not have are left out.
pub fn reported(run: &Run, finished: &FinishedRun) -> Vec<Reported> {
    let scalar = |name: &str| match &finished.finals.get(name)?.values {
        Values::F64(values) => values.first().copied(),
        _ => None,
    };
    let n_train = PROBED.min(run.config.data.train);
    let stored = |value: Option<f64>, protocol: String| match value {
        Some(_) => protocol,
        None => why_absent(finished, PROBES)
            .map_or("not stored by the version of the program that computed this run".into(), |why| {
                format!("not measured: {why}")
            }),
    };
    let knn = scalar(KNN_ACCURACY);
    let protocol =
        format!("majority vote of the {NEIGHBOURS} nearest latents of the first {n_train} training images");
    let mut reported =
        vec![Reported { name: "k-NN of training", value: knn, protocol: stored(knn, protocol) }];
    if run.config.learner.tokens().is_some() {
        let value = scalar(ATTENTIVE_ACCURACY);
        let protocol = format!(
            "one attention layer over the tokens, trained for {EPOCHS} epochs on the first {n_train} training images"
        );
        reported.push(Reported { name: "attentive accuracy", value, protocol: stored(value, protocol) });
    }
    let end = match (scalar(CONVERGED_EPOCHS), scalar(CONVERGED_REACHED)) {
        (Some(epochs), Some(1.0)) => format!("converged after {epochs} epochs"),
        (Some(epochs), _) => format!("not converged after the maximum of {epochs} epochs"),
        _ => String::new(),
    };
    for (name, stored_as, protocol) in [
        ("converged accuracy", CONVERGED_ACCURACY, format!("classifier trained on cached latents, {end}")),
        ("converged MSE", CONVERGED_MSE, format!("decoder trained on cached latents, {end}")),
        (
            "PCA accuracy",
            PCA_HEADS_ACCURACY,
            "the same classifier trained on as many principal components".into(),
        ),
        ("PCA MSE", PCA_HEADS_MSE, "the same decoder trained on as many principal components".into()),
    ] {
        reported.extend(scalar(stored_as).map(|value| Reported { name, value: Some(value), protocol }));
    }
    reported
}
