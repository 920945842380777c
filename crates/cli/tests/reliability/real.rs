//! A run of a real model, small enough to be computed a thousand times, and all of its bits.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use models::fc::{Config, Size};
use models::{AdamConfig, Architecture};
use runs::images::{DataConfig, Images};
use runs::learners::{RunConfig, cre};
use runs::run::Run;
use runs::run::keep::Keep;
use runs::store::{Arrays, Epoch, FinishedRun, Results, Store, read_results};
use runs::training::Hardware;
use tensor::Device;

pub(crate) const EPOCHS: u32 = 6;

pub(crate) fn images() -> &'static Images {
    static IMAGES: LazyLock<Images> =
        LazyLock::new(|| Images::open(&DataConfig::new("fashion-mnist-embedded", 40, 10, 20), None).unwrap());
    &IMAGES
}

/// A run of this model.
pub(crate) fn run_of(model: Architecture, lambda: f64) -> Run {
    let (data, learner) = (images().config.clone(), cre(model, lambda));
    let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
    let config = RunConfig { data, rotation: None, learner, optimiser, batch: 10, epochs: EPOCHS, hardware };
    Run { config, seed: 3 }
}

pub(crate) fn fc_s() -> Architecture {
    Architecture::Fc(Config::of(Size::S, 4))
}

/// A store that writes a checkpoint after every epoch.
pub(crate) fn open(root: &Path) -> Store {
    Store::open(root).unwrap().checkpointing_after(Duration::ZERO)
}

/// Finds or resumes the run and completes it; `observe` receives the number of the next epoch.
pub(crate) fn compute(store: &Store, run: &Run, mut observe: impl FnMut(u32)) -> FinishedRun {
    let observe = |epochs: &[Epoch]| observe(epochs.last().map_or(0, |last| last.epoch + 1));
    let spec = run.spec(images());
    match store.find(&spec).unwrap() {
        Some(found) => found,
        None => {
            let folder = store.run(&spec).unwrap();
            run.compute(images(), None, &Device::Cpu, folder, Keep::WhatIsReread, observe).unwrap()
        }
    }
}

/// Starts or resumes the run and abandons it after `epochs` epochs.
pub(crate) fn compute_until(store: &Store, run: &Run, epochs: u32) {
    struct Left;
    let observe = |now| {
        if now > epochs {
            resume_unwind(Box::new(Left));
        }
    };
    let left = catch_unwind(AssertUnwindSafe(|| compute(store, run, observe)));
    assert!(left.is_err_and(|panic| panic.is::<Left>()), "the run was left by something else");
}

/// All bits of a run except its times: parameters, metrics, the hash of each checkpoint, which covers the
/// optimiser state, and the content of its HDF5 file.
#[derive(Debug, PartialEq)]
pub(crate) struct Bits {
    finals: Arrays,
    epochs: Vec<(u32, BTreeMap<String, u64>, Option<String>)>,
    hdf5: Results,
}

impl Bits {
    pub(crate) fn of(run: &FinishedRun) -> Self {
        let of_scalars = |scalars: &BTreeMap<String, f64>| {
            scalars.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect()
        };
        let epochs = run.epochs.iter().map(|epoch| {
            let checkpoint = epoch.checkpoint.clone();
            (epoch.epoch, of_scalars(&epoch.scalars), checkpoint)
        });
        let epochs = epochs.collect();
        Self { finals: run.finals.clone(), epochs, hdf5: untimed(&run.hdf5_file()) }
    }
}

/// The content of a results file without times, and without the commit, which may change during the tests.
pub(crate) fn untimed(file: &Path) -> Results {
    let mut results = read_results(file).unwrap();
    results.variables.remove("seconds");
    results.provenance.remove("commit");
    results
}
