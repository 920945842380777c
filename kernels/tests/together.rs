//! Tests that runs that are trained as one program on the emulated device have the bits of each run alone.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::Duration;

use kernels::Setting;
use models::fc::{self, Size};
use models::{AdamConfig, Architecture};
use runs::images::{DataConfig, Images};
use runs::learners::{RunConfig, cre};
use runs::run::Run;
use runs::run::keep::Keep;
use runs::run::together::{OpenRun, compute_together};
use runs::store::{Epoch, FinishedRun, Outcome, Store};
use runs::training::Hardware;
use tempfile::TempDir;
use tensor::Device;

/// The images are shared by all tests, so that their principal components are computed once. They are few: the
/// emulator takes seconds for a step of a convolutional model.
static IMAGES: LazyLock<Images> =
    LazyLock::new(|| Images::open(&DataConfig::new("fashion-mnist-embedded", 6, 0, 2), None).unwrap());

/// A run of three steps in an epoch: the first is recorded, the others are replayed.
fn run(model: Architecture, lambda: f64, seed: u64, epochs: u32) -> Run {
    let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cuda);
    let (data, learner) = (IMAGES.config.clone(), cre(model, lambda));
    Run { config: RunConfig { data, rotation: None, learner, optimiser, batch: 2, epochs, hardware }, seed }
}

fn fc_s() -> Architecture {
    Architecture::Fc(fc::Config::of(Size::S, 4))
}

fn device() -> Device {
    Setting::ALL[2].device()
}

/// A store that writes a checkpoint in every epoch.
fn store(folder: &TempDir) -> Store {
    Store::open(folder.path()).unwrap().checkpointing_after(Duration::ZERO)
}

fn alone(run: &Run) -> FinishedRun {
    let folder = tempfile::tempdir().unwrap();
    let of_run = store(&folder).run(&run.spec(&IMAGES)).unwrap();
    run.compute(&IMAGES, None, &device(), of_run, Keep::EveryParameter, |_| ()).unwrap()
}

/// Computes runs as one program; `observe` receives the index of a run and its epochs.
fn together(folder: &TempDir, runs: &[Run], observe: &mut dyn FnMut(usize, &[Epoch])) -> Vec<FinishedRun> {
    let store = store(folder);
    let open = |run| {
        let folder = store.run(&Run::spec(run, &IMAGES)).unwrap();
        OpenRun { run, needed: None, folder, keep: Keep::EveryParameter }
    };
    let done = compute_together(runs.iter().map(open).collect(), &IMAGES, &device(), observe);
    done.into_iter().collect::<runs::Result<_>>().unwrap()
}

fn assert_equal(runs: &[Run], together: &[FinishedRun]) {
    assert_eq!(runs.len(), together.len());
    for (run, got) in runs.iter().zip(together) {
        let (expected, label) = (alone(run), run.label());
        assert_eq!(got.spec.key(), expected.spec.key(), "{label}");
        assert_eq!(got.outcome, expected.outcome, "{label}");
        assert_eq!(got.epochs.len(), expected.epochs.len(), "{label}");
        for (got, expected) in got.epochs.iter().zip(&expected.epochs) {
            assert_eq!(expected.difference(got), None, "{label}");
        }
        assert_eq!(got.finals, expected.finals, "{label}");
    }
}

/// Four values of λ with two seeds.
fn grid(model: Architecture, epochs: u32) -> Vec<Run> {
    let seeds = [0, 1];
    let cells = [0.0, 0.25, 0.75, 1.0].into_iter().flat_map(|lambda| seeds.map(|seed| (lambda, seed)));
    cells.map(|(lambda, seed)| run(model, lambda, seed, epochs)).collect()
}

fn have_the_bits_of_runs_alone(runs: &[Run], epochs: u32) {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        runs.iter().all(|run| run.trained_with().is_some() && run.trained_with() == runs[0].trained_with())
    );
    let mut first = vec![];
    let done = together(&folder, runs, &mut |place, epochs| first.push((place, epochs.len())));
    assert!(done.iter().all(|run| run.outcome == Outcome::Finished));
    // Every run computes an epoch before one of them computes the next.
    let expected = (0..=epochs as usize + 1).flat_map(|n| (0..runs.len()).map(move |place| (place, n)));
    assert!(first.into_iter().eq(expected));
    assert_equal(runs, &done);
}

#[test]
fn eight_fully_connected_runs_together_have_the_bits_of_each_alone() {
    have_the_bits_of_runs_alone(&grid(fc_s(), 1), 1);
}

/// Two runs, because the emulator takes seconds for a step of each.
#[test]
fn two_convolutional_runs_together_have_the_bits_of_each_alone() {
    let model = Architecture::CnnS { latent_channels: 2, classes: 10 };
    have_the_bits_of_runs_alone(&[run(model, 0.25, 0, 1), run(model, 0.75, 1, 1)], 1);
}

#[test]
fn a_run_that_diverges_or_is_refused_by_its_model_changes_no_bit_of_the_others() {
    let mut runs: Vec<Run> = (0..4).map(|seed| run(fc_s(), 0.5, seed, 2)).collect();
    runs[1].config.optimiser.learning_rate = 1e30;
    runs[2].config.learner = cre(Architecture::CnnS { latent_channels: 0, classes: 10 }, 0.5);
    let folder = tempfile::tempdir().unwrap();
    let done = together(&folder, &runs, &mut |_, _| ());
    assert!(matches!(done[1].outcome, Outcome::Diverged { epoch: 1, .. }), "{:?}", done[1].outcome);
    assert!(matches!(done[2].outcome, Outcome::Failed { .. }), "{:?}", done[2].outcome);
    assert!([0, 3].iter().all(|&place| done[place].outcome == Outcome::Finished));
    assert_equal(&runs, &done);
}

/// The process ends when some runs have stored an epoch that others have not.
#[test]
fn runs_that_were_stopped_at_different_epochs_go_on_together_with_the_same_bits() {
    let runs: Vec<Run> = (0..3).map(|seed| run(fc_s(), 0.5, seed, 2)).collect();
    let folder = tempfile::tempdir().unwrap();
    let stopped = catch_unwind(AssertUnwindSafe(|| {
        together(&folder, &runs, &mut |place, epochs| {
            assert!((place, epochs.len()) != (1, 2), "a planted stop")
        })
    }));
    assert!(stopped.is_err());
    let n_stored = |run: &Run| store(&folder).run(&run.spec(&IMAGES)).unwrap().epochs().len();
    assert_eq!(runs.iter().map(n_stored).collect::<Vec<_>>(), [2, 2, 1]);
    assert_equal(&runs, &together(&folder, &runs, &mut |_, _| ()));
}
