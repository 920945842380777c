//! Tests that stages complete in order, and that the parameters that other runs read are stored.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use models::fc::{self, Size};
use models::{AdamConfig, Architecture};

use super::*;
use crate::images::DataConfig;
use crate::learners::frozen_probe::Features;
use crate::learners::{FrozenProbe, RunConfig, cre};
use crate::names::PARAMETERS;
use crate::training::Hardware;

/// Counts the runs that are computed.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Observer for Counting {
    fn found(&self, _: &Run, _: &FinishedRun) {}
    fn epochs(&self, _: &Run, _: &[Epoch], _: usize) {}
    fn finished(&self, _: &Run, _: &FinishedRun) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn note(&self, _: &str) {}
}

fn run(seed: u64) -> Run {
    let learner = cre(Architecture::Fc(fc::Config::of(Size::S, 2)), 0.5);
    let data = DataConfig::new("fashion-mnist-embedded", 20, 10, 10);
    let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
    let config = RunConfig { data, rotation: None, learner, optimiser, batch: 10, epochs: 1, hardware };
    Run { config, seed }
}

/// New heads on the encoder of a run.
fn probe(of: &Run) -> Run {
    let model = of.config.learner.architecture().unwrap();
    let features = Features::Trained { run: Box::new(of.config.clone()) };
    let config = RunConfig { learner: FrozenProbe::new(features, model).into(), ..of.config.clone() };
    Run { config, seed: of.seed }
}

fn stage(name: &str, runs: &[Run]) -> Stage {
    Stage { name: name.into(), runs: with_needed(runs) }
}

fn resources(jobs: usize) -> Resources {
    Resources { jobs, together: 1, threads: 1, device: "cpu".into(), keep: Keep::WhatIsReread }
}

fn has_parameters(run: &FinishedRun) -> bool {
    run.finals.keys().any(|name| name.starts_with(PARAMETERS))
}

#[test]
fn stages_are_complete_in_their_order_with_shared_runs_computed_once() {
    let stages = Stages {
        stages: vec![
            stage("first", &[run(0), run(1)]),
            stage("nothing new", &[run(1)]),
            stage("last", &[probe(&run(0)), run(2)]),
        ],
        encoders: [name(&run(2))].into(),
        ..Stages::default()
    };
    let data = open_data(stages.runs().map(|(.., run)| run), None).unwrap().open;
    for jobs in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (counting, mut complete) = (Counting::default(), Vec::new());
        run_stages(&store, &data, &stages, &resources(jobs), &counting, |at, finished| {
            assert!(stages.stages[at].runs.iter().all(|run| finished.get(run).is_some()));
            complete.push((at, finished.all().count()));
            for run in finished.all() {
                // The encoder of the probe, and the run that later sweeps read.
                let is_read = [&self::run(0), &self::run(2)]
                    .iter()
                    .any(|read| run.spec == read.spec(&data[&read.config.data]));
                assert_eq!(has_parameters(run), is_read, "{at}");
            }
            Ok::<(), Error>(())
        })
        .unwrap();
        assert_eq!(complete, [(0, 2), (1, 1), (2, 3)]);
        assert_eq!(counting.0.into_inner(), 4);
    }
}

/// Records the seed and the last epoch of every event.
#[derive(Default)]
struct Epochs(Mutex<Vec<(u64, Option<u32>)>>);

impl Observer for Epochs {
    fn found(&self, _: &Run, _: &FinishedRun) {}
    fn epochs(&self, run: &Run, epochs: &[Epoch], _: usize) {
        self.0.lock().unwrap().push((run.seed, epochs.last().map(|epoch| epoch.epoch)));
    }
    fn finished(&self, _: &Run, _: &FinishedRun) {}
    fn note(&self, _: &str) {}
}

#[test]
fn runs_that_differ_in_lambda_and_seed_only_are_trained_together_with_the_same_results() {
    let other_lambda = |seed| {
        let mut run = run(seed);
        run.config.learner.set_lambda(0.25);
        run
    };
    let mut larger = run(7);
    larger.config.batch = 20;
    let runs = [run(0), larger.clone(), other_lambda(1), run(2), run(3), probe(&run(0))];
    assert_eq!(runs[0].trained_with(), runs[2].trained_with());
    assert!(runs[0].trained_with() != larger.trained_with() && runs[5].trained_with().is_none());
    let data = open_data(&runs, None).unwrap().open;
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let stores = folders.each_ref().map(|folder| Store::open(folder.path()).unwrap());
    let alone = run_all(&stores[0], &data, &runs, &resources(1), &Quiet).unwrap();
    // A run that is stored takes no place in the program.
    run_all(&stores[1], &data, &[run(2)], &resources(1), &Quiet).unwrap();
    let (resources, observer) = (Resources { together: 3, ..resources(1) }, Epochs::default());
    let together = run_all(&stores[1], &data, &runs, &resources, &observer).unwrap();
    for run in &runs {
        let [expected, got] = [&alone, &together].map(|done| done.get(run).unwrap());
        assert_eq!((&got.outcome, &got.finals), (&expected.outcome, &expected.finals), "{}", run.label());
        assert_eq!(got.epochs.len(), expected.epochs.len());
        assert!(expected.epochs.iter().zip(&got.epochs).all(|(was, is)| was.difference(is).is_none()));
    }
    let order = [(0, None), (1, None), (3, None), (0, Some(0)), (1, Some(0)), (3, Some(0))];
    assert_eq!(observer.0.into_inner().unwrap()[..6], order);
}

#[test]
fn an_error_of_a_complete_stage_ends_the_sweep_and_keeps_stored_runs() {
    let stages =
        Stages { stages: (0..3).map(|seed| stage("one", &[run(seed)])).collect(), ..Stages::default() };
    let data = open_data(stages.runs().map(|(.., run)| run), None).unwrap().open;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut calls = 0;
    let refused = run_stages(&store, &data, &stages, &resources(1), &Quiet, |_, _| {
        calls += 1;
        Err(Error::Usage("no".into()))
    });
    assert!(matches!(refused, Err(Error::Usage(_))) && calls == 1);
    let stored = stored(&store, &data, &[run(0)]).unwrap();
    assert!(stored.get(&run(0)).is_some());
}

#[test]
fn a_run_that_is_read_now_is_computed_again_if_its_parameters_are_not_stored() {
    let data = open_data([&run(0)], None).unwrap().open;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let alone = run_all(&store, &data, &[run(0)], &resources(1), &Quiet).unwrap();
    let both = run_all(&store, &data, &with_needed(&[probe(&run(0))]), &resources(1), &Quiet).unwrap();
    let [before, after] = [&alone, &both].map(|done| done.get(&run(0)).unwrap());
    assert!(!has_parameters(before) && has_parameters(after));
    assert!(before.epochs.iter().zip(&after.epochs).all(|(was, is)| was.difference(is).is_none()));
}
