//! The grid of an experiment: families of learners on data sets, over λ and seeds.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use runs::images::DataConfig;
use runs::learners::{LearnerConfig, RunConfig};
use runs::run::Run;
use runs::training::{Hardware, Rotation};

/// The config of an experiment, with every value written out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// The families of learners.
    pub families: Vec<Family>,
    /// The weights of reconstruction, ascending, within [0, 1].
    pub lambdas: Vec<f64>,
    /// The seeds, which all points share, so that differences between points are paired.
    pub seeds: Vec<u64>,
}

/// Learners that differ in one thing, on one or more data sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// A short label, such as `FC-M, ReLU latent`.
    pub label: String,
    /// The name of the varied setting, such as `latent size k`.
    pub member: String,
    /// The settings, in ascending order of the number that varies.
    pub members: Vec<Member>,
    /// The data sets.
    pub data: Vec<DataConfig>,
    /// The random rotation of training images, if any.
    pub rotation: Option<Rotation>,
    /// The optimiser of each of the parts.
    pub optimiser: models::AdamConfig,
    /// The number of images per training step.
    pub batch: usize,
    /// The number of epochs.
    pub epochs: u32,
    /// The number of seeds that are used; `None` for all of them.
    pub seeds: Option<usize>,
}

/// One learner of a family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// A short label, such as `k = 4`.
    pub label: String,
    /// The value of the setting that varies, such as k.
    pub number: f64,
    /// The learner, without λ, which each run gets from its cell of the grid.
    pub learner: LearnerConfig,
    /// The values of λ it is run with; `None` for all of them.
    pub lambdas: Option<Vec<f64>>,
    /// The number of its family's seeds that are used; `None` for all of them.
    #[serde(default)]
    pub seeds: Option<usize>,
}

impl Member {
    /// A learner that is run with every λ.
    pub fn new(label: impl Into<String>, number: f64, learner: impl Into<LearnerConfig>) -> Self {
        Self { label: label.into(), number, learner: learner.into(), lambdas: None, seeds: None }
    }

    /// The setting with these values of λ only.
    #[must_use]
    pub fn only_at(self, lambdas: &[f64]) -> Self {
        Self { lambdas: Some(lambdas.to_vec()), ..self }
    }

    /// The setting with its first `n` seeds.
    #[must_use]
    pub fn with_seeds(self, n: usize) -> Self {
        Self { seeds: Some(n), ..self }
    }
}

/// A family on one of its data sets.
#[derive(Debug, Clone, Copy)]
pub struct Variant<'g> {
    /// The family.
    pub family: &'g Family,
    /// The data set.
    pub data: &'g DataConfig,
}

impl Variant<'_> {
    /// A label of family and data set.
    pub fn label(&self) -> String {
        format!("{}, {}", self.data.label(), self.family.label)
    }
}

impl Grid {
    /// All runs, after checking that the grid is not empty and that every run can be trained.
    ///
    /// # Errors
    /// [`Error::Usage`] with the key if a list is empty, the values of λ are not strictly ascending, a seed is
    /// repeated, or a run's config is out of range.
    pub fn checked_runs(&self) -> Result<Vec<Run>> {
        let usage = |what: String| Err(Error::Usage(what));
        let empty = |(key, is_empty): (&str, bool)| is_empty.then(|| key.to_owned());
        let of_family = |(at, family): (usize, &Family)| {
            let lists = [("members", family.members.is_empty()), ("data", family.data.is_empty())];
            lists.into_iter().find_map(empty).map(|list| format!("families.{at}.{list}"))
        };
        let own = [
            ("families", self.families.is_empty()),
            ("lambdas", self.lambdas.is_empty()),
            ("seeds", self.seeds.is_empty()),
        ];
        let list = own.into_iter().find_map(empty);
        if let Some(list) = list.or_else(|| self.families.iter().enumerate().find_map(of_family)) {
            return usage(format!(
                "`{list}`: expected at least one element, got an empty list; omit the \
                 setting or add an element"
            ));
        }
        for (at, family) in self.families.iter().enumerate() {
            if let Some(place) = family.members.iter().position(|member| member.learner.lambda().is_some()) {
                let key = format!("families.{at}.members.{place}.learner");
                return usage(format!(
                    "`{key}` sets λ, which `lambdas` sets for every run; remove it from `{key}`"
                ));
            }
        }
        if let Some(pair) = self.lambdas.windows(2).find(|pair| pair[0] >= pair[1]) {
            let [first, second] = [pair[0], pair[1]];
            return usage(format!(
                "`lambdas`: expected strictly ascending values, got {second} after {first}"
            ));
        }
        let mut known = HashSet::new();
        if let Some(seed) = self.seeds.iter().find(|seed| !known.insert(**seed)) {
            return usage(format!("`seeds`: expected different seeds, got {seed} twice"));
        }
        let runs = self.runs();
        if runs.is_empty() {
            return usage(
                "the grid has no run: `seeds` of a family or `lambdas` of a member exclude all of them"
                    .into(),
            );
        }
        runs.iter().try_for_each(|run| run.config.check())?;
        Ok(runs)
    }

    /// Every family on each of its data sets.
    pub fn variants(&self) -> impl Iterator<Item = Variant<'_>> {
        self.families.iter().flat_map(|family| family.data.iter().map(move |data| Variant { family, data }))
    }

    /// The largest number of settings in a family.
    pub fn n_members(&self) -> usize {
        self.families.iter().map(|family| family.members.len()).max().unwrap_or(0)
    }

    /// The largest number of epochs.
    pub fn n_epochs(&self) -> u32 {
        self.families.iter().map(|family| family.epochs).max().unwrap_or(0)
    }

    /// The run at one point; `None` where the grid has none.
    pub fn run(&self, variant: &Variant<'_>, member: usize, lambda: usize, seed: usize) -> Option<Run> {
        let Variant { family, data } = *variant;
        let of = family.members.get(member)?;
        let lambda = self.lambdas[lambda];
        let mut limits = [family.seeds, of.seeds].into_iter().flatten();
        if limits.any(|n| seed >= n) || of.lambdas.as_ref().is_some_and(|lambdas| !lambdas.contains(&lambda))
        {
            return None;
        }
        let config = RunConfig {
            data: data.clone(),
            rotation: family.rotation,
            learner: of.learner.with_lambda(lambda),
            optimiser: family.optimiser,
            batch: family.batch,
            epochs: family.epochs,
            hardware: Hardware::default(),
        };
        Some(Run { config, seed: self.seeds[seed] })
    }

    /// All runs: variants outermost, then settings, λ and seeds. Settings with fewer seeds, on which less depends, come
    /// last.
    pub fn runs(&self) -> Vec<Run> {
        let (mut runs, mut last) = (Vec::new(), Vec::new());
        for variant in self.variants() {
            for (member, of) in variant.family.members.iter().enumerate() {
                let runs = if of.seeds.is_some() { &mut last } else { &mut runs };
                for lambda in 0..self.lambdas.len() {
                    let at = |seed| self.run(&variant, member, lambda, seed);
                    runs.extend((0..self.seeds.len()).filter_map(at));
                }
            }
        }
        runs.extend(last);
        runs
    }
}
