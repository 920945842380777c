//! Groups runs that depend on each other, and splits the groups among independent processes.

use std::collections::HashMap;
use std::str::FromStr;

use crate::local::name;
use crate::run::Run;

/// Runs computed by one process: a run whose encoder others use, followed by those runs.
pub type Unit = Vec<Run>;

/// Groups the runs into units, in the order of their first runs.
pub fn units(runs: &[Run]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut places = HashMap::new();
    for run in runs {
        let first = run.needs().as_ref().map_or_else(|| name(run), name);
        let place = *places.entry(first).or_insert(units.len());
        match units.get_mut(place) {
            Some(unit) => unit.push(run.clone()),
            None => units.push(vec![run.clone()]),
        }
    }
    units
}

/// One of several disjoint parts of the units, determined by their order alone and therefore equal on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The index of the part, from 1.
    index: usize,
    /// The number of parts.
    of: usize,
}

impl Shard {
    /// Takes every n-th unit, so that each part has a mix of long and short ones.
    pub fn take(self, units: Vec<Unit>) -> Vec<Unit> {
        units.into_iter().skip(self.index - 1).step_by(self.of).collect()
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if 1 <= index && index <= of => Ok(Self { index, of }),
            _ => Err(format!("`{text}` is not a shard; write I/N with 1 <= I <= N, as in 2/5")),
        }
    }
}

#[cfg(test)]
mod tests {
    use models::{AdamConfig, Architecture};

    use super::*;
    use crate::images::DataConfig;
    use crate::learners::frozen_probe::Features;
    use crate::learners::{FrozenProbe, LearnerConfig, RunConfig, cre};
    use crate::training::Hardware;

    const MODEL: Architecture = Architecture::CnnS { latent_channels: 4, classes: 10 };

    fn run(learner: LearnerConfig, seed: u64) -> Run {
        let data = DataConfig::new("fashion-mnist-embedded", 100, 10, 10);
        let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
        Run {
            config: RunConfig { data, rotation: None, learner, optimiser, batch: 10, epochs: 1, hardware },
            seed,
        }
    }

    #[test]
    fn a_run_and_its_dependents_form_one_unit_in_order() {
        let (alone, trained) = (run(cre(MODEL, 0.0), 0), run(cre(MODEL, 0.5), 0));
        let of = Features::Trained { run: Box::new(trained.config.clone()) };
        let heads = run(FrozenProbe::new(of, MODEL).into(), 0);
        let runs = crate::local::with_needed(&[alone.clone(), heads.clone()]);
        assert_eq!(units(&runs), [vec![trained, heads], vec![alone]]);
    }

    #[test]
    fn shards_are_disjoint_and_complete() {
        let all = units(&(0..7).map(|seed| run(cre(MODEL, 0.5), seed)).collect::<Vec<_>>());
        let parts = ["1/3", "2/3", "3/3"].map(|part| part.parse::<Shard>().unwrap().take(all.clone()));
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 2]);
        assert!(all.iter().all(|unit| parts.iter().flatten().filter(|part| *part == unit).count() == 1));
    }

    #[test]
    fn an_invalid_shard_is_refused_with_the_syntax() {
        for text in ["0/3", "4/3", "2", "a/b", "1/0"] {
            assert!(text.parse::<Shard>().unwrap_err().contains("2/5"), "{text}");
        }
    }
}
