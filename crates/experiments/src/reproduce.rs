//! The main job: plan, run, draw, judge, and write what people look at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use report::{Page, Plate, Row, Section, Verdict, table};
use serde_json::{Map, Value};
use system::files;

use crate::asked::Asked;
use crate::claims::Listed;
use crate::experiment::{Finished, Planned, Reading};
use crate::explore::explorer;
use crate::{Error, Profile, Result};
use runs::local::{Absent, Data, Done, Observer, Places};
use runs::provenance::cpu_name;
use runs::run::{Hardware, Keep, Run};
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

/// How the main job is run.
pub struct Options {
    /// The profile, for names and the command lines on the page.
    pub profile: Profile,
    /// Where everything is written.
    pub out: PathBuf,
    /// Where data sets are looked for first.
    pub data: Option<PathBuf>,
    /// How many runs at once, and on what.
    pub places: Places,
    /// What was set besides the profile, as on the command line.
    pub settings: Vec<String>,
    /// Who computes the runs.
    pub engine: Engine,
    /// What makes the results: commit, versions, machine; stored with every run and results file.
    pub provenance: Map<String, Value>,
}

impl Options {
    /// What runs are computed on. A cluster's nodes may have what this machine has not.
    pub(crate) fn hardware(&self) -> Result<Hardware> {
        match self.engine {
            Engine::Local => Ok(Hardware::of(&self.places.device()?)),
            Engine::Slurm(_) if self.places.device.starts_with("cuda") => Ok(Hardware::Cuda),
            Engine::Slurm(_) => Ok(Hardware::Cpu),
        }
    }
}

/// What came of it.
pub struct Outcome {
    /// All verdicts.
    pub rows: Vec<Row>,
    /// The page.
    pub page: PathBuf,
    /// The experiments whose results an older version wrote without a checksum, so that damage may go unnoticed.
    pub unchecked: Vec<String>,
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
    let asked = Asked::by(planned, options, observer)?;
    let images =
        missing(&asked.store, &asked.data, &asked.runs)?.iter().map(|run| run.images_trained()).sum();
    let start = Instant::now();
    let done = asked.done(options, observer)?;
    let seconds = start.elapsed().as_secs_f64();
    let Asked { runs, data, hardware, .. } = asked;

    let mut rows = Vec::new();
    if let Some(first) = runs.iter().find(|run| run.begins_alike()) {
        let stored = done.get(first).ok_or_else(|| Error::Missing(first.label()))?;
        rows.push(match elsewhere(stored, options) {
            Some(why) => not_asked_again(why),
            None => same_bits_again(first, &data, &options.places, stored)?,
        });
    }
    let mut sections = Vec::new();
    for planned in planned {
        rows.extend(not_run(planned, &data));
        if planned.runs.iter().all(|run| !data.open.contains_key(&run.config.data)) {
            continue;
        }
        let mut results = planned.results(&Finished { done: &done, data: &data, hardware })?;
        describe(&mut results, planned, &provenance);
        let file = results_file(&folder, planned.name);
        create(&folder.join(planned.name))?;
        write_results(&file, &results)?;
        // Figures and verdicts are made from what was stored, so that they can be made again from it.
        let (section, _) =
            told(planned.name, [planned.title, planned.shows], planned.reading, &folder, options)?;
        rows.extend(section.rows.iter().cloned());
        sections.push(section);
    }
    let provenance = page_provenance(planned, &data, &provenance, &done);
    let page = write_page(&folder, options, &rows, sections, provenance)?;
    Ok(Outcome { rows, page, unchecked: vec![], images_trained: images, seconds })
}

/// Draws and judges again from what is stored in the results' files, without data and without a run.
///
/// # Errors
/// If no results are there, or one cannot be read or drawn.
pub fn redraw(listed: &[&Listed], options: &Options) -> Result<Outcome> {
    let folder = options.out.join(options.profile.name());
    let (mut rows, mut sections, mut origins) = (Vec::new(), Vec::new(), BTreeMap::new());
    let start = Instant::now();
    for listed in listed.iter().filter(|listed| results_file(&folder, listed.name).is_file()) {
        let (section, described) =
            told(listed.name, [listed.title, listed.shows], listed.reading, &folder, options)?;
        rows.extend(section.rows.iter().cloned());
        sections.push(section);
        let unchecked = checksum(&results_file(&folder, listed.name))?.is_none();
        let unchecked = unchecked.then(|| (WITHOUT_CHECKSUM.to_owned(), listed.name.to_owned()));
        for (name, value) in described.into_iter().chain(unchecked) {
            let values: &mut BTreeSet<String> = origins.entry(name).or_default();
            values.insert(value);
        }
    }
    if sections.is_empty() {
        let what = format!("results in {}; run `agon reproduce` first", folder.display());
        return Err(Error::Missing(what));
    }
    let unchecked = origins.get(WITHOUT_CHECKSUM).cloned().unwrap_or_default();
    let mut provenance = vec![("drawn".into(), "again from stored results".into())];
    provenance.extend(
        origins.into_iter().map(|(name, values)| {
            (name.replace('_', " "), values.into_iter().collect::<Vec<_>>().join("; "))
        }),
    );
    let page = write_page(&folder, options, &rows, sections, provenance)?;
    let (unchecked, seconds) = (unchecked.into_iter().collect(), start.elapsed().as_secs_f64());
    Ok(Outcome { rows, page, unchecked, images_trained: 0.0, seconds })
}

fn results_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).join(format!("{name}.h5"))
}

/// Where results come from: names and values.
type Described = BTreeMap<String, String>;

/// The section of an experiment with its verdicts, and where its results come from, from those that are stored.
fn told(
    name: &str,
    [title, claim]: [&str; 2],
    reading: Reading,
    folder: &Path,
    options: &Options,
) -> Result<(Section, Described)> {
    let results = read_results(&results_file(folder, name))?;
    let plates = (reading.plates)(&results)?;
    write_plates(&plates, &folder.join(name))?;
    let warnings = (reading.warnings)(&results)?;
    let section = Section {
        name: name.into(),
        title: title.into(),
        claim: claim.into(),
        plates,
        warnings,
        rows: (reading.rows)(&results)?.into_iter().map(|row| stated(row, options.profile)).collect(),
        command: command(options, name),
    };
    Ok((section, results.provenance))
}

/// The row as a profile may state it: one that decides nothing leaves every claim undecided.
fn stated(row: Row, profile: Profile) -> Row {
    match row.verdict {
        Verdict::Holds | Verdict::DoesNotHold if !profile.decides() => {
            Row { verdict: Verdict::Undecided, ..row }
        }
        _ => row,
    }
}

fn write_page(
    folder: &Path,
    options: &Options,
    rows: &[Row],
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
    let index = folder.join("index.html");
    write(&index, page.html()?.as_bytes())?;
    Ok(index)
}

/// A row for each data set that an experiment asks for and that is not here.
fn not_run(planned: &Planned, data: &Data) -> Vec<Row> {
    let absent = planned.data_sets().into_iter().filter_map(|name| Some((data.absent.get(&name)?, name)));
    let row = |(why, name): (&Absent, String)| Row {
        source: planned.name.into(),
        claim: format!("{} on {name}", planned.title),
        expected: "the data set".into(),
        got: why.kept.clone(),
        n: 0,
        verdict: Verdict::NotRun,
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
fn same_bits_again(run: &Run, data: &Data, places: &Places, stored: &FinishedRun) -> Result<Row> {
    let device = places.device()?;
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
    Ok(Row {
        source: "A13".into(),
        claim: "the same seed gives the same bits".into(),
        expected: "the first epochs of the first run, computed again, agree in every bit".into(),
        got: differs.clone().unwrap_or_else(|| format!("{} epochs agree", recomputed.epochs.len())),
        n: 2,
        verdict: if differs.is_none() { Verdict::ExactMet } else { Verdict::ExactMissed },
    })
}

/// Why a run of a cluster cannot be computed again here with the same bits, if it cannot.
fn elsewhere(stored: &FinishedRun, options: &Options) -> Option<String> {
    let Engine::Slurm(_) = options.engine else { return None };
    let (there, here) = (stored.provenance.get("processor").and_then(Value::as_str), cpu_name());
    if options.places.device().is_err() {
        return Some(format!("stored by a node with {}, which is not here", options.places.device));
    }
    (there != Some(&here)).then(|| format!("stored by {}; this is {here}", there.unwrap_or("unknown")))
}

/// Fact A13 where the machine that draws is another than those that computed.
fn not_asked_again(why: String) -> Row {
    Row {
        source: "A13".into(),
        claim: "the same seed gives the same bits".into(),
        expected: "a processor of the same kind as that of the nodes".into(),
        got: why,
        n: 0,
        verdict: Verdict::NotRun,
    }
}

fn describe(results: &mut Results, planned: &Planned, provenance: &serde_json::Map<String, Value>) {
    results.title = planned.title.into();
    results.attributes.insert("experiment".into(), planned.name.into());
    results.attributes.insert("claim".into(), planned.shows.into());
    results.attributes.insert("config".into(), planned.config.to_string());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    results.provenance.extend(provenance.iter().map(|(name, value)| (name.clone(), text(value))));
}

fn write_plates(plates: &[Plate], folder: &Path) -> Result<()> {
    plates.par_iter().try_for_each(|plate| {
        let (name, drawing) = match plate {
            Plate::Figure(figure) => (&figure.name, report::draw(figure)?),
            Plate::Grid(grid) => (&grid.name, grid.draw()?),
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
    done: &Done,
) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines: Vec<(String, String)> =
        provenance.iter().map(|(name, value)| (name.replace('_', " "), text(value))).collect();
    let sets: BTreeMap<&str, &runs::images::Images> =
        data.open.values().map(|data| (data.config.name.as_str(), &**data)).collect();
    for (name, set) in sets {
        lines.push((
            format!("data: {name}"),
            format!("{}; SHA-256 of the content {}", set.source, set.sha256),
        ));
    }
    let names: Vec<&str> = planned.iter().map(|planned| planned.name).collect();
    lines.push(("config".into(), format!("in the attributes of each results file: {}", names.join(", "))));
    let seconds: f64 = done.all().flat_map(|run| &run.epochs).map(|epoch| epoch.seconds).sum();
    let flops =
        done.all().flat_map(|run| &run.epochs).filter_map(|epoch| epoch.scalars.get("flops")).sum::<f64>();
    let n = done.all().count();
    let text = format!("{n}, {seconds:.0} s on one core in all, {:.1} TFLOP in products", flops / 1e12);
    lines.push(("runs".into(), text));
    lines
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.into(), source })
}

/// Writes a file so that a reader never sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    files::replace(path, bytes).map_err(|source| Error::Write { path: path.into(), source })
}
