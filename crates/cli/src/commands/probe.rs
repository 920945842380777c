//! `agon probe`: what simple probes find in the frozen latent of a finished run.

use std::process::ExitCode;

use clap::Args;
use ndarray::ArrayView2;
use serde::Serialize;

use super::output::{say, say_json};
use super::stored::{self, Stored};
use crate::{Error, Result};
use experiments::measures::of_latents;
use runs::run::{LARGEST_PROBED, PENALTY, PROBED};
use runs::store::{FinishedRun, Values};

/// What `agon probe` is asked.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    #[command(flatten)]
    run: Stored,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Answer {
    key: String,
    label: String,
    /// Test images, and numbers of the latent of each.
    n: usize,
    latent: usize,
    /// The training images that the ridge probes were fitted to.
    fitted_to: usize,
    found: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    name: &'static str,
    /// `None` where it was not measured.
    value: Option<f64>,
    protocol: String,
}

pub(crate) fn command(asked: &Probe) -> Result<ExitCode> {
    let finished = asked.run.finished()?;
    let answer = answer(&finished)?;
    if asked.json {
        say_json(&answer)?
    } else {
        say(&answer.text())?
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(finished: &FinishedRun) -> Result<Answer> {
    let run = stored::asked_for(finished)?;
    let key = finished.spec.folder_name();
    let arrays = (finished.finals.get("test_latent"), finished.finals.get("test_label"));
    let (Some(latent), Some(labels)) = arrays else {
        return Err(Error::Usage(format!("run {key} has no latent to probe: {}", run.label())));
    };
    let (Values::F32(z), Values::U32(labels), &[n, k]) = (&latent.values, &labels.values, &latent.shape[..])
    else {
        return Err(Error::Missing(format!("latents [n, k] of run {key}")));
    };
    let z = ArrayView2::from_shape((n, k), z).map_err(|_| Error::Missing(format!("latents of run {key}")))?;
    let wide = z.mapv(f64::from);
    let measured = of_latents(z, labels);
    let fitted_to = PROBED.min(run.config.data.train);
    let scalar = |name: &str| match &finished.finals.get(name)?.values {
        Values::F64(values) => values.first().copied(),
        _ => None,
    };
    let ridge = |what: &str| match k > LARGEST_PROBED {
        true => format!("not fitted: {k} numbers are more than {LARGEST_PROBED}"),
        false => format!(
            "ridge regression to {what} with a penalty of {PENALTY} times the mean variance of a unit, fitted to the \
             first {fitted_to} training images, judged on {n} test images"
        ),
    };
    let last = finished.epochs.last();
    let nonlinear = last.and_then(|epoch| epoch.scalars.get("test_nonlinear_accuracy")).copied();
    let mut found = vec![
        Found { name: "ridge accuracy", value: scalar("probes/ridge_accuracy"), protocol: ridge("labels") },
        Found { name: "ridge MSE", value: scalar("probes/ridge_mse"), protocol: ridge("pixels") },
        Found {
            name: "k-NN accuracy",
            value: Some(measured.knn_accuracy),
            protocol: format!(
                "a vote of the 5 nearest of the first {} test images on each of the other {}",
                n / 2,
                n - n / 2
            ),
        },
        Found {
            name: "effective rank",
            value: Some(theory::effective_rank(wide.view())?),
            protocol: format!("exp of the entropy of the eigenvalues of the covariance, {n} test images"),
        },
        Found {
            name: "participation ratio",
            value: Some(theory::participation_ratio(wide.view())?),
            protocol: format!("(sum v)^2 / sum v^2 of the same eigenvalues, {n} test images"),
        },
        Found {
            name: "between-class share",
            value: Some(measured.between_class_share).filter(|share| !share.is_nan()),
            protocol: format!("of the variance of the latent, {n} test images"),
        },
        Found {
            name: "dead units",
            value: Some(measured.dead_units as f64),
            protocol: format!("say the same for all of {n} test images"),
        },
    ];
    if nonlinear.is_some() {
        let protocol =
            format!("a probe with one hidden layer, trained beside the autoencoder, {n} test images");
        found.insert(2, Found { name: "non-linear accuracy", value: nonlinear, protocol });
    }
    Ok(Answer { key, label: run.label(), n, latent: k, fitted_to, found })
}

impl Answer {
    fn text(&self) -> String {
        let line = |of: &Found| {
            let value = of.value.map_or("-".to_owned(), |value| format!("{value:.4}"));
            format!("{:20} {value:>9}  {}\n", of.name, of.protocol)
        };
        let found: String = self.found.iter().map(line).collect();
        format!("run {}: {}\nits frozen latent has {} numbers\n{found}", self.key, self.label, self.latent)
    }
}
