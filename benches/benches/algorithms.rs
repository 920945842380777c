//! Trains ResNet9 twice from the same initial parameters, once with Winograd's convolutions and once with direct ones,
//! and prints both losses side by side: `cargo run --release -p benches --bin algorithms -- [STEPS [BATCH]]`.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::Command;

use anyhow::{Context, bail};
use benches::Workload;
use tensor::conv::Algorithm;

/// Set in the processes that train: the algorithm is chosen once in a process.
const IS_TRAINING: &str = "AGON_ALGORITHMS_TRAINS";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| match arguments.next() {
        Some(given) => {
            given.parse().with_context(|| format!("expected a number of steps or images, got {given}"))
        }
        None => Ok(default),
    };
    let (steps, batch) = (number(50)?, number(32)?);
    if std::env::var_os(IS_TRAINING).is_some() {
        return train(steps, batch);
    }
    let [winograd, direct] =
        [("0", Algorithm::Winograd), ("1", Algorithm::Direct)].map(|(is_direct, algorithm)| {
            let arguments = [steps.to_string(), batch.to_string()];
            let mut command = Command::new(std::env::current_exe()?);
            command.args(arguments).env(IS_TRAINING, "1").env("AGON_DIRECT_CONV", is_direct);
            let output = command.output().context("the training process")?;
            if !output.status.success() {
                bail!("training by {} failed: {}", algorithm.name(), String::from_utf8_lossy(&output.stderr));
            }
            losses(&String::from_utf8_lossy(&output.stdout), algorithm)
        });
    let (winograd, direct) = (winograd?, direct?);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "ResNet9, {steps} steps of Adam on one batch of {batch} random images; the loss before each step\n"
    )?;
    writeln!(out, "| step | Winograd | direct | relative difference |\n| ---: | ---: | ---: | ---: |")?;
    for (step, (winograd, direct)) in winograd.iter().zip(&direct).enumerate() {
        let difference = (winograd - direct).abs() / direct.abs();
        writeln!(out, "| {} | {winograd:.6} | {direct:.6} | {difference:.1e} |", step + 1)?;
    }
    Ok(())
}

/// Prints the algorithm and the loss before each step.
fn train(steps: usize, batch: usize) -> anyhow::Result<()> {
    let workload = Workload::named("resnet9", Some(batch)).context("the workload is in the list")?;
    let mut training = workload.training()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", Algorithm::from_environment().name())?;
    for _ in 0..steps {
        writeln!(out, "{}", training.step()?)?;
    }
    Ok(())
}

/// The losses that [`train`] printed.
fn losses(printed: &str, algorithm: Algorithm) -> anyhow::Result<Vec<f64>> {
    let mut lines = printed.lines();
    match lines.next() {
        Some(name) if name == algorithm.name() => {}
        other => bail!("expected training by {}, got {other:?}", algorithm.name()),
    }
    lines.map(|line| line.parse().with_context(|| format!("expected a loss, got {line}"))).collect()
}
