//! Builds the test programs of the mutated copy once, and runs some of their tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use xshell::cmd;

use crate::repo::{Repo, executables};

/// The test programs by name: that of the crate for unit tests, that of the file for integration tests.
pub(super) struct Programs(BTreeMap<String, PathBuf>);

/// The outcome of a run.
#[derive(Debug)]
pub(super) enum Outcome {
    Passed,
    Failed { last_words: String },
}

impl Programs {
    /// Builds them in release mode into the usual target folder, to share dependencies with other builds.
    pub(super) fn build(repo: &Repo, copy: &Path) -> anyhow::Result<Self> {
        let sh = &repo.sh;
        let _in_copy = sh.push_dir(copy);
        let packages = ["--package=agon-tensor", "--package=agon-autograd", "--package=agon-models"];
        let tests =
            ["--lib", "--test=every_op", "--test=golden", "--test=incorrect_backward", "--test=routing"];
        let messages =
            cmd!(sh, "cargo test --release --no-run {packages...} {tests...} --message-format=json --quiet")
                .env("CARGO_TARGET_DIR", repo.target())
                .read()
                .context("the copy with planted bugs does not build")?;
        let short = |name: String| name.strip_prefix("agon_").map_or(name.clone(), str::to_owned);
        Ok(Self(executables(&messages).into_iter().map(|(name, path)| (short(name), path)).collect()))
    }

    /// Runs the tests of a program whose names contain `filter`, with one active bug or none.
    pub(super) fn run(&self, tests: (&str, &str), bug: Option<usize>) -> anyhow::Result<Outcome> {
        let (program, filter) = tests;
        let Some(path) = self.0.get(program) else {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            bail!("no test program `{program}`; there are {}", known.join(", "));
        };
        let mut command = Command::new(path);
        command.args([filter, "--test-threads=1"]).stdin(Stdio::null());
        // Shrinking is unnecessary: any failure is enough.
        command.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("RUST_BACKTRACE", "0").env_remove("AGON_PLANTED");
        // Measurements with a planted bug are not figures of the reliability card.
        command.env_remove(reliability::FOLDER).env_remove(reliability::SIZE);
        // Failing seeds with a planted bug are not stored.
        command.env_remove(reliability::SEED);
        command.envs(bug.map(|number| ("AGON_PLANTED", number.to_string())));
        let output = command.output().with_context(|| format!("cannot start {}", path.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(!said.contains("running 0 tests"), "no test of {program} has `{filter}` in its name");
        if output.status.success() {
            return Ok(Outcome::Passed);
        }
        let last_words = said.lines().rev().take(12).collect::<Vec<_>>();
        Ok(Outcome::Failed { last_words: last_words.into_iter().rev().collect::<Vec<_>>().join("\n") })
    }
}
