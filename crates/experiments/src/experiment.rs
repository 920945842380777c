//! What an experiment is: a claim, the runs that decide it, the figures that show it, what is expected.

use report::{Plate, Row};
use serde_json::Value;

use crate::grid::Grid;
use crate::sweep::{self, Kept};
use crate::{Profile, Result};
use runs::local::{Data, Done};
use runs::run::Run;
use runs::settings::{Setting, with_settings};
use runs::store::{FinishedRun, Results};

/// One claim, in one file.
///
/// `results` reads runs and nothing else; `plates`, `rows` and `warnings` read results and nothing else, so
/// figures and verdicts can be made again from a stored file without a run.
pub trait Experiment {
    /// The name on the command line, in file names and in the page's addresses.
    const NAME: &'static str;
    /// A few words.
    const TITLE: &'static str;
    /// The claim, in one sentence.
    const SHOWS: &'static str;
    /// The paper whose question it answers, as on the command line.
    const PAPER: &'static str = "cre";
    /// What is kept of each run beside its numbers.
    const KEPT: Kept = Kept::NUMBERS;

    /// The grid of a profile.
    fn grid(profile: Profile) -> Grid;

    /// The labelled numbers that the runs gave.
    ///
    /// # Errors
    /// If a run lacks what is read.
    fn results(grid: &Grid, finished: &Finished<'_>) -> Result<Results> {
        sweep::collect(grid, finished, Self::KEPT)
    }

    /// The figures.
    ///
    /// # Errors
    /// If the results lack what is drawn.
    fn plates(results: &Results) -> Result<Vec<Plate>>;

    /// What was expected, what came, and the verdict on it.
    ///
    /// # Errors
    /// If the results lack what is judged.
    fn rows(results: &Results) -> Result<Vec<Row>>;

    /// What a reader must know before trusting the figures.
    ///
    /// # Errors
    /// If the results lack what is read.
    fn warnings(results: &Results) -> Result<Vec<String>> {
        sweep::warnings(results)
    }
}

/// The runs that are whole, with the data they read.
pub struct Finished<'a> {
    /// The runs.
    pub done: &'a Done,
    /// The data sets.
    pub data: &'a Data,
    /// What they were computed on.
    pub hardware: runs::run::Hardware,
}

impl Finished<'_> {
    /// The finished run, if it is here.
    pub fn get(&self, run: &Run) -> Option<&FinishedRun> {
        self.done.get(&run.clone().on(self.hardware))
    }
}

/// How an experiment reads its results.
#[derive(Clone, Copy)]
pub struct Reading {
    /// [`Experiment::plates`]
    pub plates: fn(&Results) -> Result<Vec<Plate>>,
    /// [`Experiment::rows`]
    pub rows: fn(&Results) -> Result<Vec<Row>>,
    /// [`Experiment::warnings`]
    pub warnings: fn(&Results) -> Result<Vec<String>>,
}

impl Reading {
    /// That of an experiment.
    pub const fn of<E: Experiment>() -> Self {
        Self { plates: E::plates, rows: E::rows, warnings: E::warnings }
    }
}

/// An experiment with its config resolved and its types hidden.
pub struct Planned {
    /// The name.
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// The claim.
    pub shows: &'static str,
    /// The config, with every value written out.
    pub config: Value,
    /// The runs it needs.
    pub runs: Vec<Run>,
    /// How its results are read.
    pub reading: Reading,
    grid: Grid,
    results: fn(&Grid, &Finished<'_>) -> Result<Results>,
}

impl Planned {
    /// Resolves an experiment's config.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) if a setting does not exist, has the wrong type, or makes no grid.
    pub fn new<E: Experiment>(profile: Profile, settings: &[Setting]) -> Result<Self> {
        let grid = with_settings(E::grid(profile), settings)?;
        let runs =
            grid.checked_runs().map_err(|error| crate::Error::Usage(format!("{}: {error}", E::NAME)))?;
        Ok(Self {
            name: E::NAME,
            title: E::TITLE,
            shows: E::SHOWS,
            runs,
            config: serde_json::to_value(&grid).expect("a config is plain data"),
            reading: Reading::of::<E>(),
            grid,
            results: E::results,
        })
    }

    /// [`Experiment::results`]
    ///
    /// # Errors
    /// As there.
    pub fn results(&self, finished: &Finished<'_>) -> Result<Results> {
        (self.results)(&self.grid, finished)
    }

    /// The data sets that it reads.
    pub fn data_sets(&self) -> Vec<String> {
        let mut names: Vec<String> = self.grid.variants().map(|variant| variant.data.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}
