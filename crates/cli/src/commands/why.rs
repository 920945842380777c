//! `agon why`: explains what the key of a run depends on, and whether this program finds the run or recomputes it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use system::text;

use super::differences::{self, Difference, differences};
use super::image_options::open_set;
use super::own_images::OwnImages;
use super::stored::{self, Stored};
use super::values::existing_folder;
use crate::error::Result;
use crate::output::print_result;
use crate::provenance::COMMIT;
use runs::learners::RunConfig;
use runs::run::keep::Keep;
use runs::run::{Run, SCHEMA};
use runs::store::{Outcome, RunSpec, Store};

/// The number of other runs that are listed.
const NEAREST: usize = 3;

/// The arguments of `agon why`.
#[derive(Debug, Args)]
pub(crate) struct Why {
    #[command(flatten)]
    run: Stored,
    /// The folder to search first for data sets
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    data: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whether a run is found, with the parts of its key.
#[derive(Debug, Serialize)]
struct Answer {
    key: String,
    label: String,
    /// Whether a command with the same config, seed and images uses the stored run.
    found: bool,
    /// The reasons why it is not, or what is done with the run.
    reasons: Vec<String>,
    parts: Vec<Part>,
    nearest: Vec<Neighbour>,
}

/// A part of the key, or a value that the key does not depend on.
#[derive(Debug, Serialize)]
struct Part {
    name: &'static str,
    /// Whether the key depends on it.
    in_key: bool,
    stored: String,
    /// Its value for this program and the data on this machine.
    here: String,
}

/// Another run, and the values in which it differs.
#[derive(Debug, Serialize)]
struct Neighbour {
    key: String,
    differs: Vec<Difference>,
}

pub(crate) fn command(args: &Why) -> Result<ExitCode> {
    let answer = answer(args)?;
    print_result(args.json, &answer, || answer.text())
}

fn answer(args: &Why) -> Result<Answer> {
    let all = stored::summaries(&args.run.out)?;
    let specs: Vec<RunSpec> = all.iter().map(|summary| summary.spec.clone()).collect();
    let spec = stored::named(&specs, &args.run.key.to_lowercase())?;
    let outcome =
        all.iter().find(|summary| summary.spec == *spec).and_then(|summary| summary.outcome.as_ref());
    let finished = match outcome {
        Some(_) => Store::reading(args.run.out.join("runs")).find(spec)?,
        None => None,
    };
    let mut reasons = vec![];
    let config: Option<RunConfig> = serde_json::from_value(spec.config.clone()).ok();
    let read = match &config {
        None => {
            reasons.push("this version cannot parse its config".to_owned());
            "not readable".to_owned()
        }
        Some(config) => {
            let now = serde_json::to_value(config).expect("a config is serialisable");
            let differ = differences(&spec.config, &now);
            if let Some(first) = differ.first() {
                reasons.push(format!("this version writes `{}` of its config differently", first.key));
            }
            if differ.is_empty() { "the same" } else { "written differently" }.to_owned()
        }
    };
    let own = finished.as_ref().and_then(OwnImages::of_run);
    let set = match &own {
        Some(own) => own.open(data::image_folder).map(|(_, set)| set),
        None => open_set(&spec.data.name, args.data.as_deref()),
    };
    let images = match set {
        Ok(set) if set.provenance.content_sha256 == spec.data.sha256 => "the same".to_owned(),
        Ok(set) => {
            reasons.push("the images here differ".into());
            set.provenance.content_sha256
        }
        Err(error) => {
            reasons.push(format!("the images are missing here: {}", error.message()));
            "missing".to_owned()
        }
    };
    if spec.schema != SCHEMA {
        reasons.push(format!(
            "results of schema {} lack measurements of this version's schema {SCHEMA}",
            spec.schema
        ));
    }
    let state = match outcome {
        None => {
            reasons.push("it is not finished: the command that started it resumes it".into());
            "not finished"
        }
        Some(Outcome::Failed { reason }) => {
            reasons.push(format!("it failed, and failed runs are computed again: {reason}"));
            "failed"
        }
        Some(Outcome::Diverged { .. }) => "diverged",
        Some(Outcome::Finished) => "finished",
    };
    let run = config.map(|config| Run { config, seed: spec.seed });
    if let (Some(run), Some(finished), true) = (&run, &finished, reasons.is_empty())
        && run.lacks_parameters(finished, Keep::EveryParameter)
    {
        reasons.push("its parameters are not stored: `agon train` and `agon sweep` compute it again".into());
    }
    let found = reasons.is_empty();
    let provenance = |name: &str| {
        let value = finished.as_ref().and_then(|run| run.provenance.get(name));
        value.and_then(Value::as_str).unwrap_or("unknown").to_owned()
    };
    let part = |name, in_key, stored: String, here: &str| Part { name, in_key, stored, here: here.into() };
    let n = differences(&spec.config, &Value::Null).len();
    let parts = vec![
        part("config", true, text::count(n, "value"), &read),
        part("seed", true, spec.seed.to_string(), "as given with --seed"),
        part("data set", true, spec.data.name.clone(), "its name"),
        part("images", true, spec.data.sha256.clone(), &images),
        part("schema", true, spec.schema.to_string(), &SCHEMA.to_string()),
        part("state", false, state.into(), "-"),
        part("commit", false, provenance("commit"), COMMIT),
    ];
    let nearest = nearest(spec, &specs);
    Ok(Answer { key: spec.key(), label: stored::label_of(spec), found, reasons, parts, nearest })
}

/// The runs that differ from this one in the fewest values.
fn nearest(spec: &RunSpec, specs: &[RunSpec]) -> Vec<Neighbour> {
    let of = |other: &RunSpec| Neighbour {
        key: other.folder_name(),
        differs: differences(&stored::parts_of_key(spec), &stored::parts_of_key(other)),
    };
    let mut all: Vec<Neighbour> = specs.iter().filter(|other| *other != spec).map(of).collect();
    all.sort_by_key(|other| other.differs.len());
    all.truncate(NEAREST);
    all
}

impl Answer {
    fn text(&self) -> String {
        let short = &self.key[..16];
        let mut text = format!("run {short}: {}\n", self.label);
        text += &match self.found {
            true => "reused: a command with the same config, seed and images finds this run\n".to_owned(),
            false => format!("recomputed: {}\n", self.reasons.join("; ")),
        };
        let row = |of: &Part| {
            let in_key = if of.in_key { "key" } else { "beside it" };
            [of.name.to_owned(), in_key.to_owned(), of.stored.clone(), of.here.clone()]
        };
        let rows: Vec<_> = self.parts.iter().map(row).collect();
        text += &format!("\n{}", super::columns::columns(["part", "of", "stored", "here"], &rows));
        for Neighbour { key, differs } in &self.nearest {
            text += &format!("\nnearest: {key}, which differs in\n");
            text += &differences::text(differs, [short, key]);
        }
        text
    }
}
