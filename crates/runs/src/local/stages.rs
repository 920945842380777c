//! The stages of a sweep, such as the runs of one experiment, in their order.

use std::collections::{HashMap, HashSet};

use super::name;
use crate::run::Run;

/// Runs that are collected together, such as those of an experiment.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// The name of the stage, such as an experiment's; empty if there is only one stage.
    pub name: String,
    /// The runs, those that others depend on first.
    pub runs: Vec<Run>,
}

/// The stages of a sweep in the order in which they are computed. A run may be in several.
#[derive(Debug, Clone, Default)]
pub struct Stages {
    /// The stages.
    pub stages: Vec<Stage>,
    /// The estimated seconds of runs that are not stored yet, by [`name`]; may be empty.
    pub seconds: HashMap<String, f64>,
    /// The names of runs whose parameters are kept for later sweeps, in addition to those that runs of these stages
    /// need.
    pub encoders: HashSet<String>,
}

impl Stages {
    /// One stage without a name.
    pub fn one(runs: &[Run]) -> Self {
        let stages = vec![Stage { name: String::new(), runs: runs.to_vec() }];
        Self { stages, ..Self::default() }
    }

    /// Every run once, with its name and the index of the first stage that contains it.
    pub fn runs(&self) -> impl Iterator<Item = (usize, String, &Run)> {
        let mut known = HashSet::new();
        let all = self
            .stages
            .iter()
            .enumerate()
            .flat_map(|(at, stage)| stage.runs.iter().map(move |run| (at, run)));
        all.filter_map(move |(at, run)| {
            let name = name(run);
            known.insert(name.clone()).then_some((at, name, run))
        })
    }
}
