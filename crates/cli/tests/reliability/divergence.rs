//! Tests of non-finite values: the run reports the value, the layer and the step, and results exclude it (row R15).

use models::{Architecture, vit};
use reliability::{Measurement, size};
use runs::local::{Quiet, Resources, run_all};
use runs::run::Run;
use runs::run::keep::Keep;
use runs::store::{Checkpoint, FinishedRun, Outcome, Store, Values};
use tensor::random::Stream;

use crate::real::{compute, compute_until, fc_s, images, open, run_of};

const LAMBDAS: [f64; 3] = [0.0, 0.5, 1.0];
const BAD: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

fn architecture(number: usize) -> Architecture {
    match number % 3 {
        0 => fc_s(),
        1 => Architecture::CnnS { latent_channels: 2, classes: 10 },
        _ => Architecture::Vit(vit::Config::S),
    }
}

/// The epoch and the reason of a run that diverged.
fn diverged(done: &FinishedRun) -> (u32, &str) {
    match &done.outcome {
        Outcome::Diverged { epoch, reason } => (*epoch, reason),
        other => panic!("{other:?}"),
    }
}

/// Copies the run to another store with one element of a parameter replaced in its last checkpoint; returns the parameter.
fn planted(from: &Store, into: &Store, run: &Run, number: u64) -> (String, u32) {
    let spec = run.spec(images());
    let mut good = from.run(&spec).unwrap();
    let epochs = good.epochs().to_vec();
    let Checkpoint { epoch, mut arrays } = good.resume().unwrap().unwrap();
    let mut words = Stream::new(15, "plant").sequence(number);
    let mut below = |n: usize| ((words.uniform() * n as f64) as usize).min(n - 1);
    let names: Vec<String> = arrays.keys().filter(|name| !name.starts_with("adam.")).cloned().collect();
    let name = names[below(names.len())].clone();
    let Values::F32(values) = &mut arrays.get_mut(&name).unwrap().values else {
        panic!("{name} is not in f32")
    };
    let place = below(values.len());
    values[place] = BAD[below(BAD.len())];
    let mut bad = into.run(&spec).unwrap();
    for line in epochs.into_iter().filter(|line| line.epoch <= epoch) {
        match line.epoch == epoch {
            true => bad.record(&Checkpoint { epoch, arrays: arrays.clone() }, line.scalars, line.seconds),
            false => bad.record_without_checkpoint(line.epoch, line.scalars, line.seconds),
        }
        .unwrap();
    }
    (name, epoch)
}

#[test]
fn a_planted_non_finite_value_is_found_and_named() {
    let measured = Measurement::of(
        "R15",
        "a run that stops giving numbers names the first bad operation and never counts",
    );
    let base = tempfile::tempdir().unwrap();
    let n = size(45, 900);
    for number in 0..n {
        let run = run_of(architecture(number), LAMBDAS[number / 3 % 3]);
        let (good, bad) = (open(&base.path().join("good")), open(&base.path().join(format!("bad-{number}"))));
        compute_until(&good, &run, (number / 9 % 3) as u32);
        let (name, epoch) = planted(&good, &bad, &run, number as u64);
        let done = compute(&bad, &run, |_| ());
        let (at, reason) = diverged(&done);
        let place = format!("{name} after epoch {epoch} of {}: {reason}", run.label());
        assert_eq!(at, epoch + 1, "{place}");
        assert!(reason.contains(&format!("`{name}`")) && reason.contains("λ = "), "{place}");
        for folder in ["good".into(), format!("bad-{number}")] {
            std::fs::remove_dir_all(base.path().join(folder)).unwrap();
        }
    }
    measured.part("planted").passed(n, format!("{n} planted in parameters: all named with epoch and λ"));
}

#[test]
fn an_exploding_loss_is_reported_with_its_first_operation_and_the_sweep_continues() {
    let measured = Measurement::of(
        "R15",
        "a run that stops giving numbers names the first bad operation and never counts",
    );
    let folder = tempfile::tempdir().unwrap();
    let mut runs = vec![];
    for number in 0..9 {
        let mut run = run_of(architecture(number), LAMBDAS[number / 3]);
        run.config.epochs = 2;
        let mut wild = run.clone();
        wild.config.optimiser.learning_rate = 1e30;
        runs.extend([run, wild]);
    }
    let data = runs.iter().map(|run| (run.config.data.clone(), std::sync::Arc::new(opened()))).collect();
    let resources =
        Resources { jobs: 2, together: 1, threads: 1, device: "cpu".into(), keep: Keep::WhatIsReread };
    let done = run_all(&open(folder.path()), &data, &runs, &resources, &Quiet).unwrap();
    let mut named = 0;
    for pair in runs.chunks(2) {
        let [good, wild] = [&pair[0], &pair[1]].map(|run| done.get(run).unwrap());
        assert_eq!(good.outcome, Outcome::Finished);
        let (_, reason) = diverged(wild);
        let named_all =
            ["step ", "the first non-finite value is in `", "λ = "].iter().all(|word| reason.contains(word));
        assert!(named_all, "{}: {reason}", pair[1].label());
        assert!(wild.finals.is_empty());
        named += 1;
    }
    measured.part("exploded").passed(
        named,
        format!("{named} exploded in a sweep: first operation and step named, the rest went on"),
    );
}

fn opened() -> runs::images::Images {
    runs::images::Images::open(&images().config, None).unwrap()
}
