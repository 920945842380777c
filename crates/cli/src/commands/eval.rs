//! `agon eval`: evaluates a finished run on test images, class by class.

use std::process::ExitCode;

use clap::Args;
use data::Dataset;
use models::Evaluation;
use serde::Serialize;

use super::columns::columns;
use super::image_options::ImageOptions;
use super::own_images::OwnImages;
use super::stored::{self, Stored};
use super::values::at_least_one;
use crate::error::{Error, Result};
use crate::output;
use experiments::presets::InputSpec;
use runs::images::{DataConfig, Images};
use runs::run::Run;
use runs::run::keep::Keep;
use runs::run::per_class::PerClassEvaluation;
use runs::store::{DataId, FinishedRun};

/// The arguments of `agon eval`.
#[derive(Debug, Args)]
pub(crate) struct Eval {
    #[command(flatten)]
    run: Stored,
    #[command(flatten)]
    image_options: ImageOptions,
    /// Use only the first N test images
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    test: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The evaluation of a run.
#[derive(Debug, Serialize)]
struct Report {
    key: String,
    label: String,
    data: String,
    #[serde(flatten)]
    whole: Scores,
    classes: Vec<OfClass>,
    /// Whether the metrics are bit-identical to the stored ones; absent for other images.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_stored: Option<bool>,
}

/// Means over images; metrics that a learner does not have are absent.
#[derive(Debug, Serialize)]
struct Scores {
    n: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    mse: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_entropy: Option<f64>,
    accuracy: Option<f64>,
}

#[derive(Debug, Serialize)]
struct OfClass {
    class: String,
    #[serde(flatten)]
    scores: Scores,
}

pub(crate) fn command(args: &Eval) -> Result<ExitCode> {
    let report = report(args)?;
    output::print_result(args.json, &report, || report.text())
}

fn report(args: &Eval) -> Result<Report> {
    let finished = args.run.finished()?;
    let run = stored::trained(&finished, "evaluated")?;
    let key = finished.spec.folder_name();
    if run.lacks_parameters(&finished, Keep::EveryParameter) {
        return Err(Error::missing(format!(
            "parameters of run {key}: `agon reproduce` does not store those of {}; `agon train` with the same config computes it \
             again and stores them",
            run.config.learner.label()
        )));
    }
    let remembered = OwnImages::of_run(&finished);
    let (name, set) =
        args.image_options.open(&run.config.data.name, remembered.as_ref(), data::test_folder)?;
    let own = set.provenance.content_sha256 == finished.spec.data.sha256;
    if !own && !args.image_options.named() {
        return Err(Error::Usage(format!(
            "{name} is not the set that run {key} was trained on: the images have the checksum {}, expected {}; to evaluate on it \
             anyway, name it with --data-set or --images",
            set.provenance.content_sha256, finished.spec.data.sha256
        )));
    }
    let own_data = &run.config.data;
    // Labels are indices of the run's classes. Its own images have them already, even if class folders were renamed.
    let set = match own {
        true => set,
        false => set.labelled_by(&classes_of(args, &finished)?).map_err(|error| {
            Error::Usage(format!(
                "{name} and run {key} have different classes: {error}; rename the folders that differ"
            ))
        })?,
    };
    let data = match own {
        true => DataConfig { test: args.test.unwrap_or(own_data.test), ..own_data.clone() },
        // Other sets are not used for training.
        false => DataConfig {
            name,
            train: 1,
            validation: 0,
            test: args.test.unwrap_or(set.test.len()),
            changes: own_data.changes.clone(),
        },
    };
    let images = Images::of(&data, &set)?;
    let trained_on = match !own && run.config.learner.reads_training_images() {
        true => Some(Images::of(own_data, &trained_on(args, &finished)?)?),
        false => None,
    };
    fits(&images, trained_on.as_ref(), &run)?;
    let evaluated =
        run.evaluate_per_class(&finished, trained_on.as_ref().unwrap_or(&images), &images.test)?;
    let as_stored = (own && data == *own_data).then(|| as_stored(&evaluated.whole, &finished));
    let names = match &finished.spec.data.classes {
        stored if own && !stored.is_empty() => stored,
        _ => &images.classes,
    };
    Ok(Report {
        key,
        label: run.label(),
        data: data.label(),
        whole: Scores::of(&evaluated.whole),
        classes: classes(names, &evaluated),
        as_stored,
    })
}

/// The class names that a run was trained with, in label order.
fn classes_of(args: &Eval, finished: &FinishedRun) -> Result<Vec<String>> {
    let DataId { name, classes, .. } = &finished.spec.data;
    if !classes.is_empty() {
        return Ok(classes.clone());
    }
    // Runs of older versions store no names; those of published sets are known.
    match data::classes(name) {
        [] => Ok(trained_on(args, finished)?.classes),
        known => Ok(known.iter().map(|&class| class.to_owned()).collect()),
    }
}

/// The data set that a run was trained on.
fn trained_on(args: &Eval, finished: &FinishedRun) -> Result<Dataset> {
    let DataId { name, sha256, .. } = &finished.spec.data;
    let needed = format!(
        "evaluating run {} on other images needs the images it was trained on",
        finished.spec.folder_name()
    );
    let set = match OwnImages::of_run(finished) {
        Some(own) => own.open(data::image_folder).map(|(_, set)| set),
        None => args.image_options.open_set(name),
    };
    let set = set.map_err(|error| Error::Usage(format!("{needed}: {error}")))?;
    match set.provenance.content_sha256 == *sha256 {
        true => Ok(set),
        false => Err(Error::Usage(format!(
            "{needed}: {name} has the checksum {}, expected {sha256}",
            set.provenance.content_sha256
        ))),
    }
}

/// Checks that the run accepts images of this shape and number of classes. Its training images are given if it needs
/// them.
fn fits(images: &Images, trained_on: Option<&Images>, run: &Run) -> Result<()> {
    let kind =
        |images: &Images| InputSpec { image: images.test.image_shape(), classes: images.classes.len() };
    let (given, name) = (kind(images), &images.config.name);
    let fit = match trained_on.map(kind) {
        Some(known) if known != given => {
            Err(format!("{} was trained on {}, {name} has {}", run.label(), known.words(), given.words()))
        }
        _ => given.fits(&run.config.learner, name),
    };
    fit.map_err(Error::Usage)
}

/// Whether the metrics are bit-identical to the stored ones.
fn as_stored(now: &Evaluation, finished: &FinishedRun) -> bool {
    let Some(last) = finished.epochs.last() else { return false };
    let same = |name: &str, now: f64| last.scalars.get(name).map_or(now.is_nan(), |was| *was == now);
    same("test_mse", now.mse)
        && same("test_cross_entropy", now.cross_entropy)
        && same("test_accuracy", now.accuracy)
}

fn classes(names: &[String], evaluated: &PerClassEvaluation) -> Vec<OfClass> {
    let of = |(class, of): (&String, &Option<Evaluation>)| {
        let nothing = Scores { n: 0, mse: None, cross_entropy: None, accuracy: None };
        OfClass { class: class.clone(), scores: of.as_ref().map_or(nothing, Scores::of) }
    };
    names.iter().zip(&evaluated.classes).map(of).collect()
}

impl Scores {
    fn of(of: &Evaluation) -> Self {
        let [mse, cross_entropy, accuracy] =
            [of.mse, of.cross_entropy, of.accuracy].map(|x| Some(x).filter(|x| !x.is_nan()));
        Self { n: of.n, mse, cross_entropy, accuracy }
    }

    /// The number of images, and the accuracy, cross-entropy and MSE over them.
    fn cells(&self) -> [String; 4] {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        let accuracy = self.accuracy.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        [self.n.to_string(), accuracy, number(self.cross_entropy), number(self.mse)]
    }
}

impl Report {
    fn text(&self) -> String {
        let row = |name: &str, scores: &Scores| {
            let [n, accuracy, cross_entropy, mse] = scores.cells();
            [name.to_owned(), n, accuracy, cross_entropy, mse]
        };
        let all = row("all", &self.whole);
        let rows: Vec<_> = self.classes.iter().map(|of| row(&of.class, &of.scores)).chain([all]).collect();
        let stored = match self.as_stored {
            Some(true) => "bit-identical to the stored metrics of the run\n",
            Some(false) => {
                "not bit-identical to the stored metrics of the run, which was computed on other hardware\n"
            }
            None => "",
        };
        format!(
            "run {}: {}\non the test images of {}; cross-entropy in nats, MSE of pixels from -1 to 1\n{}{stored}",
            self.key,
            self.label,
            self.data,
            columns(["class", "n", "accuracy", "cross-entropy", "MSE"], &rows)
        )
    }
}
