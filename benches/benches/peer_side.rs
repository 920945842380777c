//! Our side of the comparison `cargo xtask peers`: a program that times steps on request.
//!
//! It warms up, prints the ready line, then for each line `window SECONDS` on its input runs complete steps for at least
//! that long and prints their time; `quit` ends it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer tool, whose output is not parsed")]
#![forbid(unsafe_code)]

use std::io::{BufRead, Write};
use std::time::Instant;

use benches::{NAMES, OPERATIONS, Operation, Result, Workload};
use serde_json::json;
use tensor::Device;

/// At least this many steps and this many seconds before the first window.
const WARM_UP: (usize, f64) = (3, 1.5);

/// After this many seconds the warm-up ends before three steps.
const WARM: f64 = 20.0;

fn main() {
    let argument = |name: &str| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        arguments.nth(1)
    };
    let Some(name) = argument("--workload") else {
        refuse("expected `--workload NAME`; `cargo xtask peers` calls this program")
    };
    let threads = argument("--threads").and_then(|threads| threads.parse().ok()).unwrap_or(1);
    let batch = argument("--batch").and_then(|batch| batch.parse().ok());
    let device = argument("--device").unwrap_or_else(|| "cpu".into()).parse();
    let device: Device = device.unwrap_or_else(|error| refuse(&format!("{error}")));
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("the threads can be started");
    if OPERATIONS.contains(&&*name) {
        let outcome = pool.install(|| serve_operation(&name, &device));
        return outcome.unwrap_or_else(|error| refuse(&error.to_string()));
    }
    let Some(workload) = Workload::named(&name, batch) else {
        refuse(&format!("no workload `{name}`; there are {}, {}", NAMES.join(", "), OPERATIONS.join(", ")))
    };
    let workload = workload.to_device(&device).unwrap_or_else(|error| refuse(&error.to_string()));
    let mode = argument("--mode").unwrap_or_else(|| "train".into());
    let variant = argument("--variant").unwrap_or_else(|| "default".into());
    pool.install(|| serve(&workload, &mode, &variant)).unwrap_or_else(|error| refuse(&error.to_string()));
}

/// Ends the program with an error.
fn refuse(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2);
}

/// The number of recorded steps between synchronisations.
const RECORDED_STEPS: usize = 20;

fn serve(workload: &Workload, mode: &str, variant: &str) -> Result<()> {
    let mut training = workload.training()?;
    // A recorded step reads the labels from the memory of the first one.
    let loss = if mode == "infer" { workload.infer()? } else { training.step()? };
    let some_steps = || match (mode, variant) {
        ("infer", _) => Ok((1, workload.infer()?)),
        (_, "graph") => Ok((RECORDED_STEPS, training.steps_recorded(RECORDED_STEPS)?)),
        _ => Result::Ok((1, training.step()?)),
    };
    let (params, batch) = (workload.n_params(), workload.batch());
    answer(
        &json!({ "variant": variant, "mode": mode, "params": params, "batch": batch, "loss": loss }),
        some_steps,
    )
}

/// An operation has no loss and no batch, and `params` is its number of input elements.
fn serve_operation(name: &str, device: &Device) -> Result<()> {
    let mut operation = Operation::named(name, device)?.expect("the name is in the list");
    let ready = json!({ "variant": "default", "mode": "train", "params": operation.elements(), "batch": 1, "loss": 0.0 });
    let at_once = if *device == Device::Cpu { 1 } else { RECORDED_STEPS };
    answer(&ready, || {
        (0..at_once).try_for_each(|_| operation.run())?;
        if let Device::Cuda(gpu) = device {
            gpu.wait()?;
        }
        Ok((at_once, 0.0))
    })
}

/// Warms up, prints the ready line, and runs windows until `quit`. `some_steps` returns the number of steps and the last
/// loss.
fn answer(ready: &serde_json::Value, mut some_steps: impl FnMut() -> Result<(usize, f64)>) -> Result<()> {
    let (start, mut steps) = (Instant::now(), 0);
    let elapsed = || start.elapsed().as_secs_f64();
    while (steps < WARM_UP.0 && elapsed() < WARM) || elapsed() < WARM_UP.1 {
        steps += some_steps()?.0;
    }
    let mut line = json!({ "ready": true, "peer": "agon", "version": env!("CARGO_PKG_VERSION") });
    if let (Some(line), Some(ready)) = (line.as_object_mut(), ready.as_object()) {
        line.extend(ready.clone());
    }
    say(&line);
    for line in std::io::stdin().lock().lines().map_while(|line| line.ok()) {
        let Some(seconds) = line.strip_prefix("window ").and_then(|s| s.trim().parse::<f64>().ok()) else {
            say(&json!({ "peak_rss_mib": peak_rss_mib() }));
            break;
        };
        let (start, cpu, mut steps, mut loss) = (Instant::now(), cpu_seconds(), 0, 0.0);
        while steps == 0 || start.elapsed().as_secs_f64() < seconds {
            let (done, last) = some_steps()?;
            (steps, loss) = (steps + done, last);
        }
        let wall = start.elapsed().as_secs_f64();
        say(&json!({ "steps": steps, "wall_s": wall, "cpu_s": cpu_seconds() - cpu, "loss": loss }));
    }
    Ok(())
}

/// The peak resident memory of this process, in MiB.
fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
}

fn say(line: &serde_json::Value) {
    println!("{line}");
    std::io::stdout().flush().expect("the output is a pipe to the caller");
}

/// The CPU time of this process so far, in seconds, over all its threads.
fn cpu_seconds() -> f64 {
    // Fields 14 and 15, counted from 1, are user and system time in hundredths of a second; the name in
    // field 2 may hold spaces, so counting starts behind its bracket.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
