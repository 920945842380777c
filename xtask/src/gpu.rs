//! Everything that a GPU has to be asked, as a folder that needs no Rust where it runs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use system::tell;
use system::terminal::tell;

use crate::args::{Reader, Usage};
use crate::repo::{Repo, succeeds};
use crate::{kernels, peers};

const HELP: &str = "\
usage: cargo xtask gpu [OPTION...]

  --bundle FOLDER    only put together what runs on a machine with a GPU: copy the folder there, call run.sh
  --device DEVICE    which GPU (cuda:0)
";

/// Where the bundle goes if it is run here.
const HERE: &str = "target/gpu";

/// What the bundle does; `$1` is the device.
const RUN: &str = r#"#!/bin/sh
# Asks a GPU everything: every operation against its reference, recorded steps against launched ones, the memory and
# race checkers, and training side by side with PyTorch where python3 has torch. Writes results/.
set -u
cd "$(dirname "$0")" || exit 1
device="${1:-cuda:0}"
export AGON_TEST_DEVICE="$device" CARGO_MANIFEST_DIR="$PWD/xtask"
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
        step "side-by-side-${only%%/*}" ./xtask-program peers --device "$device" --python python3 --ours ./peer_side \
            --only "$only" --rounds 7 --window-s 0.5 --out results --name "${only%%/*}"
    done
else
    echo '== not run: side by side with PyTorch (python3 has no torch that sees a GPU)'
fi
[ "$failed" -eq 0 ] && echo 'all that was run has passed' || echo "$failed steps failed"
exit "$failed"
"#;

/// `cargo xtask gpu`.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let (mut bundle, mut device) = (None, "cuda:0".to_owned());
    let mut reader = Reader::new(arguments);
    while let Some(option) = reader.option()? {
        match option {
            "--help" | "-h" => {
                tell(HELP);
                return Ok(ExitCode::SUCCESS);
            }
            "--bundle" => bundle = Some(reader.value::<PathBuf>(option, "a folder")?),
            "--device" => device = reader.value(option, "a device such as cuda:0")?,
            other => return Err(Usage(format!("no option `{other}`\n\n{HELP}")).into()),
        }
    }
    let only_bundle = bundle.is_some();
    let folder = bundle.unwrap_or_else(|| repo.join(HERE));
    put_together(repo, &folder)?;
    if only_bundle {
        tell!("gpu: copy {} to a machine with a GPU and call its run.sh", folder.display());
        return Ok(ExitCode::SUCCESS);
    }
    let passed = succeeds(Command::new("sh").arg(folder.join("run.sh")).arg(&device))?;
    let results = peers::folder_of_today(repo, &device)?;
    copy_all(&folder.join("results"), &results)?;
    tell!("gpu: the results are in {}", results.display());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compiles kernels, tests and benches, and copies what they need beside `run.sh`.
fn put_together(repo: &Repo, folder: &Path) -> anyhow::Result<()> {
    kernels::build(repo)?;
    make(folder)?;
    make(&folder.join("xtask"))?;
    for (what, name) in [
        (["--package", "kernels", "--test", "ops"], "ops"),
        (["--package", "benches", "--bench", "peer_side"], "peer_side"),
        (["--package", "xtask", "--bin", "xtask"], "xtask-program"),
    ] {
        let program = build(repo, &what)?;
        copy(&program, &folder.join(name))?;
    }
    copy_all(&repo.join("benches/peers"), &folder.join("benches/peers"))?;
    let script = folder.join("run.sh");
    fs::write(&script, RUN).with_context(|| format!("cannot write {}", script.display()))
}

/// Builds one program in the release profile and asks cargo where it is.
fn build(repo: &Repo, what: &[&str]) -> anyhow::Result<PathBuf> {
    tell!("gpu: building {}", what.join(" "));
    let built = repo
        .cargo()
        .arg(if what.contains(&"--test") { "test" } else { "build" })
        .args(if what.contains(&"--test") { &["--no-run"][..] } else { &[] })
        .args(["--release", "--message-format=json-render-diagnostics"])
        .args(what)
        .current_dir(repo.root())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(built.status.success(), "cargo could not build {}; see above", what.join(" "));
    let name = what.last().expect("a program has a name");
    peers::executable_in(&String::from_utf8_lossy(&built.stdout), name)
        .with_context(|| format!("cargo names no executable for `{name}`"))
}

fn make(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Copies the files of a folder, without those below it.
fn copy_all(from: &Path, to: &Path) -> anyhow::Result<()> {
    make(to)?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", from.display()))?.path();
        if path.is_file() {
            copy(&path, &to.join(path.file_name().expect("a file has a name")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_one_that_a_shell_can_read_and_names_what_it_skips() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("run.sh");
        fs::write(&script, RUN).unwrap();
        assert!(succeeds(Command::new("sh").arg("-n").arg(&script)).unwrap());
        assert_eq!(RUN.matches("== not run:").count(), 2);
    }

    #[test]
    fn files_are_copied_and_folders_left() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        make(&from.join("below")).unwrap();
        fs::write(from.join("a.py"), "1").unwrap();
        copy_all(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("a.py")).unwrap(), "1");
        assert!(!to.join("below").exists());
        assert!(
            copy_all(&folder.path().join("nowhere"), &to).unwrap_err().to_string().contains("cannot read")
        );
    }
}
