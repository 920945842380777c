//! A sweep of a user: presets × values × data sets × seeds, its measurements, paired differences and page.

mod contrasts;
mod page;

use std::collections::BTreeMap;

use runs::correct::{Reader, correct_of};
use runs::learners::RunConfig;
use runs::local::{Data, FinishedRuns};
use runs::names::{KNN_ACCURACY, RIDGE_ACCURACY, RIDGE_MSE};
use runs::run::Run;
use runs::store::{FinishedRun, Outcome, Values};
use serde::{Deserialize, Serialize};

pub use self::contrasts::Contrast;
use crate::statistics::{Interval, interval};

/// A quantity that is measured at the end of a run.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    /// Its name in results.
    pub name: &'static str,
    /// Its name on axes and in tables.
    pub label: &'static str,
    /// The displayed unit.
    pub unit: &'static str,
    /// The unit of differences.
    pub unit_of_differences: &'static str,
    /// The factor from stored to displayed values.
    pub factor: f64,
    /// The reader whose correctness per image is stored.
    reader: Option<Reader>,
}

/// All quantities of a sweep; a run has those that its learner measures.
pub const QUANTITIES: [Quantity; 6] = [
    accuracy("test_accuracy", "accuracy", Some(Reader::Online)),
    loss("test_mse", "MSE", ""),
    loss("test_cross_entropy", "cross-entropy", "nats"),
    accuracy(RIDGE_ACCURACY, "accuracy of ridge regression on z", Some(Reader::Ridge)),
    accuracy(KNN_ACCURACY, "accuracy of k-NN on z", Some(Reader::NearestNeighbours)),
    loss(RIDGE_MSE, "MSE of ridge regression on z", ""),
];

const fn accuracy(name: &'static str, label: &'static str, reader: Option<Reader>) -> Quantity {
    Quantity { name, label, unit: "%", unit_of_differences: "points", factor: 100.0, reader }
}

const fn loss(name: &'static str, label: &'static str, unit: &'static str) -> Quantity {
    Quantity { name, label, unit, unit_of_differences: unit, factor: 1.0, reader: None }
}

impl Quantity {
    /// The value of a finished run: of its last epoch, or among its final arrays.
    pub fn of(&self, run: &FinishedRun) -> Option<f64> {
        let last = run.epochs.last().and_then(|epoch| epoch.scalars.get(self.name)).copied();
        let of_finals = || match &run.finals.get(self.name)?.values {
            Values::F64(values) => values.first().copied(),
            _ => None,
        };
        last.or_else(of_finals).filter(|value| value.is_finite())
    }

    /// Its label with its unit.
    pub fn with_unit(&self) -> String {
        if self.unit.is_empty() { self.label.into() } else { format!("{} ({})", self.label, self.unit) }
    }
}

/// A sweep whose configs are resolved.
#[derive(Debug, Clone)]
pub struct PresetSweep {
    /// The name of its folder.
    pub name: String,
    /// The keys of the settings that are varied, such as `lambda`.
    pub varied: Vec<String>,
    /// The seeds, which all cells share, so that differences are paired.
    pub seeds: Vec<u64>,
    /// The combinations.
    pub cells: Vec<Cell>,
}

/// One combination of values.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The values of the varied settings, as text.
    pub values: Vec<String>,
    /// The config.
    pub config: RunConfig,
}

/// The measurements of a sweep, as stored in `sweep.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swept {
    /// The name of the sweep.
    pub name: String,
    /// The keys of the settings that are varied.
    pub varied: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The measurements of each combination.
    pub cells: Vec<SweptCell>,
    /// The paired differences from the first of the varied values.
    pub differences: Vec<Contrast>,
}

/// The measurements of one combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweptCell {
    /// The values of the varied settings.
    pub values: Vec<String>,
    /// Data set and learner in words.
    pub label: String,
    /// The config, as in the keys of its runs.
    pub config: serde_json::Value,
    /// The keys of its runs, seed by seed.
    pub keys: Vec<Option<String>>,
    /// The reason why a run has no values, for each seed.
    pub failures: Vec<Option<String>>,
    /// The quantities by name, seed by seed.
    pub values_by_seed: BTreeMap<String, Vec<Option<f64>>>,
}

impl SweptCell {
    /// The values of a quantity, for the seeds that have one.
    pub fn values_of(&self, quantity: &Quantity) -> Vec<f64> {
        let values = self.values_by_seed.get(quantity.name).into_iter().flatten();
        values.flatten().map(|value| quantity.factor * value).collect()
    }

    /// The mean of a quantity with its 95 % interval over seeds; `None` without values.
    pub fn mean(&self, quantity: &Quantity) -> Option<Interval> {
        let values = self.values_of(quantity);
        (!values.is_empty()).then(|| interval(&values))
    }
}

impl PresetSweep {
    /// All runs, cell by cell.
    pub fn runs(&self) -> Vec<Run> {
        let of = |cell: &Cell| {
            let config = cell.config.clone();
            self.seeds.iter().map(move |&seed| Run { config: config.clone(), seed })
        };
        self.cells.iter().flat_map(of).collect()
    }

    /// The measurements of the finished runs.
    pub fn measured(&self, finished: &FinishedRuns, data: &Data) -> Swept {
        let run = |cell: &Cell, seed| Run { config: cell.config.clone(), seed };
        let finished_run = |cell: &Cell, seed| finished.get(&run(cell, seed));
        let cells = self.cells.iter().map(|cell| {
            let runs: Vec<Option<&FinishedRun>> =
                self.seeds.iter().map(|&seed| finished_run(cell, seed)).collect();
            let key = |&seed: &u64| {
                let run = run(cell, seed);
                Some(run.spec(data.open.get(&run.config.data)?).folder_name())
            };
            let why = |run: &Option<&FinishedRun>| match run.map(|run| &run.outcome) {
                Some(Outcome::Finished) => None,
                Some(Outcome::Diverged { reason, .. } | Outcome::Failed { reason }) => Some(reason.clone()),
                None => Some("not run".into()),
            };
            let of_quantity = |quantity: &Quantity| {
                let values: Vec<Option<f64>> = runs.iter().map(|run| of_finished(quantity, *run)).collect();
                values.iter().any(Option::is_some).then(|| (quantity.name.to_owned(), values))
            };
            SweptCell {
                values: cell.values.clone(),
                label: format!("{}, {}", cell.config.data.label(), cell.config.learner.label()),
                config: serde_json::to_value(&cell.config).expect("a config is serialisable"),
                keys: self.seeds.iter().map(key).collect(),
                failures: runs.iter().map(why).collect(),
                values_by_seed: QUANTITIES.iter().filter_map(of_quantity).collect(),
            }
        });
        let cells: Vec<SweptCell> = cells.collect();
        let correct = |cell: usize, seed: usize, quantity: &Quantity| {
            let run = finished_run(&self.cells[cell], self.seeds[seed])?;
            correct_of(run, quantity.reader?)
        };
        let same_images = |one: usize, other: usize| {
            let [one, other] = [one, other].map(|cell| &self.cells[cell].config.data);
            one == other
        };
        let differences = contrasts::of(&self.varied, &cells, &correct, &same_images);
        Swept {
            name: self.name.clone(),
            varied: self.varied.clone(),
            seeds: self.seeds.clone(),
            cells,
            differences,
        }
    }
}

/// The value of a run that did not diverge.
fn of_finished(quantity: &Quantity, run: Option<&FinishedRun>) -> Option<f64> {
    run.filter(|run| run.outcome == Outcome::Finished).and_then(|run| quantity.of(run))
}

/// A difference of two cells of different sweeps.
#[derive(Debug, Clone, Copy)]
pub struct Paired {
    /// The mean with its 95 % interval.
    pub interval: Interval,
    /// The number of seeds that both have.
    pub n_seeds: usize,
}

/// The differences of two cells of two sweeps, paired by seed.
pub fn paired(
    (a, one): (&Swept, &SweptCell),
    (b, other): (&Swept, &SweptCell),
) -> Vec<(&'static Quantity, Paired)> {
    let of_quantity = |quantity: &'static Quantity| {
        let (of_one, of_other) =
            (one.values_by_seed.get(quantity.name)?, other.values_by_seed.get(quantity.name)?);
        let difference = |(seed, from): (&u64, &Option<f64>)| {
            let place = b.seeds.iter().position(|other| other == seed)?;
            Some(quantity.factor * ((*of_other.get(place)?)? - (*from)?))
        };
        let differences: Vec<f64> = a.seeds.iter().zip(of_one).filter_map(difference).collect();
        let n_seeds = differences.len();
        (n_seeds > 0).then(|| (quantity, Paired { interval: interval(&differences), n_seeds }))
    };
    QUANTITIES.iter().filter_map(of_quantity).collect()
}

impl Swept {
    /// The quantities that any cell has.
    pub fn quantities(&self) -> Vec<&'static Quantity> {
        let any = |quantity: &&Quantity| {
            self.cells.iter().any(|cell| cell.values_by_seed.contains_key(quantity.name))
        };
        QUANTITIES.iter().filter(any).collect()
    }

    /// A line for each cell and seed, with a header.
    pub fn csv(&self) -> String {
        let quantities = self.quantities();
        let quoted = |text: &str| match text.contains([',', '"', '\n']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        let line =
            |cells: Vec<String>| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n";
        let names = quantities.iter().map(|quantity| quantity.name.to_owned());
        let header = self.varied.iter().cloned().chain(["seed".into(), "key".into()]).chain(names).collect();
        let mut text = line(header);
        for cell in &self.cells {
            for (place, seed) in self.seeds.iter().enumerate() {
                let key = cell.keys.get(place).cloned().flatten().unwrap_or_default();
                let value = |quantity: &&Quantity| {
                    let values = cell.values_by_seed.get(quantity.name);
                    values
                        .and_then(|values| *values.get(place)?)
                        .map_or(String::new(), |value| value.to_string())
                };
                let own = cell.values.iter().cloned().chain([seed.to_string(), key]);
                text += &line(own.chain(quantities.iter().map(value)).collect());
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
