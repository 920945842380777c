//! Times our steps beside PyTorch's, window by window, on one machine at one moment.
//!
//! Every program is started once for each workload, mode and number of threads, and warms up. Then they take turns:
//! one window each a round, while the others sleep on their input. A moment that slows one slows all, and the
//! ratios are taken within a round. The protocol is described in `peers/program.rs`.

mod options;
mod workloads;

mod program;
mod rounds;

mod machine;
mod statistics;
mod summary;

mod record;
mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use system::tell;
use system::terminal::tell;

use crate::repo::{Repo, capture, succeeds};
use options::{Call, Options, Peer};
use program::Launch;
use rounds::Cell;
use workloads::{Mode, Work};

/// Our side: the bench of this name, with the protocol of the peers.
const OURS: &str = "peer_side";

/// PyTorch's side, below the root.
const TORCH: &str = "benches/peers/torch_side.py";

/// `cargo xtask peers`.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    match options::read(arguments, machine::cores())? {
        Call::Help => tell(options::HELP),
        Call::Setup => install_torch(repo)?,
        Call::Compare(options) => compare(repo, &options)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the default `--python`.
fn install_torch(repo: &Repo) -> anyhow::Result<()> {
    let venv = repo.join(".tools/peers");
    let made = succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    ensure!(made, "python3 could not make .tools/peers; run `apt-get install python3-venv`");
    tell!("peers: pip installs torch and numpy into .tools/peers (several hundred MB)");
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "torch", "numpy"]);
    ensure!(succeeds(&mut pip)?, "pip could not install torch and numpy (is there a network?)");
    Ok(())
}

fn compare(repo: &Repo, options: &Options) -> anyhow::Result<()> {
    let python = options.python.clone().unwrap_or_else(|| repo.join(".tools/peers/bin/python"));
    capture(Command::new(&python).args(["-c", "import torch"])).with_context(|| {
        format!(
            "{} has no torch; run `cargo xtask peers --setup` or name another with --python",
            python.display()
        )
    })?;
    let ours = match &options.ours {
        Some(path) => path.clone(),
        None => build_ours(repo)?,
    };
    let mut cells = Vec::new();
    for work in works(options) {
        let cell = rounds::run(work, &launches(repo, &ours, &python, &work, options), options)?;
        tell(&table::every_program(std::slice::from_ref(&cell)));
        cells.push(cell);
    }
    let written = record::write(repo, options, &cells)?;
    tell!("peers: wrote {} and its table beside it", written.display());
    require_all(&cells)
}

/// What is asked for, in the order in which it is run.
fn works(options: &Options) -> Vec<Work> {
    let mut works = Vec::new();
    for choice in &options.choices {
        let (workload, batch) = (choice.workload, options.batch.unwrap_or(choice.workload.batch));
        for mode in choice.modes() {
            works.extend(options.threads.iter().map(|&threads| Work { workload, mode, threads, batch }));
        }
    }
    works
}

/// A comparison in which a program failed is still written down, but it is no success.
fn require_all(cells: &[Cell]) -> anyhow::Result<()> {
    let failed = cells.iter().flat_map(|cell| &cell.entries).filter(|entry| entry.failed.is_some()).count();
    ensure!(failed == 0, "{failed} programs failed; the table says why");
    Ok(())
}

/// The programs of one cell; the first is ours.
fn launches(repo: &Repo, ours: &Path, python: &Path, work: &Work, options: &Options) -> Vec<Launch> {
    let on_gpu = options.device != "cpu";
    let on_device = |mut command: Vec<OsString>| {
        if on_gpu {
            command.extend(["--device".into(), options.device.clone().into()]);
        }
        command
    };
    let torch = |variant| {
        let command = vec![python.into(), repo.join(TORCH).into()];
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
    let other = |Peer { name, command }: &Peer| Launch {
        peer: name.clone(),
        variant: "default",
        command: command.clone(),
    };
    launches.extend(options.peers.iter().map(other));
    launches
}

/// Builds our side and asks cargo where it is.
fn build_ours(repo: &Repo) -> anyhow::Result<PathBuf> {
    tell!("peers: building {OURS}");
    let built = repo
        .cargo()
        .args(["build", "--release", "--package", "benches", "--bench", OURS])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(built.status.success(), "cargo could not build bench `{OURS}` of package benches; see above");
    executable_in(&String::from_utf8_lossy(&built.stdout), OURS)
        .with_context(|| format!("cargo names no executable for bench `{OURS}`"))
}

/// Where runs of today on a device are written: `benches/runs/DATE-DEVICE`.
pub(crate) fn folder_of_today(repo: &Repo, device: &str) -> anyhow::Result<PathBuf> {
    Ok(repo.join(format!("benches/runs/{}-{}", machine::today()?, device.replace(':', ""))))
}

/// The path in cargo's message about the artefact called `name`.
pub(crate) fn executable_in(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_cargos_messages() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"tensor"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"peer_side"},"executable":"target/release/deps/peer_side-1"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable_in(messages, OURS), Some(PathBuf::from("target/release/deps/peer_side-1")));
        assert_eq!(executable_in("", OURS), None);
    }
}
