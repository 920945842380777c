//! What an experiment is: a claim, the runs that decide it, the figures that show it, what is expected.

use report::{Plate, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cre_run::{CreRun, OpenData};
use crate::settings::{Setting, with_settings};
use crate::store::{FinishedRun, Results};
use crate::{Profile, Result};

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
    /// Everything that can be set, with every value written out.
    type Config: Serialize + DeserializeOwned;

    /// The config of a profile.
    fn config(profile: Profile) -> Self::Config;

    /// The runs that the claim needs.
    fn runs(config: &Self::Config) -> Vec<CreRun>;

    /// The labelled numbers that the runs gave.
    ///
    /// # Errors
    /// If a run lacks what is read.
    fn results(config: &Self::Config, runs: &Finished<'_>) -> Result<Results>;

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
    fn warnings(results: &Results) -> Result<Vec<String>>;
}

/// The runs of an experiment that are whole, with the data they read.
pub struct Finished<'a> {
    /// Finished runs, in the order of [`Experiment::runs`].
    pub runs: Vec<(&'a CreRun, &'a FinishedRun)>,
    /// The data sets.
    pub data: &'a OpenData,
}

/// [`Experiment::results`] with its config at hand.
type Collect = dyn Fn(&Finished<'_>) -> Result<Results>;

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
    pub runs: Vec<CreRun>,
    results: Box<Collect>,
    plates: fn(&Results) -> Result<Vec<Plate>>,
    rows: fn(&Results) -> Result<Vec<Row>>,
    warnings: fn(&Results) -> Result<Vec<String>>,
}

impl Planned {
    /// Resolves an experiment's config.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) if a setting does not exist or has the wrong type.
    pub fn new<E: Experiment + 'static>(profile: Profile, settings: &[Setting]) -> Result<Self>
    where
        E::Config: 'static,
    {
        let config = with_settings(E::config(profile), settings)?;
        Ok(Self {
            name: E::NAME,
            title: E::TITLE,
            shows: E::SHOWS,
            runs: E::runs(&config),
            config: serde_json::to_value(&config).expect("a config is plain data"),
            results: Box::new(move |runs| E::results(&config, runs)),
            plates: E::plates,
            rows: E::rows,
            warnings: E::warnings,
        })
    }

    /// [`Experiment::results`]
    ///
    /// # Errors
    /// As there.
    pub fn results(&self, runs: &Finished<'_>) -> Result<Results> {
        (self.results)(runs)
    }

    /// [`Experiment::plates`]
    ///
    /// # Errors
    /// As there.
    pub fn plates(&self, results: &Results) -> Result<Vec<Plate>> {
        (self.plates)(results)
    }

    /// [`Experiment::rows`]
    ///
    /// # Errors
    /// As there.
    pub fn rows(&self, results: &Results) -> Result<Vec<Row>> {
        (self.rows)(results)
    }

    /// [`Experiment::warnings`]
    ///
    /// # Errors
    /// As there.
    pub fn warnings(&self, results: &Results) -> Result<Vec<String>> {
        (self.warnings)(results)
    }
}
