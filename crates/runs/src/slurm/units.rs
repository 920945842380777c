//! Which runs belong together, and how they are shared out to processes that know nothing of each other.

use std::collections::HashMap;
use std::str::FromStr;

use crate::local::name;
use crate::run::Run;

/// Runs that one process computes: a run that others read comes first, then those that read it.
pub type Unit = Vec<Run>;

/// The runs in units, in the order of their first runs.
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

/// One part of several: the same on every machine, since it follows from the order of the units alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, counted from 1.
    index: usize,
    /// How many there are.
    of: usize,
}

impl Shard {
    /// Every n-th of the units, so that long and short ones are mixed alike.
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
            _ => Err(format!("`{text}` is no part of several; write I/N with 1 <= I <= N, as in 2/5")),
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

    const MODEL: Architecture = Architecture::CnnS { latent_channels: 4 };

    fn run(learner: LearnerConfig, seed: u64) -> Run {
        let data = DataConfig::new("fashion-mnist-embedded", 100, 10, 10);
        let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
        Run {
            config: RunConfig { data, rotation: None, learner, optimiser, batch: 10, epochs: 1, hardware },
            seed,
        }
    }

    #[test]
    fn a_run_and_those_that_read_it_stay_together_in_order() {
        let (alone, trained) = (run(cre(MODEL, 0.0), 0), run(cre(MODEL, 0.5), 0));
        let of = Features::Trained { run: Box::new(trained.config.clone()) };
        let heads = run(FrozenProbe::new(of, MODEL).into(), 0);
        let runs = crate::local::with_needed(&[alone.clone(), heads.clone()]);
        assert_eq!(units(&runs), [vec![trained, heads], vec![alone]]);
    }

    #[test]
    fn the_parts_of_a_sweep_are_disjoint_and_whole() {
        let all = units(&(0..7).map(|seed| run(cre(MODEL, 0.5), seed)).collect::<Vec<_>>());
        let parts = ["1/3", "2/3", "3/3"].map(|part| part.parse::<Shard>().unwrap().take(all.clone()));
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 2]);
        assert!(all.iter().all(|unit| parts.iter().flatten().filter(|part| *part == unit).count() == 1));
    }

    #[test]
    fn a_part_that_does_not_exist_is_refused_with_how_to_write_one() {
        for text in ["0/3", "4/3", "2", "a/b", "1/0"] {
            assert!(text.parse::<Shard>().unwrap_err().contains("2/5"), "{text}");
        }
    }
}
