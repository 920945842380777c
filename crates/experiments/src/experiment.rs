//! The `Experiment` trait: a claim, the runs that decide it, the figures that show it and the verdicts on it.

use report::{Figure, Verdict};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::profile::Profile;
use crate::sweep::collect::collect;
use crate::sweep::facts;
use crate::sweep::finished::FinishedSweep;
use crate::sweep::recorded::Recorded;
use runs::run::Run;
use runs::settings::{Setting, with_settings};
use runs::store::Results;

/// The paper whose question an experiment answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// Classification-reconstruction encoders, arXiv 2401.09237.
    Cre,
    /// Learning by reconstruction, arXiv 2402.11337.
    Lbr,
}

impl Paper {
    /// All papers.
    pub const ALL: [Self; 2] = [Self::Cre, Self::Lbr];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cre => "cre",
            Self::Lbr => "lbr",
        }
    }
}

/// The name, title and claim of an experiment.
#[derive(Debug)]
pub struct Info {
    /// The name on the command line, in file names and in the page's addresses.
    pub name: &'static str,
    /// A short title.
    pub title: &'static str,
    /// The claim, in one sentence.
    pub claim: &'static str,
    /// The paper whose question it answers.
    pub paper: Paper,
    /// The data that its results record of each run, besides the metrics of all experiments.
    pub recorded: Recorded,
}

/// One claim, in one file.
///
/// [`collect`](Self::collect) reads runs and nothing else; the other methods read results and nothing else, so figures and
/// verdicts can be made again from a stored file without a run.
pub trait Experiment: Sync {
    /// Name, title and claim.
    fn info(&self) -> &'static Info;

    /// The grid of runs of a profile.
    fn grid(&self, profile: Profile) -> Grid;

    /// Whether its results need the encoders of its runs, which a sweep keeps only where they are read again.
    fn reads_parameters(&self) -> bool {
        false
    }

    /// The labelled arrays of the finished runs of a grid.
    ///
    /// # Errors
    /// If a run lacks an array that is read.
    fn collect(&self, grid: &Grid, finished: &FinishedSweep<'_>) -> Result<Results> {
        collect(grid, finished, self.info().recorded)
    }

    /// The figures.
    ///
    /// # Errors
    /// If the results lack what is drawn.
    fn figures(&self, results: &Results) -> Result<Vec<Figure>>;

    /// The verdicts: for each claim the expected result, the measured values and the conclusion.
    ///
    /// # Errors
    /// If the results lack what is judged.
    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>>;

    /// The limits of the figures: what a reader has to know before relying on them.
    ///
    /// # Errors
    /// If the results lack what is read.
    fn warnings(&self, results: &Results) -> Result<Vec<String>> {
        facts::warnings(results)
    }
}

/// An experiment with its config resolved.
pub struct Planned {
    /// The experiment.
    pub experiment: &'static dyn Experiment,
    /// Its config, with every value written out.
    pub grid: Grid,
    /// The runs that it needs.
    pub runs: Vec<Run>,
}

impl Planned {
    /// Resolves an experiment's config.
    ///
    /// # Errors
    /// [`Error::Usage`] if a setting does not exist, has the wrong type, or makes no grid.
    pub fn new(experiment: &'static dyn Experiment, profile: Profile, settings: &[Setting]) -> Result<Self> {
        let grid = with_settings(experiment.grid(profile), settings)?;
        let runs = grid
            .checked_runs()
            .map_err(|error| Error::Usage(format!("{}: {error}", experiment.info().name)))?;
        Ok(Self { experiment, grid, runs })
    }

    /// The config as plain data.
    pub fn config(&self) -> Value {
        serde_json::to_value(&self.grid).expect("a config is serialisable")
    }

    /// The data sets that it reads.
    pub fn data_sets(&self) -> Vec<String> {
        let mut names: Vec<String> = self.grid.variants().map(|variant| variant.data.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}
