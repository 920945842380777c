//! The job of `agon reproduce`: plans and computes the runs, draws the figures, judges the claims, and writes the page.

#[cfg(test)]
mod tests;
mod again;
pub(crate) mod live;
mod verdict_table;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use report::{Conclusion, Drawing, Figure, Section, Verdict, table};
use serde::Serialize;
use serde_json::Value;
use system::{files, text};

use self::live::{Live, Spent};
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Planned};
use crate::job::Job;
use crate::options::Options;
use crate::page::{self, Shown};
use crate::profile::Profile;
use crate::statistics::holm::within_claims;
use crate::stored::{EXPERIMENT, results_file, stored_results};
use crate::sweep::words;
use runs::local::{Data, Missing, Observer};
use runs::provenance::text as value_text;
use runs::run::Run;
use runs::shell;
use runs::store::{FinishedRun, Results, Store, write_results};

/// The label on the page for results without a checksum.
const WITHOUT_CHECKSUM: &str = "results without a checksum, as older versions wrote them";

/// The outcome of a reproduction.
pub struct Outcome {
    /// All verdicts.
    pub rows: Vec<Verdict>,
    /// The page.
    pub page: PathBuf,
    /// The folder of the results, with the table of verdicts.
    pub folder: PathBuf,
    /// Runs that diverged or failed, among those that were read.
    pub failed: Vec<FailedRun>,
    /// The experiments whose results an older version wrote without a checksum, so that damage may go unnoticed.
    pub unchecked: Vec<String>,
    /// The experiments that have no stored results.
    pub absent: Vec<String>,
    /// The number of training images that passed forward and backward, counted once per epoch, in runs computed now.
    pub images_trained: f64,
    /// The wall time of that training, in seconds.
    pub seconds: f64,
}

/// A run without results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedRun {
    /// Its key, as `agon runs --each` lists it.
    pub key: String,
    /// Config and seed in words.
    pub label: String,
    /// Why it diverged or failed.
    pub reason: String,
}

impl FailedRun {
    /// `None` for a run that finished.
    fn of(run: &FinishedRun) -> Option<Self> {
        let (runs::store::Outcome::Diverged { reason, .. } | runs::store::Outcome::Failed { reason }) =
            &run.outcome
        else {
            return None;
        };
        let (key, seed) = (run.spec.folder_name(), run.spec.seed);
        let config = serde_json::from_value(run.spec.config.clone());
        let label = config.map_or_else(|_| key.clone(), |config| Run { config, seed }.label());
        Some(Self { key, label, reason: reason.clone() })
    }
}

/// An experiment that is judged, while others may still be computed.
pub struct Step<'a> {
    /// The experiment.
    pub info: &'static Info,
    /// Its rows.
    pub rows: &'a [Verdict],
    /// The number of experiments judged so far.
    pub done: usize,
    /// The number of experiments.
    pub of: usize,
    /// The page, which includes it.
    pub page: &'a Path,
}

/// Computes the missing runs, experiment by experiment; draws and judges each experiment once its runs are finished, calls
/// `judged` and rewrites the page.
///
/// A missing data set is not an error: the experiments that need it are reported as not run, with the next step.
///
/// # Errors
/// If data cannot be read, the store fails, or a file cannot be written; what was stored before is kept.
pub fn reproduce(
    planned: &[Planned],
    options: &Options,
    observer: &dyn Observer,
    mut judged: impl FnMut(&Step<'_>),
) -> Result<Outcome> {
    let folder = options.out.join(options.profile.name());
    create(&folder)?;
    let job = Job::new(planned, options, observer)?;
    let images = missing(&job.store, &job.data, &job.runs)?.iter().map(|run| run.images_trained()).sum();
    let mut live = Live::new(folder, planned, options, &job);
    let mut page = live.write()?;
    let start = Instant::now();
    job.finish(options, observer, |at, finished| {
        let rows = live.add(at, &finished)?;
        page = live.write()?;
        let (info, done, of) = (planned[at].experiment.info(), at + 1, planned.len());
        judged(&Step { info, rows: &rows, done, of, page: &page });
        Ok(())
    })?;
    let (rows, seconds) = (live.rows(), start.elapsed().as_secs_f64());
    let Live { folder, spent: Spent { mut failed, .. }, .. } = live;
    failed.sort_by(|one, other| one.key.cmp(&other.key));
    let (unchecked, absent) = (vec![], vec![]);
    Ok(Outcome { rows, page, folder, failed, unchecked, absent, images_trained: images, seconds })
}

/// Draws the figures and judges the claims again from stored results, without data or runs. Rows that only runs can
/// give are taken from the stored table of verdicts.
///
/// # Errors
/// If no results are there, or one cannot be read or drawn.
pub fn redraw(experiments: &[&dyn Experiment], options: &Options) -> Result<Outcome> {
    let folder = options.out.join(options.profile.name());
    redrawn(experiments, &folder, None, options)
}

/// Writes the page of the results in a folder to `page`, and nothing else.
///
/// # Errors
/// As [`redraw`].
pub fn show(
    experiments: &[&dyn Experiment],
    folder: &Path,
    page: &Path,
    options: &Options,
) -> Result<Outcome> {
    redrawn(experiments, folder, Some(page), options)
}

fn redrawn(
    experiments: &[&dyn Experiment],
    folder: &Path,
    only_page: Option<&Path>,
    options: &Options,
) -> Result<Outcome> {
    let (mut rows, mut sections, mut origins) =
        (verdict_table::of_runs(folder)?, Vec::new(), BTreeMap::new());
    let (mut absent, mut shown) = (Vec::new(), Shown::default());
    let start = Instant::now();
    for &experiment in experiments {
        let name = experiment.info().name;
        let Some((results, is_sealed)) = stored_results(folder, name)? else {
            absent.push(name.to_owned());
            continue;
        };
        let file = results_file(folder, name);
        let drawn = if only_page.is_none() { Some(folder) } else { None };
        let section = section(experiment, &results, drawn, options).map_err(|error| match error {
            Error::Missing(what) => Error::Missing(format!("{what} in {}", text::path(&file))),
            other => other,
        })?;
        rows.extend(section.rows.iter().cloned());
        sections.push(section);
        let unchecked = (!is_sealed).then(|| (WITHOUT_CHECKSUM.to_owned(), name.to_owned()));
        for (name, value) in results.provenance.clone().into_iter().chain(unchecked) {
            let values: &mut BTreeSet<String> = origins.entry(name).or_default();
            values.insert(value);
        }
        shown.keep(name, results);
    }
    if sections.is_empty() {
        return Err(Error::NoResults { folder: folder.into() });
    }
    decide_together(&mut rows, &mut sections);
    let unchecked = origins.get(WITHOUT_CHECKSUM).cloned().unwrap_or_default();
    let mut provenance = vec![("drawn".into(), "from stored results".into())];
    provenance.extend(
        origins.into_iter().map(|(name, values)| {
            (name.replace('_', " "), values.into_iter().collect::<Vec<_>>().join("; "))
        }),
    );
    let page = match only_page {
        Some(page) => {
            let html = page::page(&shown, page, options.profile, &rows, sections, provenance)?.html()?;
            write(page, html.as_bytes()).map(|()| page.to_owned())?
        }
        None => write_page(folder, &shown, options, &rows, sections, provenance)?,
    };
    let (unchecked, seconds) = (unchecked.into_iter().collect(), start.elapsed().as_secs_f64());
    let (folder, failed) = (folder.to_owned(), vec![]);
    Ok(Outcome { rows, page, folder, failed, unchecked, absent, images_trained: 0.0, seconds })
}

/// The section of an experiment with its verdicts, from its stored results; the figures are written to its subfolder of
/// a folder.
fn section(
    experiment: &dyn Experiment,
    results: &Results,
    folder: Option<&Path>,
    options: &Options,
) -> Result<Section> {
    let &Info { name, title, claim, .. } = experiment.info();
    let figures = experiment.figures(results)?;
    if let Some(folder) = folder {
        write_figures(&figures, &folder.join(name))?;
    }
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

/// The row with the conclusion that this profile allows: a profile that decides nothing leaves every claim undecided.
fn stated(row: Verdict, profile: Profile) -> Verdict {
    match row.conclusion {
        Conclusion::Holds | Conclusion::DoesNotHold | Conclusion::NotConverged if !profile.decides() => {
            let got = format!("the profile {profile} gives no verdicts on claims; {}", row.got);
            Verdict { got, conclusion: Conclusion::Undecided, ..row }
        }
        _ => row,
    }
}

fn write_page(
    folder: &Path,
    shown: &Shown,
    options: &Options,
    rows: &[Verdict],
    sections: Vec<Section>,
    provenance: Vec<(String, String)>,
) -> Result<PathBuf> {
    let index = folder.join("index.html");
    let page = page::page(shown, &index, options.profile, rows, sections, provenance)?;
    write(&folder.join("verdicts.csv"), table::csv(rows).as_bytes())?;
    write_results(&folder.join(verdict_table::FILE), &verdict_table::columns(rows))?;
    if let Some(drawing) = report::forest(rows) {
        write(&folder.join("forest.svg"), drawing.svg.as_bytes())?;
        write(&folder.join("forest.png"), &drawing.png()?)?;
    }
    write(&index, page.html()?.as_bytes())?;
    Ok(index)
}

/// A row for each missing data set of an experiment.
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

fn describe(results: &mut Results, planned: &Planned, provenance: &serde_json::Map<String, Value>) {
    results.title = planned.experiment.info().title.into();
    results.attributes.insert(EXPERIMENT.into(), planned.experiment.info().name.into());
    results.attributes.insert("claim".into(), planned.experiment.info().claim.into());
    results.attributes.insert("config".into(), planned.config().to_string());
    results.provenance.extend(provenance.iter().map(|(name, value)| (name.clone(), value_text(value))));
}

/// The file name of a figure, and its drawing.
///
/// # Errors
/// If the figure contradicts itself.
pub(crate) fn drawn(figure: &Figure) -> report::Result<(&str, Drawing)> {
    Ok(match figure {
        Figure::Chart(figure) => (&figure.name, report::draw(figure)?),
        Figure::Grid(grid) => (&grid.name, grid.draw()?),
        Figure::Heat(map) => (&map.name, map.draw()?),
    })
}

fn write_figures(figures: &[Figure], folder: &Path) -> Result<()> {
    figures.par_iter().try_for_each(|figure| {
        let (name, drawing) = drawn(figure)?;
        write(&folder.join(format!("{name}.svg")), drawing.svg.as_bytes())?;
        write(&folder.join(format!("{name}.png")), &drawing.png()?)
    })
}

/// The command that recomputes one experiment of the page.
fn command(options: &Options, name: &str) -> String {
    let Options { command, profile, out, data, settings, .. } = options;
    let folders = [("--out", (out != Path::new("out")).then_some(out)), ("--data", data.as_ref())];
    let folders = folders.into_iter().filter_map(|(name, folder)| Some((name, folder?.as_os_str())));
    let settings = settings.iter().map(|setting| ("-s", OsStr::new(setting)));
    let options: String = folders.chain(settings).map(|(name, value)| shell::option(name, value)).collect();
    format!("{command} --profile {profile} --only {name}{options}")
}

fn page_provenance(
    planned: &[Planned],
    job: &Job,
    options: &Options,
    spent: &Spent,
) -> Vec<(String, String)> {
    let own = options.provenance.iter();
    let mut lines: Vec<(String, String)> =
        own.map(|(name, value)| (name.replace('_', " "), value_text(value))).collect();
    let sets: BTreeMap<&str, &runs::images::Images> =
        job.data.open.values().map(|data| (data.config.name.as_str(), &**data)).collect();
    for (name, set) in sets {
        lines.push((
            format!("data: {name}"),
            format!("{}; SHA-256 of the content {}", set.source, set.sha256),
        ));
    }
    let names: Vec<&str> = planned.iter().map(|planned| planned.experiment.info().name).collect();
    lines.push(("config".into(), format!("in the attributes of each results file: {}", names.join(", "))));
    let (n, seconds, tflop) = (spent.n_runs(), spent.seconds, spent.flops / 1e12);
    let text =
        format!("{n}, {seconds:.0} s on one core in total, {tflop:.1} TFLOP in matrix multiplications");
    lines.push(("runs".into(), text));
    lines
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.into(), source })
}

/// Writes a file atomically.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    files::replace_regular(path, bytes).map_err(|source| Error::Write { path: path.into(), source })
}
