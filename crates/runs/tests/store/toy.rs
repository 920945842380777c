//! A training run small enough to be killed often: deterministic, with values that are hard to serialize.

use std::collections::BTreeMap;
use std::path::Path;

use agon_runs::store::{
    Array, Arrays, Checkpoint, DataId, Epoch, FinishedRun, Outcome, Result, RunSpec, Store, Values,
};
use serde_json::{Map, json};

pub(crate) fn spec(seed: u64) -> RunSpec {
    RunSpec {
        config: json!({ "model": "toy", "lambda": 0.1, "epochs": 12 }),
        seed,
        data: DataId { name: "none".into(), sha256: "00".repeat(32), classes: vec![] },
        schema: 1,
    }
}

/// Opens a store on the real disk, with a provenance.
pub(crate) fn open(root: &Path) -> Store {
    let provenance = json!({ "commit": "0123abc", "device": "cpu", "threads": 2 });
    Store::open(root).unwrap().with_provenance(provenance.as_object().unwrap().clone())
}

/// The training state: each step depends on every bit of it.
pub(crate) struct Toy {
    epoch: u32,
    weights: Vec<f32>,
    momentum: Vec<f64>,
}

impl Toy {
    pub(crate) fn begin(spec: &RunSpec) -> Toy {
        let momentum = (0..64).map(|i| (spec.seed as f64 + f64::from(i)).sin()).collect();
        Toy { epoch: 0, weights: vec![0.1; 64], momentum }
    }

    fn from(checkpoint: Checkpoint) -> Toy {
        let mut arrays = checkpoint.arrays;
        let mut values = |name: &str| arrays.remove(name).unwrap().values;
        match (values("weights"), values("momentum")) {
            (Values::F32(weights), Values::F64(momentum)) => {
                Toy { epoch: checkpoint.epoch, weights, momentum }
            }
            other => panic!("{other:?}"),
        }
    }

    /// Trains for one epoch; returns what is recorded.
    pub(crate) fn step(&mut self) -> (Checkpoint, BTreeMap<String, f64>) {
        self.epoch += 1;
        for (w, m) in self.weights.iter_mut().zip(&mut self.momentum) {
            *m = (0.9 * *m + f64::from(*w) + f64::from(self.epoch)).cos();
            *w += 0.1 * *m as f32;
        }
        let mut scalars = BTreeMap::from([("loss".to_owned(), self.momentum.iter().sum())]);
        if self.epoch.is_multiple_of(3) {
            scalars.insert("test/loss".into(), f64::NAN);
        }
        (self.checkpoint(), scalars)
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint { epoch: self.epoch, arrays: self.finals() }
    }

    pub(crate) fn finals(&self) -> Arrays {
        let momentum = Array { shape: vec![64], values: Values::F64(self.momentum.clone()) };
        let weights = Array { shape: vec![8, 8], values: Values::F32(self.weights.clone()) };
        BTreeMap::from([("momentum".into(), momentum), ("weights".into(), weights)])
    }
}

/// Finds or resumes the run and completes it; `recorded` is called after each recorded epoch.
pub(crate) fn compute(
    store: &Store,
    spec: &RunSpec,
    epochs: u32,
    mut recorded: impl FnMut(u32),
) -> Result<FinishedRun> {
    if let Some(run) = store.find(spec)? {
        return Ok(run);
    }
    let mut folder = store.run(spec)?;
    let mut toy = folder.resume()?.map_or_else(|| Toy::begin(spec), Toy::from);
    while toy.epoch < epochs {
        let (checkpoint, scalars) = toy.step();
        folder.record(&checkpoint, scalars, 0.5)?;
        recorded(toy.epoch);
    }
    folder.finish(Outcome::Finished, &toy.finals())
}

/// Checks that both runs and their folders are bit-identical and contain no other files.
pub(crate) fn assert_same(a: &FinishedRun, b: &FinishedRun) {
    assert_eq!((&a.spec, &a.outcome, &a.finals), (&b.spec, &b.outcome, &b.finals));
    assert_same_epochs(&a.epochs, &b.epochs);
    assert_eq!(a.epochs.len(), b.epochs.len());
    for run in [a, b] {
        let names = ["final.safetensors", "journal.jsonl", "lock", "run.h5", "run.h5.sha256"];
        assert_eq!(names_in(&run.folder), names);
    }
    for name in ["final.safetensors", "journal.jsonl", "run.h5"] {
        let [a, b] = [a, b].map(|run| std::fs::read(run.folder.join(name)).unwrap());
        assert!(a == b, "{name} differs");
    }
}

/// Checks that the shorter list is a prefix of the other.
pub(crate) fn assert_same_epochs(a: &[Epoch], b: &[Epoch]) {
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.difference(b), None);
    }
}

/// The names of the files in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A provenance that differs from that of [`open`].
pub(crate) fn other_provenance() -> Map<String, serde_json::Value> {
    json!({ "commit": "4567def" }).as_object().unwrap().clone()
}
