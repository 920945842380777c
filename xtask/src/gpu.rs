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

/// The test programs of the bundle, all of the package `kernels`.
const TESTS: [&str; 7] = ["ops", "models", "training", "learners", "masks", "together", "tape"];

/// The script of the bundle; `$1` is the device.
const RUN: &str = r#"#!/bin/sh
# Runs all checks on a GPU: every test that runs on the emulated device, with other numbers of SMs and poisoned memory too, the
# four memory checkers, and training side by side with PyTorch where python3 has torch. Writes results/.
#
# Each test is a process of its own with a time limit: after an illegal access a context only repeats its error, and every
# later test of the process would fail with it.
set -u
cd "$(dirname "$0")" || exit 1
device="${1:-cuda:0}"
limit="${AGON_TEST_SECONDS:-60}"
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

# each NAME SECONDS PROGRAM PATTERN COMMAND..: the tests of a program whose names match, each by COMMAND PROGRAM --exact TEST.
each() {
    name="$1"; seconds="$2"; program="$3"; pattern="$4"; shift 4
    log="results/$name.log"
    passed=0; wrong=0
    : >"$log"
    for test in $("./$program" --list --include-ignored 2>/dev/null | sed -n 's/: test$//p' | grep -E "$pattern"); do
        printf '== %s %s\n' "$program" "$test" >>"$log"
        timeout "$seconds" "$@" "./$program" --exact "$test" --include-ignored --test-threads 1 >>"$log" 2>&1
        case $? in
            0) passed=$((passed + 1)) ;;
            124) wrong=$((wrong + 1)); printf 'FAILED: %s %s takes more than %s s\n' "$program" "$test" "$seconds" ;;
            *) wrong=$((wrong + 1)); printf 'FAILED: %s %s, see %s\n' "$program" "$test" "$log" ;;
        esac
    done
    printf '== %s: %s passed, %s failed\n' "$name" "$passed" "$wrong"
    [ "$wrong" -eq 0 ] && [ "$passed" -gt 0 ] || failed=$((failed + 1))
}

nvidia-smi >results/nvidia-smi.log 2>&1
# The tiles are chosen by the settings of the tests: once for one SM, for four, for very many, and naive kernels.
each ops "$limit" ops 'the_kernels_agree_with_the_reference$|^(matmul|matmul_bias|conv2d|plain|heads|split_k|on_gpu)::'
for program in models training learners masks together tape; do each "$program" "$limit" "$program" .; done
export AGON_POISON=1
for sms in 1 4; do
    AGON_SMS=$sms each "poisoned-with-$sms-sms" "$limit" ops 'on_a_gpu'
done
unset AGON_POISON
if command -v compute-sanitizer >/dev/null; then
    export AGON_EXACT_MEMORY=1
    for tool in memcheck racecheck synccheck initcheck; do
        each "$tool" "$((10 * limit))" ops '^(add|matmul|conv2d|batch_norm|attention)::the_kernels_agree_with_the_reference$' \
            compute-sanitizer --tool "$tool" --error-exitcode 9
    done
    unset AGON_EXACT_MEMORY
else
    echo '== not run: the memory checkers (compute-sanitizer is not on the PATH)'
fi
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    for only in operations fc_m/train,vit_s/train,cnn_l/train,resnet9/train,vit_cre/train,resnet_ae/train; do
        step "side-by-side-${only%%/*}" ./side-by-side --device "$device" --python python3 --only "$only" \
            --rounds 7 --window-s 0.5 --out results --name "${only%%/*}"
    done
else
    echo '== not run: side by side with PyTorch (python3 has no torch with GPU support)'
fi
[ "$failed" -eq 0 ] && echo 'all steps that ran have passed' || echo "$failed steps failed"
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
        cmd!(sh, "cargo test --release --no-run --package kernels --tests {json}").read()?,
        cmd!(sh, "cargo build --release --package benches --bins {json}").read()?,
    ];
    let programs = executables(&built.join("\n"));
    sh.create_dir(folder)?;
    for name in TESTS.into_iter().chain(["side-by-side", "peer_side"]) {
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

    /// Fake test programs: one test passes, one fails, in one program one never ends; a process runs one of them.
    #[test]
    fn the_script_runs_each_test_in_a_process_of_its_own_with_a_time_limit() {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::at(folder.path()).unwrap();
        let fake = r#"#!/bin/sh
if [ "$1" = --list ]; then
    printf 'plain::good: test\nplain::bad: test\n'
    [ "$0" = ./tape ] && printf 'slow: test\n'
    printf '\n3 tests, 0 benchmarks\n'
    exit 0
fi
echo "$AGON_TEST_DEVICE $2" >>runs
case "$2" in plain::good) exit 0 ;; plain::bad) exit 101 ;; *) exec sleep 600 ;; esac
"#;
        repo.sh.write_file(repo.join("run.sh"), RUN).unwrap();
        for program in TESTS {
            repo.sh.write_file(repo.join(program), fake).unwrap();
        }
        cmd!(repo.sh, "chmod +x {TESTS...}").run().unwrap();
        let said = cmd!(repo.sh, "sh run.sh cuda:7")
            .env("AGON_TEST_SECONDS", "10")
            // Neither a memory checker nor PyTorch.
            .env("PATH", "/usr/bin:/bin")
            .ignore_status()
            .quiet()
            .read()
            .unwrap();
        for program in TESTS {
            let failed = if program == "tape" { 2 } else { 1 };
            assert!(said.contains(&format!("== {program}: 1 passed, {failed} failed")), "{said}");
        }
        assert!(said.contains("FAILED: tape slow takes more than 10 s"), "{said}");
        let runs = fs::read_to_string(repo.join("runs")).unwrap();
        let mut expected = ["cuda:7 plain::good", "cuda:7 plain::bad"].repeat(TESTS.len());
        expected.push("cuda:7 slow");
        assert_eq!(runs.lines().collect::<Vec<_>>(), expected);
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
