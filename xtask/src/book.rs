//! `cargo xtask book`: runs the book's Python scripts, which use none of our code, and builds the book with mdBook.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use system::{status, text as words};
use xshell::cmd;

use crate::repo::Repo;
use crate::tidy::tree::Tree;

mod html;
mod operations;
mod site;
mod stage;

const REQUIREMENTS: &str = "book/requirements.txt";

/// The results to redraw.
const RESULTS: &str = "results/standard/fc-lambda-sweep/fc-lambda-sweep.h5";

/// The version that `--install` installs.
const MDBOOK: &str = "mdbook@0.5.4";

/// The book with everything that it links, and its pages in HTML.
const STAGE: &str = "out/book/stage";
const SITE: &str = "out/book/site";

/// The options of `cargo xtask book`.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Install mdBook into .tools first (minutes, needs a network)
    #[arg(long)]
    pub(crate) install: bool,
    /// Open the book in a browser
    #[arg(long)]
    pub(crate) open: bool,
    /// Write a static site into this folder, which must be empty or hold a book: the book, in api/ the documentation of the
    /// crates, and the page of the committed results
    #[arg(long, value_name = "DIR")]
    pub(crate) site: Option<PathBuf>,
}

/// Runs the scripts, and builds the book if mdBook is installed. Links, anchors and includes are checked by
/// `cargo xtask tidy` in any case.
pub(crate) fn run(repo: &Repo, options: &Options) -> anyhow::Result<()> {
    run_scripts(repo)?;
    if options.install {
        install(repo)?;
    }
    let Some(mdbook) = mdbook(repo) else {
        ensure!(!options.open && options.site.is_none(), "mdBook is not installed; add --install");
        status!(
            "book: no mdBook, so no pages are built; `cargo xtask book --install` installs it into .tools"
        );
        return Ok(());
    };
    let site = options.site.clone().unwrap_or_else(|| SITE.into());
    // The shell of `repo` runs in its root, and so does a path that a user gives.
    let site = repo.join(site);
    build(repo, &mdbook, &site, options.site.is_some())?;
    if options.open {
        let page = site.join("index.html");
        let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        cmd!(repo.sh, "{opener} {page}")
            .run()
            .with_context(|| format!("open {} yourself", page.display()))?;
    }
    Ok(())
}

/// Installs the scripts' requirements into `.tools/book` once, and runs them.
fn run_scripts(repo: &Repo) -> anyhow::Result<()> {
    let sh = &repo.sh;
    // The copy of the requirements is written last, so that an incomplete environment is recreated.
    let (requirements, stamp) = (sh.read_file(REQUIREMENTS)?, repo.join(".tools/book/requirements.txt"));
    if sh.read_file(&stamp).ok().as_ref() != Some(&requirements) {
        repo.pip_install(".tools/book", &["-r", REQUIREMENTS])?;
        sh.write_file(&stamp, &requirements)?;
    }
    cmd!(sh, ".tools/book/bin/python book/linear_theory.py").run().context("book/linear_theory.py failed")?;
    cmd!(sh, ".tools/book/bin/python book/notebooks/run.py out/book").run().context("a notebook failed")?;
    cmd!(sh, ".tools/book/bin/python book/redraw_e1.py {RESULTS} out/book")
        .run()
        .context("book/redraw_e1.py failed")
}

/// mdBook in `.tools`, or on the path.
fn mdbook(repo: &Repo) -> Option<PathBuf> {
    [repo.join(".tools/bin/mdbook"), "mdbook".into()].into_iter().find(|program| repo.has(program))
}

fn install(repo: &Repo) -> anyhow::Result<()> {
    let features = ["--no-default-features", "--features", "search"];
    cmd!(repo.sh, "cargo install {MDBOOK} --locked --root .tools {features...}")
        .run()
        .context("cannot install mdBook; check the network connection")
}

/// Builds the pages into `site`, with the documentation of the crates and the results if `with_others`, and checks that
/// every link of the book has its target.
fn build(repo: &Repo, mdbook: &Path, site: &Path, with_others: bool) -> anyhow::Result<()> {
    ensure!(
        !site.exists() || site.join("index.html").is_file() || site.read_dir()?.next().is_none(),
        "{} exists and is not a book; name an empty folder",
        site.display()
    );
    let stage = repo.join(STAGE);
    repo.sh.remove_path(&stage)?;
    let tree = Tree::read(repo.root())?;
    stage::write(&tree, repo.root(), &stage)?;
    if with_others {
        site::link(&stage, &tree)?;
    }
    cmd!(repo.sh, "{mdbook} build {stage} --dest-dir {site}").run().context("mdBook failed")?;
    if with_others {
        site::write(repo, site)?;
    }
    let dead = html::dead_links(site)?;
    dead.iter().for_each(|link| status!("{link}"));
    ensure!(dead.is_empty(), "book: {} in the pages", words::count(dead.len(), "dead link"));
    status!("book: {}", site.join("index.html").display());
    Ok(())
}
