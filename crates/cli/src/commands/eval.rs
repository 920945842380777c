//! `agon eval`: how a finished run does on images, class by class.

use std::process::ExitCode;

use clap::Args;
use data::Dataset;
use models::Evaluation;
use serde::Serialize;

use super::columns::columns;
use super::output;
use super::pictures::Pictures;
use super::stored::{self, Stored};
use super::values::at_least_one;
use crate::error::{Error, Result};
use experiments::presets::InputSpec;
use runs::images::{DataConfig, Images};
use runs::run::Run;
use runs::run::judged::Judged;
use runs::store::{DataId, FinishedRun};

/// What `agon eval` is asked.
#[derive(Debug, Args)]
pub(crate) struct Eval {
    #[command(flatten)]
    run: Stored,
    #[command(flatten)]
    pictures: Pictures,
    /// Only so many test images, the first
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    test: Option<usize>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// How a run does.
#[derive(Debug, Serialize)]
struct Answer {
    key: String,
    label: String,
    data: String,
    #[serde(flatten)]
    whole: Scores,
    classes: Vec<OfClass>,
    /// Whether the numbers are those that the run was stored with; nothing is known of other images.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_stored: Option<bool>,
}

/// Means over images; what a learner does not have is left out.
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

pub(crate) fn command(asked: &Eval) -> Result<ExitCode> {
    let answer = answer(asked)?;
    output::answer(asked.json, &answer, || answer.text())
}

fn answer(asked: &Eval) -> Result<Answer> {
    let finished = asked.run.finished()?;
    let run = stored::trained(&finished, "judged")?;
    let key = finished.spec.folder_name();
    if run.lacks_parameters(&finished) {
        return Err(Error::missing(format!(
            "parameters of run {key}: `agon reproduce` keeps none of {}; `agon train` with the same config computes it \
             again and keeps them",
            run.config.learner.label()
        )));
    }
    let (name, set) = asked.pictures.open_to_judge(&run.config.data.name)?;
    let own = set.provenance.content_sha256 == finished.spec.data.sha256;
    if !own && !asked.pictures.named() {
        return Err(Error::Usage(format!(
            "{name} here is not what run {key} was trained on: the images have the checksum {}, wanted {}; name it \
             with --data-set or --images if it is meant all the same",
            set.provenance.content_sha256, finished.spec.data.sha256
        )));
    }
    let own_data = &run.config.data;
    // Labels are places among the run's classes. Its own images are in their order, whatever their folders are called now.
    let set = match own {
        true => set,
        false => set.labelled_by(&classes_of(asked, &finished)?).map_err(|error| {
            Error::Usage(format!(
                "{name} and run {key} are of different classes: {error}; rename the folders that differ"
            ))
        })?,
    };
    let data = match own {
        true => DataConfig { test: asked.test.unwrap_or(own_data.test), ..own_data.clone() },
        // Of another set nothing is trained on.
        false => DataConfig {
            name,
            train: 1,
            validation: 0,
            test: asked.test.unwrap_or(set.test.len()),
            changes: own_data.changes.clone(),
        },
    };
    let images = Images::of(&data, &set)?;
    let trained_on = match !own && run.config.learner.reads_training_images() {
        true => Some(Images::of(own_data, &trained_on(asked, &finished)?)?),
        false => None,
    };
    fits(&images, trained_on.as_ref(), &run)?;
    let judged = run.judge(&finished, trained_on.as_ref().unwrap_or(&images), &images.test)?;
    let as_stored = (own && data == *own_data).then(|| as_stored(&judged.whole, &finished));
    let names = match &finished.spec.data.classes {
        stored if own && !stored.is_empty() => stored,
        _ => &images.classes,
    };
    Ok(Answer {
        key,
        label: run.label(),
        data: data.label(),
        whole: Scores::of(&judged.whole),
        classes: classes(names, &judged),
        as_stored,
    })
}

/// The names of the classes that a run was trained on, in the order of its labels.
fn classes_of(asked: &Eval, finished: &FinishedRun) -> Result<Vec<String>> {
    let DataId { name, classes, .. } = &finished.spec.data;
    if !classes.is_empty() {
        return Ok(classes.clone());
    }
    // An older version stored the run without them; those of published sets are known.
    match data::classes(name) {
        [] => Ok(trained_on(asked, finished)?.classes),
        known => Ok(known.iter().map(|&class| class.to_owned()).collect()),
    }
}

/// The set that a run was trained on.
fn trained_on(asked: &Eval, finished: &FinishedRun) -> Result<Dataset> {
    let DataId { name, sha256, .. } = &finished.spec.data;
    let needed = format!(
        "the images that run {} was trained on are needed to judge it on others",
        finished.spec.folder_name()
    );
    let set = asked.pictures.open_set(name).map_err(|error| Error::Usage(format!("{needed}: {error}")))?;
    match set.provenance.content_sha256 == *sha256 {
        true => Ok(set),
        false => Err(Error::Usage(format!(
            "{needed}: {name} here has the checksum {}, wanted {sha256}",
            set.provenance.content_sha256
        ))),
    }
}

/// That the run takes images of this shape and as many classes; those that it was trained on are known where it reads
/// them.
fn fits(images: &Images, trained_on: Option<&Images>, run: &Run) -> Result<()> {
    let kind =
        |images: &Images| InputSpec { image: images.test.image_shape(), classes: images.classes.len() };
    let (asked, name) = (kind(images), &images.config.name);
    let fit = match trained_on.map(kind) {
        Some(known) if known != asked => {
            Err(format!("{} was trained on {}, {name} has {}", run.label(), known.words(), asked.words()))
        }
        _ => asked.fits(&run.config.learner, name),
    };
    fit.map_err(Error::Usage)
}

/// Whether the run was stored with these numbers, to the bit.
fn as_stored(now: &Evaluation, finished: &FinishedRun) -> bool {
    let Some(last) = finished.epochs.last() else { return false };
    let same = |name: &str, now: f64| last.scalars.get(name).map_or(now.is_nan(), |was| *was == now);
    same("test_mse", now.mse)
        && same("test_cross_entropy", now.cross_entropy)
        && same("test_accuracy", now.accuracy)
}

fn classes(names: &[String], judged: &Judged) -> Vec<OfClass> {
    let of = |(class, of): (&String, &Option<Evaluation>)| {
        let nothing = Scores { n: 0, mse: None, cross_entropy: None, accuracy: None };
        OfClass { class: class.clone(), scores: of.as_ref().map_or(nothing, Scores::of) }
    };
    names.iter().zip(&judged.classes).map(of).collect()
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

impl Answer {
    fn text(&self) -> String {
        let row = |name: &str, scores: &Scores| {
            let [n, accuracy, cross_entropy, mse] = scores.cells();
            [name.to_owned(), n, accuracy, cross_entropy, mse]
        };
        let all = row("all", &self.whole);
        let rows: Vec<_> = self.classes.iter().map(|of| row(&of.class, &of.scores)).chain([all]).collect();
        let stored = match self.as_stored {
            Some(true) => "these are the numbers that the run was stored with, to the bit\n",
            Some(false) => {
                "these are not to the bit the numbers that the run was stored with: it was computed on other hardware\n"
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
