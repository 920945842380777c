//! Times our steps against PyTorch on the same machine in alternating windows.
//!
//! Every program is started once for each workload, mode and number of threads, and warms up. Then each program runs one
//! window per round while the others sleep. Disturbances affect all programs of a round alike, and ratios are computed
//! within a round. The protocol is described in `program.rs`. `cargo xtask peers` builds and runs this.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer tool, whose output is not parsed")]
#![forbid(unsafe_code)]

mod options;
mod workloads;

mod program;
mod rounds;

mod machine;
mod statistics;
mod summary;

mod record;
mod table;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use xshell::{Shell, cmd};

use options::{Baseline, Options};
use program::Launch;
use rounds::Cell;
use workloads::{Mode, Work};

/// Our side: a program of this package with the same protocol.
const OURS: &str = "peer_side";

/// The program for PyTorch, relative to the root.
const TORCH: &str = "benches/peers/torch_side.py";

/// The virtual environment of `--setup`, relative to the root.
const VENV: &str = ".tools/peers";

fn main() -> ExitCode {
    let options = Options::parse();
    let done = root().and_then(|root| if options.setup { setup(&root) } else { compare(&root, &options) });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the checkout of this program, or of the bundle that contains it.
fn root() -> anyhow::Result<PathBuf> {
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Ok(Path::new(&here).parent().context("benches has no parent folder")?.to_owned())
}

/// Creates the default `--python`.
fn setup(root: &Path) -> anyhow::Result<()> {
    let (sh, venv) = (Shell::new()?, root.join(VENV));
    let python = venv.join("bin/python");
    cmd!(sh, "python3 -m venv --clear {venv}")
        .run()
        .with_context(|| format!("cannot make {VENV}; run `apt-get install python3-venv`"))?;
    println!("side-by-side: pip installs torch and numpy into {VENV} (several hundred MB)");
    cmd!(sh, "{python} -m pip install --disable-pip-version-check --quiet torch numpy")
        .run()
        .context("pip cannot install torch and numpy; check the network connection")
}

fn compare(root: &Path, options: &Options) -> anyhow::Result<()> {
    let python = options.python.clone().unwrap_or_else(|| root.join(VENV).join("bin/python"));
    let sh = Shell::new()?;
    cmd!(sh, "{python} -c 'import torch'").quiet().run().with_context(|| {
        format!(
            "{} has no torch; run `cargo xtask peers --setup` or name another with --python",
            python.display()
        )
    })?;
    let ours = match &options.ours {
        Some(path) => path.clone(),
        None => env::current_exe().context("this program has no path")?.with_file_name(OURS),
    };
    let mut cells = Vec::new();
    let file = record::file(root, options)?;
    for work in works(options) {
        let cell = rounds::run(work, &launches(root, &ours, &python, &work, options), options)?;
        print!("{}", table::every_program(std::slice::from_ref(&cell)));
        cells.push(cell);
        record::write(&file, root, options, &cells)?;
    }
    println!("side-by-side: wrote {} and its table beside it", file.display());
    require_all(&cells)
}

/// The selected work, in the order in which it is run.
fn works(options: &Options) -> Vec<Work> {
    let mut works = Vec::new();
    for choice in options.choices() {
        let (workload, batch) = (choice.workload, options.batch.map_or(choice.workload.batch, Into::into));
        for mode in choice.modes() {
            works.extend(options.threads().into_iter().map(|threads| Work {
                workload,
                mode,
                threads,
                batch,
            }));
        }
    }
    works
}

/// Fails if a program failed; the comparison has been recorded.
fn require_all(cells: &[Cell]) -> anyhow::Result<()> {
    let failed = cells.iter().flat_map(|cell| &cell.entries).filter(|entry| entry.failed.is_some()).count();
    ensure!(failed == 0, "{failed} programs failed; the table shows the reasons");
    Ok(())
}

/// The programs of one cell; the first is ours.
fn launches(root: &Path, ours: &Path, python: &Path, work: &Work, options: &Options) -> Vec<Launch> {
    let on_gpu = options.device != "cpu";
    let on_device = |mut command: Vec<OsString>| {
        if on_gpu {
            command.extend(["--device".into(), options.device.clone().into()]);
        }
        command
    };
    let torch = |variant| {
        let command = vec![python.into(), root.join(TORCH).into()];
        Launch { peer: "torch".into(), variant, command: on_device(command) }
    };
    let agon = |variant| Launch { peer: "agon".into(), variant, command: on_device(vec![ours.into()]) };
    let ours = match (on_gpu, work.mode) {
        (false, _) => vec!["default"],
        (true, Mode::Train) => vec!["graph", "eager"],
        (true, Mode::Infer) => vec!["eager"],
    };
    let mut launches: Vec<Launch> = ours.into_iter().map(agon).collect();
    launches.extend(work.workload.torch_variants(work.mode, on_gpu).into_iter().map(torch));
    let other = |Baseline { name, command }: &Baseline| Launch {
        peer: name.clone(),
        variant: "default",
        command: command.clone(),
    };
    launches.extend(options.baselines.iter().map(other));
    launches
}
