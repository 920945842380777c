//! The Python side of the results: a script of `book/` redraws a figure from HDF5, without our code.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};

use crate::args::Usage;
use crate::repo::{Repo, succeeds};

/// The results that are redrawn.
const RESULTS: &str = "results/quick/fc-lambda-sweep/fc-lambda-sweep.h5";

/// Puts what the script imports into `.tools/book` once, and runs it.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    if let Some(argument) = arguments.first() {
        return Err(Usage(format!("`book` takes no arguments, got {}", argument.display())).into());
    }
    let (venv, wanted) = (repo.join(".tools/book"), repo.join("book/requirements.txt"));
    let stamp = venv.join("requirements.txt");
    let wanted_text = std::fs::read(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    // The copy is written last, so a half-made environment is made again.
    if std::fs::read(&stamp).ok().as_ref() != Some(&wanted_text) {
        let made = succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        ensure!(made, "python3 could not make .tools/book; run `apt-get install python3-venv`");
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&wanted);
        ensure!(succeeds(&mut pip)?, "pip could not install book/requirements.txt; it needs a network");
        std::fs::write(&stamp, &wanted_text).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    let mut script = Command::new(venv.join("bin/python"));
    script.arg(repo.join("book/redraw_e1.py")).args([repo.join(RESULTS), repo.join("out/book")]);
    ensure!(succeeds(&mut script)?, "book/redraw_e1.py failed; what it says stands above");
    Ok(ExitCode::SUCCESS)
}
