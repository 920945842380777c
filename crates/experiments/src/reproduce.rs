//! The main job: plan, run, draw, judge, and write what people look at.

#[cfg(test)]
mod tests;
mod verdict_table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use report::{Conclusion, Figure, Kind, Page, Section, Verdict, table};
use serde_json::Value;
use system::{cpu, files, text};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Planned};
use crate::explore::explorer;
use crate::job::Job;
use crate::options::Options;
use crate::profile::Profile;
use crate::statistics::holm::within_claims;
use crate::stored::{EXPERIMENT, results_file, stored_results};
use crate::sweep::finished::FinishedSweep;
use crate::sweep::words;
use runs::local::{Data, FinishedRuns, Missing, Observer, Resources};
use runs::provenance::text as value_text;
use runs::run::Run;
use runs::run::compute::Keep;
use runs::shell;
use runs::slurm::Engine;
use runs::store::{FinishedRun, Results, Store, checksum, read_results, write_results};

/// What is asked at the top of the page.
const QUESTION: &str = "Do classification and reconstruction help or hurt each other inside a shared \
representation?\n\nAn encoder maps an image to a latent z; a decoder rebuilds the image from z and a classifier \
names its class from z. Both heads always learn at full strength; λ only says whose gradient the encoder \
follows: λ times that of the reconstruction error plus 1 - λ times that of the classification loss. The \
verdicts below are findings about the claims of the paper (arXiv 2401.09237): one that does not hold is as \
good a result as one that does. Exact facts are checks of this implementation.\n\nThe second paper (arXiv \
2402.11337) asks the same of linear codes and autoencoders by closed forms and by training: its claims are those \
marked LBR.";

/// What the page calls results that carry no checksum.
const WITHOUT_CHECKSUM: &str = "results without a checksum, as older versions wrote them";

/// What came of it.
pub struct Outcome {
    /// All verdicts.
    pub rows: Vec<Verdict>,
    /// The page.
    pub page: PathBuf,
    /// The experiments whose results an older version wrote without a checksum, so that damage may go unnoticed.
    pub unchecked: Vec<String>,
    /// The experiments that have no stored results.
    pub absent: Vec<String>,
    /// Training images that went through a forward and a backward pass, in runs computed now.
    pub images_trained: f64,
    /// Wall time in which they did, in seconds.
    pub seconds: f64,
}

/// Runs what is missing, then draws, judges and writes everything.
///
/// A data set that is nowhere is no error: what needs it is reported as not run, with what to do.
///
/// # Errors
/// If data cannot be read, the store fails, or something cannot be written; all that was stored stays.
pub fn reproduce(planned: &[Planned], options: &Options, observer: &dyn Observer) -> Result<Outcome> {
    let provenance = options.provenance.clone();
    let folder = options.out.join(options.profile.name());
    create(&folder)?;
    let job = Job::new(planned, options, observer)?;
    let images = missing(&job.store, &job.data, &job.runs)?.iter().map(|run| run.images_trained()).sum();
    let start = Instant::now();
    let finished = job.finish(options, observer)?;
    let seconds = start.elapsed().as_secs_f64();
    let Job { runs, data, hardware, .. } = job;

    let mut rows = Vec::new();
    if let Some(first) = runs.iter().find(|run| run.begins_alike()) {
        let stored = finished.get(first).ok_or_else(|| Error::Missing(first.label()))?;
        rows.push(match elsewhere(stored, options) {
            Some(why) => not_asked_again(why),
            None => same_bits_again(first, &data, &options.resources, stored)?,
        });
    }
    let mut sections: Vec<Section> = Vec::new();
    for planned in planned {
        rows.extend(not_run(planned, &data));
        if planned.runs.iter().all(|run| !data.open.contains_key(&run.config.data)) {
            continue;
        }
        let name = planned.experiment.info().name;
        let finished = FinishedSweep { runs: &finished, data: &data, hardware };
        let mut results = planned.experiment.collect(&planned.grid, &finished)?;
        describe(&mut results, planned, &provenance);
        create(&folder.join(name))?;
        write_results(&results_file(&folder, name), &results)?;
        // Figures and verdicts are made from what was stored, so that they can be made again from it.
        let results = read_results(&results_file(&folder, name))?;
        let section = section(planned.experiment, &results, &folder, options)?;
        rows.extend(section.rows.iter().cloned());
        sections.push(section);
    }
    decide_together(&mut rows, &mut sections);
    let provenance = page_provenance(planned, &data, &provenance, &finished);
    let page = write_page(&folder, options, &rows, sections, provenance)?;
    Ok(Outcome { rows, page, unchecked: vec![], absent: vec![], images_trained: images, seconds })
}

/// Draws and judges again from what is stored in the results' files, without data and without a run.
///
/// # Errors
/// If no results are there, or one cannot be read or drawn.
pub fn redraw(experiments: &[&dyn Experiment], options: &Options) -> Result<Outcome> {
    let folder = options.out.join(options.profile.name());
    let (mut rows, mut sections, mut origins) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut absent = Vec::new();
    let start = Instant::now();
    for &experiment in experiments {
        let name = experiment.info().name;
        let Some(results) = stored_results(&folder, name)? else {
            absent.push(name.to_owned());
            continue;
        };
        let file = results_file(&folder, name);
        let section = section(experiment, &results, &folder, options).map_err(|error| match error {
            Error::Missing(what) => Error::Missing(format!("{what} in {}", text::path(&file))),
            other => other,
        })?;
        rows.extend(section.rows.iter().cloned());
        sections.push(section);
        let unchecked = checksum(&file)?.is_none().then(|| (WITHOUT_CHECKSUM.to_owned(), name.to_owned()));
        for (name, value) in results.provenance.into_iter().chain(unchecked) {
            let values: &mut BTreeSet<String> = origins.entry(name).or_default();
            values.insert(value);
        }
    }
    if sections.is_empty() {
        return Err(Error::NoResults { folder });
    }
    decide_together(&mut rows, &mut sections);
    let unchecked = origins.get(WITHOUT_CHECKSUM).cloned().unwrap_or_default();
    let mut provenance = vec![("drawn".into(), "again from stored results".into())];
    provenance.extend(
        origins.into_iter().map(|(name, values)| {
            (name.replace('_', " "), values.into_iter().collect::<Vec<_>>().join("; "))
        }),
    );
    let page = write_page(&folder, options, &rows, sections, provenance)?;
    let (unchecked, seconds) = (unchecked.into_iter().collect(), start.elapsed().as_secs_f64());
    Ok(Outcome { rows, page, unchecked, absent, images_trained: 0.0, seconds })
}

/// The section of an experiment with its verdicts, from its stored results.
fn section(
    experiment: &dyn Experiment,
    results: &Results,
    folder: &Path,
    options: &Options,
) -> Result<Section> {
    let &Info { name, title, claim, .. } = experiment.info();
    let figures = experiment.figures(results)?;
    write_figures(&figures, &folder.join(name))?;
    let rows = experiment.verdicts(results)?.into_iter().map(|row| stated(row, options.profile)).collect();
    Ok(Section {
        name: name.into(),
        title: title.into(),
        claim: claim.into(),
        figures,
        warnings: experiment.warnings(results)?,
        rows,
        command: command(options, name),
    })
}

/// Decides the rows of all sections together, claim by claim.
fn decide_together(rows: &mut [Verdict], sections: &mut [Section]) {
    within_claims(rows.iter_mut().collect());
    within_claims(sections.iter_mut().flat_map(|section| section.rows.iter_mut()).collect());
}

/// The row as a profile may state it: one that decides nothing leaves every claim undecided.
fn stated(row: Verdict, profile: Profile) -> Verdict {
    match row.conclusion {
        Conclusion::Holds | Conclusion::DoesNotHold | Conclusion::NotTrained if !profile.decides() => {
            let got = format!("the profile {profile} decides nothing; {}", row.got);
            Verdict { got, conclusion: Conclusion::Undecided, ..row }
        }
        _ => row,
    }
}

fn write_page(
    folder: &Path,
    options: &Options,
    rows: &[Verdict],
    sections: Vec<Section>,
    provenance: Vec<(String, String)>,
) -> Result<PathBuf> {
    let page = Page {
        title: format!("Agon: antagonists or allies? ({} profile)", options.profile),
        question: QUESTION.into(),
        rows: rows.to_vec(),
        explorer: explorer(folder)?,
        sections,
        provenance,
    };
    write(&folder.join("verdicts.csv"), table::csv(rows).as_bytes())?;
    write_results(&folder.join("verdicts.h5"), &verdict_table::columns(rows))?;
    if let Some(drawing) = report::forest(rows) {
        write(&folder.join("forest.svg"), drawing.svg.as_bytes())?;
        write(&folder.join("forest.png"), &drawing.png()?)?;
    }
    let index = folder.join("index.html");
    write(&index, page.html()?.as_bytes())?;
    Ok(index)
}

/// A row for each data set that an experiment asks for and that is not here.
fn not_run(planned: &Planned, data: &Data) -> Vec<Verdict> {
    let absent = planned.data_sets().into_iter().filter_map(|name| Some((data.missing.get(&name)?, name)));
    let row = |(why, name): (&Missing, String)| Verdict {
        source: planned.experiment.info().name.into(),
        claim: planned.experiment.info().title.into(),
        data: words::data_set(&name),
        expected: "the data set".into(),
        got: why.recorded.clone(),
        ..Verdict::default()
    };
    absent.map(row).collect()
}

/// The runs that the store does not hold yet.
fn missing<'r>(store: &Store, data: &Data, runs: &'r [Run]) -> Result<Vec<&'r Run>> {
    let mut missing = Vec::new();
    for run in runs {
        if store.ended(&run.spec(&data.open[&run.config.data]))?.is_none() {
            missing.push(run);
        }
    }
    Ok(missing)
}

/// Fact A13: the first epochs of the first run, computed again, agree bit for bit with what was stored.
fn same_bits_again(run: &Run, data: &Data, resources: &Resources, stored: &FinishedRun) -> Result<Verdict> {
    let device = resources.device()?;
    let mut again = run.clone();
    again.config.epochs = 1;
    let (images, keep) = (&data.open[&run.config.data], Keep::WhatIsReread);
    let folder = std::env::temp_dir().join(format!("agon-again-{}", std::process::id()));
    let recomputed = Store::open(&folder).and_then(|store| store.run(&again.spec(images)));
    let recomputed = recomputed
        .map_err(runs::Error::from)
        .and_then(|run| again.compute(images, None, &device, run, keep, |_| ()));
    let _ = std::fs::remove_dir_all(&folder);
    let recomputed = recomputed?;
    let differs = stored.epochs.iter().zip(&recomputed.epochs).find_map(|(was, is)| was.difference(is));
    Ok(Verdict {
        source: ClaimId::A13.to_string(),
        claim: "the same seed gives the same bits".into(),
        kind: Kind::Exact,
        expected: "the first epochs of the first run, computed again, agree in every bit".into(),
        got: differs.clone().unwrap_or_else(|| agreeing(recomputed.epochs.len())),
        n: 2,
        conclusion: if differs.is_none() { Conclusion::ExactMet } else { Conclusion::ExactMissed },
        ..Verdict::default()
    })
}

fn agreeing(n_epochs: usize) -> String {
    match n_epochs {
        1 => "1 epoch agrees".to_owned(),
        n => format!("{n} epochs agree"),
    }
}

/// Why a run of a cluster cannot be computed again here with the same bits, if it cannot.
fn elsewhere(stored: &FinishedRun, options: &Options) -> Option<String> {
    let Engine::Slurm(_) = options.engine else { return None };
    let (there, here) = (stored.provenance.get("processor").and_then(Value::as_str), cpu::name());
    if options.resources.device().is_err() {
        return Some(format!("stored by a node with {}, which is not here", options.resources.device));
    }
    (there != Some(&here)).then(|| format!("stored by {}; this is {here}", there.unwrap_or("unknown")))
}

/// Fact A13 where the machine that draws is another than those that computed.
fn not_asked_again(why: String) -> Verdict {
    Verdict {
        source: ClaimId::A13.to_string(),
        claim: "the same seed gives the same bits".into(),
        kind: Kind::Exact,
        expected: "a CPU of the same kind as that of the nodes".into(),
        got: why,
        ..Verdict::default()
    }
}

fn describe(results: &mut Results, planned: &Planned, provenance: &serde_json::Map<String, Value>) {
    results.title = planned.experiment.info().title.into();
    results.attributes.insert(EXPERIMENT.into(), planned.experiment.info().name.into());
    results.attributes.insert("claim".into(), planned.experiment.info().claim.into());
    results.attributes.insert("config".into(), planned.config().to_string());
    results.provenance.extend(provenance.iter().map(|(name, value)| (name.clone(), value_text(value))));
}

fn write_figures(figures: &[Figure], folder: &Path) -> Result<()> {
    figures.par_iter().try_for_each(|figure| {
        let (name, drawing) = match figure {
            Figure::Chart(figure) => (&figure.name, report::draw(figure)?),
            Figure::Grid(grid) => (&grid.name, grid.draw()?),
            Figure::Heat(map) => (&map.name, map.draw()?),
        };
        write(&folder.join(format!("{name}.svg")), drawing.svg.as_bytes())?;
        write(&folder.join(format!("{name}.png")), &drawing.png()?)
    })
}

/// The command that makes one experiment of the page again.
fn command(options: &Options, name: &str) -> String {
    let settings =
        options.settings.iter().map(|setting| shell::option("-s", setting.as_ref())).collect::<String>();
    format!("cargo xtask reproduce --profile {} --only {name}{settings}", options.profile)
}

fn page_provenance(
    planned: &[Planned],
    data: &Data,
    provenance: &serde_json::Map<String, Value>,
    finished: &FinishedRuns,
) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> =
        provenance.iter().map(|(name, value)| (name.replace('_', " "), value_text(value))).collect();
    let sets: BTreeMap<&str, &runs::images::Images> =
        data.open.values().map(|data| (data.config.name.as_str(), &**data)).collect();
    for (name, set) in sets {
        lines.push((
            format!("data: {name}"),
            format!("{}; SHA-256 of the content {}", set.source, set.sha256),
        ));
    }
    let names: Vec<&str> = planned.iter().map(|planned| planned.experiment.info().name).collect();
    lines.push(("config".into(), format!("in the attributes of each results file: {}", names.join(", "))));
    let seconds: f64 = finished.all().flat_map(|run| &run.epochs).map(|epoch| epoch.seconds).sum();
    let flops = finished
        .all()
        .flat_map(|run| &run.epochs)
        .filter_map(|epoch| epoch.scalars.get("flops"))
        .sum::<f64>();
    let n = finished.all().count();
    let text = format!("{n}, {seconds:.0} s on one core in all, {:.1} TFLOP in products", flops / 1e12);
    lines.push(("runs".into(), text));
    lines
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.into(), source })
}

/// Writes a file so that a reader never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    files::replace_regular(path, bytes).map_err(|source| Error::Write { path: path.into(), source })
}
