//! Repository rules that no standard tool checks; each rule is a function from the tree to its findings.
//!
//! Macros for unwritten code are checked by the lints in `Cargo.toml`, licences of third-party crates by cargo-deny
//! (`deny.toml`); `cargo xtask ci` runs clippy, and cargo-deny if it is installed.

pub(crate) mod tree;

mod arrows;
pub(crate) mod book;
mod launches;
mod length;
pub(crate) mod links;
mod lists;
mod lock;
mod manifests;
mod openings;
mod reliability_card;
mod text;
mod terms;

use std::fmt;

use anyhow::{Context, bail};
use serde_json::Value;
use xshell::cmd;

use crate::repo::Repo;
use system::{status, text as words};
use tree::Tree;

/// A violation of a rule; `what` includes the remedy.
#[derive(Debug, Clone, PartialEq)]
struct Finding {
    file: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Finding { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

const RULES: [fn(&Tree) -> Vec<Finding>; 13] = [
    manifests::of_every_crate,
    lock::of_foreign_crates,
    openings::of_every_file,
    length::of_every_file,
    length::in_the_readme,
    lists::are_complete,
    launches::of_every_kernel,
    links::lead_somewhere,
    links::explain_every_code,
    book::is_complete,
    text::hygiene,
    terms::are_standard,
    reliability_card::is_that_of_its_figures,
];

/// `cargo xtask tidy`: prints every finding; fails if there is one.
pub(crate) fn run(repo: &Repo) -> anyhow::Result<()> {
    let tree = Tree::read(repo.root())?;
    let findings = [findings(&tree), arrows::of_every_package(&metadata(repo)?)].concat();
    for finding in &findings {
        status!("{finding}");
    }
    match findings.len() {
        0 => status!("tidy: {} rules, {} files, no findings", RULES.len() + 1, tree.len()),
        n => bail!("tidy: {}", words::count(n, "finding")),
    }
    Ok(())
}

/// The metadata of the workspace members.
fn metadata(repo: &Repo) -> anyhow::Result<Value> {
    let said = cmd!(repo.sh, "cargo metadata --no-deps --format-version 1").quiet().read()?;
    serde_json::from_str(&said).context("cannot parse the output of `cargo metadata`")
}

/// The workspace members that may be published.
pub(crate) fn published(repo: &Repo) -> anyhow::Result<Vec<String>> {
    let metadata = metadata(repo)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let published = packages.filter(|package| package["publish"].is_null());
    Ok(published.filter_map(|package| Some(package["name"].as_str()?.to_owned())).collect())
}

fn findings(tree: &Tree) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(tree)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        run(&Repo::of_this_program().unwrap()).unwrap();
    }

    #[test]
    fn a_finding_has_the_format_of_a_compiler_message() {
        let finding = Finding::new("crates/tensor/src/lib.rs", 3, "too long, split it");
        assert_eq!(finding.to_string(), "crates/tensor/src/lib.rs:3: too long, split it");
    }
}
