//! `agon probe`: reports what simple probes find in the frozen latent of a finished run.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use ndarray::ArrayView2;
use serde::Serialize;
use system::text;

use super::stored::{self, Stored};
use crate::error::{Error, Result};
use crate::output;
use experiments::measures::{NEIGHBOURS, of_latents};
use experiments::sweep::measured::LARGEST_RANKED;
use runs::names::{LABEL, LATENT, PROBES, RIDGE_ACCURACY, RIDGE_MSE};
use runs::run::finals::{LARGEST_PROBED, PENALTY, PROBED, Reported, reported, why_absent};
use runs::store::{FinishedRun, Values};

/// The arguments of `agon probe`.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    #[command(flatten)]
    run: Stored,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The results of all probes.
#[derive(Debug, Serialize)]
struct Report {
    key: String,
    label: String,
    /// The number of test images, and the dimensions of the latent.
    n: usize,
    latent: usize,
    /// The number of training images that the ridge probes were fitted to.
    fitted_to: usize,
    found: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    name: &'static str,
    /// `None` if not measured.
    value: Option<f64>,
    protocol: String,
}

pub(crate) fn command(args: &Probe) -> Result<ExitCode> {
    let finished = args.run.finished()?;
    let report = report(&finished)?;
    output::print_result(args.json, &report, || report.text())
}

fn report(finished: &FinishedRun) -> Result<Report> {
    let run = stored::trained(finished, "probed")?;
    let key = finished.spec.folder_name();
    let arrays = (finished.finals.get(LATENT), finished.finals.get(LABEL));
    let (Some(latent), Some(labels)) = arrays else {
        let why = why_absent(finished, LATENT).map_or(String::new(), |why| format!("; {why}"));
        return Err(Error::Usage(format!("run {key} has no latent to probe: {}{why}", run.label())));
    };
    let missing = || Error::missing(format!("latents [n, k] of run {key} with a label each"));
    let (Values::F32(z), Values::U32(labels), &[n, k]) = (&latent.values, &labels.values, &latent.shape[..])
    else {
        return Err(missing());
    };
    let z = ArrayView2::from_shape((n, k), z).map_err(|_| missing())?;
    let measured = of_latents(z, labels).filter(|_| labels.len() == n).ok_or_else(missing)?;
    let images = text::count(n, "test image");
    // The variance of one latent is undefined.
    let spread = |value: f64| (n > 1).then_some(value);
    let effective_rank = match k <= LARGEST_RANKED && n > 1 {
        true => Some(theory::effective_rank(z.mapv(f64::from).view())?),
        false => None,
    };
    let of_variance = |protocol: String| match n {
        1 => "not defined for one image".to_owned(),
        _ => protocol,
    };
    let fitted_to = PROBED.min(run.config.data.train);
    let scalar = |name: &str| match &finished.finals.get(name)?.values {
        Values::F64(values) => values.first().copied(),
        _ => None,
    };
    let not_fitted = why_absent(finished, PROBES);
    let ridge = |what: &str| match &not_fitted {
        Some(why) => format!("not fitted: {why}"),
        None if k > LARGEST_PROBED => format!("not fitted: {k} dimensions are more than {LARGEST_PROBED}"),
        None => format!(
            "ridge regression to {what} with a penalty of {PENALTY} times the mean variance per dimension, fitted to the \
             first {}, evaluated on {images}",
            text::count(fitted_to, "training image")
        ),
    };
    let last = finished.epochs.last();
    let nonlinear = last.and_then(|epoch| epoch.scalars.get("test_nonlinear_accuracy")).copied();
    let mut found = vec![
        Found { name: "ridge accuracy", value: scalar(RIDGE_ACCURACY), protocol: ridge("labels") },
        Found { name: "ridge MSE", value: scalar(RIDGE_MSE), protocol: ridge("pixels") },
        Found { name: "k-NN accuracy", value: measured.knn_accuracy, protocol: neighbours(n) },
        Found {
            name: "effective rank",
            value: effective_rank,
            protocol: of_variance(match k > LARGEST_RANKED {
                false => format!("exp of the entropy of the eigenvalues of the covariance, {images}"),
                true => format!("not computed: {k} dimensions are more than {LARGEST_RANKED}"),
            }),
        },
        Found {
            name: "participation ratio",
            value: spread(measured.participation_ratio),
            protocol: of_variance(format!("(sum v)^2 / sum v^2 of the same eigenvalues, {images}")),
        },
        Found {
            name: "between-class fraction",
            value: measured.between_class_share,
            protocol: of_variance(match measured.between_class_share {
                Some(_) if is_one_of_each(labels) => {
                    format!(
                        "of the variance of the latent, {images}; 1 by construction, since no class has two \
                         images"
                    )
                }
                Some(_) => format!("of the variance of the latent, {images}"),
                None => format!("not defined: the latent is constant over {images}"),
            }),
        },
        Found {
            name: "dead units",
            value: spread(measured.dead_units as f64),
            protocol: of_variance(format!("constant over {images}")),
        },
    ];
    if nonlinear.is_some() {
        let protocol =
            format!("a probe with one hidden layer, trained together with the autoencoder, {images}");
        found.insert(2, Found { name: "non-linear accuracy", value: nonlinear, protocol });
    }
    let readers = reported(&run, finished).into_iter();
    found.extend(readers.map(|Reported { name, value, protocol }| Found { name, value, protocol }));
    Ok(Report { key, label: run.label(), n, latent: k, fitted_to, found })
}

/// Whether every class has at most one image.
fn is_one_of_each(labels: &[u32]) -> bool {
    labels.iter().collect::<BTreeSet<_>>().len() == labels.len()
}

/// Describes the k-NN protocol for `n` test images.
fn neighbours(n: usize) -> String {
    let (voters, queries) = (n / 2, n - n / 2);
    match voters {
        0 => format!("not computed: {n} test image cannot be split into neighbours and queries"),
        voters if voters < NEIGHBOURS => format!(
            "majority vote of the {} in the first half, fewer than the usual {NEIGHBOURS}, for each of the \
             other {queries}",
            text::count(voters, "test image")
        ),
        voters => format!(
            "majority vote of the {NEIGHBOURS} nearest of the first {voters} test images, for each of the \
             other {queries}"
        ),
    }
}

impl Report {
    fn text(&self) -> String {
        let line = |of: &Found| {
            let value = of.value.map_or("-".to_owned(), |value| format!("{value:.4}"));
            format!("{:20} {value:>9}  {}\n", of.name, of.protocol)
        };
        let found: String = self.found.iter().map(line).collect();
        let latent = text::count(self.latent, "dimension");
        format!("run {}: {}\nits frozen latent has {latent}\n{found}", self.key, self.label)
    }
}
