//! `cargo xtask book`: a Python script in `book/` redraws a figure from HDF5, without our code.

use anyhow::Context;
use xshell::cmd;

use crate::repo::Repo;

const REQUIREMENTS: &str = "book/requirements.txt";

/// The results to redraw.
const RESULTS: &str = "results/standard/fc-lambda-sweep/fc-lambda-sweep.h5";

/// Installs the script's requirements into `.tools/book` once, and runs it.
pub(crate) fn run(repo: &Repo) -> anyhow::Result<()> {
    let sh = &repo.sh;
    // The copy of the requirements is written last, so that an incomplete environment is recreated.
    let (wanted, stamp) = (sh.read_file(REQUIREMENTS)?, repo.join(".tools/book/requirements.txt"));
    if sh.read_file(&stamp).ok().as_ref() != Some(&wanted) {
        repo.pip_install(".tools/book", &["-r", REQUIREMENTS])?;
        sh.write_file(&stamp, &wanted)?;
    }
    cmd!(sh, ".tools/book/bin/python book/redraw_e1.py {RESULTS} out/book")
        .run()
        .context("book/redraw_e1.py failed")
}
