//! Bundles the GPU tests and benchmarks in a folder that runs without Rust.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use xshell::cmd;

use crate::kernels;
use crate::repo::{Repo, executables};
use system::status;

/// The options of `cargo xtask gpu`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only create the bundle: copy this folder to a machine with a GPU and call its run.sh
    #[arg(long, value_name = "FOLDER")]
    bundle: Option<PathBuf>,
    /// The GPU
    #[arg(long, default_value = "cuda:0")]
    device: String,
}

/// The folder of the bundle if it is run here.
const HERE: &str = "target/gpu";

/// The script of the bundle; `$1` is the device.
const RUN: &str = r#"#!/bin/sh
# Asks a GPU everything: every operation against its reference, recorded steps against launched ones, the memory and
# race checkers, and training side by side with PyTorch where python3 has torch. Writes results/.
set -u
cd "$(dirname "$0")" || exit 1
device="${1:-cuda:0}"
export AGON_TEST_DEVICE="$device" CARGO_MANIFEST_DIR="$PWD/benches"
mkdir -p results
failed=0

step() {
    name="$1"; shift
    printf '== %s\n' "$name"
    if "$@" >"results/$name.log" 2>&1; then tail -n 3 "results/$name.log"; else
        failed=$((failed + 1)); printf 'FAILED: results/%s.log ends with\n' "$name"; tail -n 20 "results/$name.log"
    fi
}

nvidia-smi >results/nvidia-smi.log 2>&1
step device-tests ./ops --ignored --test-threads 1
if command -v compute-sanitizer >/dev/null; then
    step memory-checker compute-sanitizer --tool memcheck --error-exitcode 9 ./ops --ignored --test-threads 1
    step race-checker compute-sanitizer --tool racecheck --error-exitcode 9 ./ops --ignored --test-threads 1
else
    echo '== not run: the memory and race checkers (compute-sanitizer is not on the PATH)'
fi
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    for only in operations fc_m/train,vit_s/train,cnn_l/train,resnet9/train,vit_cre/train,resnet_ae/train; do
        step "side-by-side-${only%%/*}" ./side-by-side --device "$device" --python python3 --only "$only" \
            --rounds 7 --window-s 0.5 --out results --name "${only%%/*}"
    done
else
    echo '== not run: side by side with PyTorch (python3 has no torch that sees a GPU)'
fi
[ "$failed" -eq 0 ] && echo 'all that was run has passed' || echo "$failed steps failed"
exit "$failed"
"#;

/// `cargo xtask gpu`.
pub(crate) fn run(repo: &Repo, options: &Options) -> anyhow::Result<()> {
    let Options { bundle, device } = options;
    // The argument is relative to the current folder of the caller.
    let folder = match bundle {
        Some(folder) => std::path::absolute(folder).context("cannot find the current folder")?,
        None => repo.join(HERE),
    };
    put_together(repo, &folder)?;
    if bundle.is_some() {
        status!("gpu: copy {} to a machine with a GPU and call its run.sh", folder.display());
        return Ok(());
    }
    let script = folder.join("run.sh");
    let outcome = cmd!(repo.sh, "sh {script} {device}").run();
    let date = cmd!(repo.sh, "date +%F").quiet().read()?;
    let results = format!("benches/runs/{date}-{}", device.replace(':', ""));
    copy_all(repo, &folder.join("results"), Path::new(&results))?;
    status!("gpu: the results are in {results}");
    outcome.context("a step on the GPU failed")
}

/// Compiles kernels, tests and programs, and copies their files beside `run.sh`.
fn put_together(repo: &Repo, folder: &Path) -> anyhow::Result<()> {
    kernels::run(repo, &kernels::Options::default())?;
    let (sh, json) = (&repo.sh, "--message-format=json-render-diagnostics");
    let built = [
        cmd!(sh, "cargo test --release --no-run --package kernels --test ops {json}").read()?,
        cmd!(sh, "cargo build --release --package benches --bins {json}").read()?,
    ];
    let programs = executables(&built.join("\n"));
    sh.create_dir(folder)?;
    for name in ["ops", "side-by-side", "peer_side"] {
        let program = programs.get(name).with_context(|| format!("cargo built no program `{name}`"))?;
        sh.copy_file(program, folder.join(name))?;
    }
    copy_all(repo, Path::new("benches/peers"), &folder.join("benches/peers"))?;
    Ok(sh.write_file(folder.join("run.sh"), RUN)?)
}

/// Copies the files of a folder, not recursively.
fn copy_all(repo: &Repo, from: &Path, to: &Path) -> anyhow::Result<()> {
    repo.sh.create_dir(to)?;
    for path in repo.sh.read_dir(from)?.into_iter().filter(|path| path.is_file()) {
        repo.sh.copy_file(&path, to.join(path.file_name().context("a file has a name")?))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_script_is_valid_shell_and_reports_skipped_steps() {
        let repo = Repo::of_this_program().unwrap();
        cmd!(repo.sh, "sh -n").stdin(RUN).run().unwrap();
        assert_eq!(RUN.matches("== not run:").count(), 2);
    }

    #[test]
    fn files_are_copied_without_subfolders() {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::at(folder.path()).unwrap();
        fs::create_dir_all(repo.join("from/below")).unwrap();
        fs::write(repo.join("from/a.py"), "1").unwrap();
        copy_all(&repo, Path::new("from"), Path::new("to")).unwrap();
        assert_eq!(fs::read_to_string(repo.join("to/a.py")).unwrap(), "1");
        assert!(!repo.join("to/below").exists());
        assert!(copy_all(&repo, Path::new("nowhere"), Path::new("to")).is_err());
    }
}
