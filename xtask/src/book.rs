//! The Python side of the results: a script of `book/` redraws a figure from HDF5, without our code.

use anyhow::Context;
use xshell::cmd;

use crate::repo::Repo;

const REQUIREMENTS: &str = "book/requirements.txt";

/// The results that are redrawn.
const RESULTS: &str = "results/quick/fc-lambda-sweep/fc-lambda-sweep.h5";

/// `cargo xtask book`: installs what the script imports into `.tools/book` once, and runs it.
pub(crate) fn run(repo: &Repo) -> anyhow::Result<()> {
    let sh = &repo.sh;
    // A copy of the requirements, written last: a half-made environment is made again.
    let (wanted, stamp) = (sh.read_file(REQUIREMENTS)?, repo.join(".tools/book/requirements.txt"));
    if sh.read_file(&stamp).ok().as_ref() != Some(&wanted) {
        repo.pip_install(".tools/book", &["-r", REQUIREMENTS])?;
        sh.write_file(&stamp, &wanted)?;
    }
    cmd!(sh, ".tools/book/bin/python book/redraw_e1.py {RESULTS} out/book")
        .run()
        .context("book/redraw_e1.py failed")
}
