//! The main job: plan, run, draw, judge, and write what people look at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use report::{Page, Plate, Row, Section, Verdict, table};
use serde_json::Value;

use crate::cre_run::{CreRun, Hardware, OpenData};
use crate::engine::{self, Places};
use crate::experiment::{Finished, Planned};
use crate::progress::Progress;
use crate::provenance::provenance;
use crate::store::{FinishedRun, Results, Store, read_results, write_results};
use crate::{Error, Profile, Result};

/// What is asked at the top of the page.
const QUESTION: &str = "Do classification and reconstruction help or hurt each other inside a shared \
representation?\n\nAn encoder maps an image to a latent z; a decoder rebuilds the image from z and a classifier \
names its class from z. Both heads always learn at full strength; λ only says whose gradient the encoder \
follows: λ times that of the reconstruction error plus 1 - λ times that of the classification loss. The \
verdicts below are findings about the claims of the paper (arXiv 2401.09237): one that does not hold is as \
good a result as one that does. Exact facts are checks of this implementation.";

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
}

/// What came of it.
pub struct Outcome {
    /// All verdicts.
    pub rows: Vec<Row>,
    /// The page.
    pub page: PathBuf,
    /// Training images that went through a forward and a backward pass, in runs computed now.
    pub images_trained: f64,
    /// Wall time in which they did, in seconds.
    pub seconds: f64,
}

/// Runs what is missing, then draws, judges and writes everything.
///
/// # Errors
/// If data is missing, a run fails, or something cannot be written; all that was stored stays.
pub fn reproduce(planned: &[Planned], options: &Options) -> Result<Outcome> {
    let provenance = provenance();
    let folder = options.out.join(options.profile.name());
    create(&folder)?;
    let store = Store::open(options.out.join("runs"))?.with_provenance(provenance.clone());
    let mut runs: Vec<CreRun> = planned.iter().flat_map(|planned| planned.runs.iter().cloned()).collect();
    let hardware = Hardware::of(&options.places.device()?);
    runs.iter_mut().for_each(|run| run.config.hardware = hardware);
    let data = engine::open_data(&runs, options.data.as_deref())?;

    let images: f64 = missing(&store, &data, &runs)?.iter().map(|run| images_trained(run)).sum();
    let epochs = runs.iter().map(|run| u64::from(run.config.epochs) + 1).sum();
    let progress = Progress::new(runs.len(), epochs);
    let start = Instant::now();
    let finished = engine::run_all(&store, &data, &runs, &options.places, &progress);
    progress.end();
    let (finished, seconds) = (finished?, start.elapsed().as_secs_f64());

    let mut rows = vec![same_bits_again(&runs[0], &data, &options.places, &finished[0])?];
    let (mut sections, mut offset) = (Vec::new(), 0);
    for planned in planned {
        let range = offset..offset + planned.runs.len();
        offset = range.end;
        let pairs = runs[range.clone()].iter().zip(&finished[range]).collect();
        let mut results = planned.results(&Finished { runs: pairs, data: &data })?;
        describe(&mut results, planned, &provenance);
        let file = folder.join(planned.name).join(format!("{}.h5", planned.name));
        create(&folder.join(planned.name))?;
        write_results(&file, &results)?;
        // Figures and verdicts are made from what was stored, so that they can be made again from it.
        let results = read_results(&file)?;
        let plates = planned.plates(&results)?;
        write_plates(&plates, &folder.join(planned.name))?;
        rows.extend(planned.rows(&results)?);
        sections.push(Section {
            name: planned.name.into(),
            title: planned.title.into(),
            claim: planned.shows.into(),
            plates,
            warnings: planned.warnings(&results)?,
            command: command(options, planned.name),
        });
    }
    let page = Page {
        title: format!("Agon: antagonists or allies? ({} profile)", options.profile),
        question: QUESTION.into(),
        rows: rows.clone(),
        sections,
        provenance: page_provenance(planned, &data, &provenance, &finished),
    };
    write(&folder.join("verdicts.csv"), table::csv(&rows).as_bytes())?;
    let index = folder.join("index.html");
    write(&index, page.html()?.as_bytes())?;
    Ok(Outcome { rows, page: index, images_trained: images, seconds })
}

/// The runs that the store does not hold yet.
fn missing<'r>(store: &Store, data: &OpenData, runs: &'r [CreRun]) -> Result<Vec<&'r CreRun>> {
    let mut missing = Vec::new();
    for run in runs {
        let images =
            data.get(&run.config.data).ok_or_else(|| Error::Missing(run.config.data.name.clone()))?;
        if store.find(&run.spec(images))?.is_none() {
            missing.push(run);
        }
    }
    Ok(missing)
}

fn images_trained(run: &CreRun) -> f64 {
    let config = &run.config;
    (config.data.train / config.batch * config.batch) as f64 * f64::from(config.epochs)
}

/// Fact A13: the first epochs of the first run, computed again, agree bit for bit with what was stored.
fn same_bits_again(run: &CreRun, data: &OpenData, places: &Places, stored: &FinishedRun) -> Result<Row> {
    let device = places.device()?;
    let mut again = run.clone();
    again.config.epochs = 1;
    let images = data.get(&run.config.data).ok_or_else(|| Error::Missing(run.config.data.name.clone()))?;
    let folder = std::env::temp_dir().join(format!("agon-again-{}", std::process::id()));
    let recomputed = Store::open(&folder).and_then(|store| store.run(&again.spec(images)));
    let recomputed =
        recomputed.map_err(Error::from).and_then(|run| again.compute(images, &device, run, |_| ()));
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

fn describe(results: &mut Results, planned: &Planned, provenance: &serde_json::Map<String, Value>) {
    results.title = planned.title.into();
    results.attributes.insert("experiment".into(), planned.name.into());
    results.attributes.insert("claim".into(), planned.shows.into());
    results.attributes.insert("config".into(), planned.config.to_string());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    results.provenance.extend(provenance.iter().map(|(name, value)| (name.clone(), text(value))));
}

fn write_plates(plates: &[Plate], folder: &Path) -> Result<()> {
    for plate in plates {
        let (name, drawing) = match plate {
            Plate::Figure(figure) => (&figure.name, report::draw(figure)?),
            Plate::Grid(grid) => (&grid.name, grid.draw()?),
        };
        write(&folder.join(format!("{name}.svg")), drawing.svg.as_bytes())?;
        write(&folder.join(format!("{name}.png")), &drawing.png()?)?;
    }
    Ok(())
}

/// The command that makes one experiment of the page again.
fn command(options: &Options, name: &str) -> String {
    let settings = options.settings.iter().map(|setting| format!(" -s '{setting}'")).collect::<String>();
    format!("cargo xtask reproduce --profile {} --only {name}{settings}", options.profile)
}

fn page_provenance(
    planned: &[Planned],
    data: &OpenData,
    provenance: &serde_json::Map<String, Value>,
    finished: &[FinishedRun],
) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines: Vec<(String, String)> =
        provenance.iter().map(|(name, value)| (name.replace('_', " "), text(value))).collect();
    let sets: BTreeMap<&str, &crate::cre_run::CreData> =
        data.values().map(|data| (data.config.name.as_str(), &**data)).collect();
    for (name, set) in sets {
        lines.push((
            format!("data: {name}"),
            format!("{}; SHA-256 of the content {}", set.source, set.sha256),
        ));
    }
    for planned in planned {
        lines.push((format!("config: {}", planned.name), planned.config.to_string()));
    }
    let seconds: f64 = finished.iter().flat_map(|run| &run.epochs).map(|epoch| epoch.seconds).sum();
    lines.push(("runs".into(), format!("{}, {seconds:.0} s of training on one core in all", finished.len())));
    lines
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.into(), source })
}

/// Writes beside and renames, so that a reader never sees half a file.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("partial");
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|source| Error::Write { path: path.into(), source })
}
