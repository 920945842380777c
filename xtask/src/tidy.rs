//! The house rules that the compiler does not know; each rule is a function from the tree to its findings.

mod tree;

mod arrows;
mod length;
mod licences;
mod lists;
mod manifests;
mod openings;
mod printing;
mod reliability_card;
mod sources;
mod text;
mod unfinished;
mod unsafe_code;

mod rust_code;

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use anyhow::bail;
use system::tell;

use crate::args;
use crate::repo::Repo;
use tree::Tree;

/// A place that breaks a rule; `what` says also what to do about it.
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

const RULES: [fn(&Tree) -> Vec<Finding>; 12] = [
    arrows::of_every_manifest,
    manifests::take_versions_from_the_workspace,
    openings::of_every_file,
    length::of_every_file,
    unfinished::macros,
    printing::through_the_terminal_module,
    unsafe_code::outside_its_crates,
    lists::of_operations,
    lists::of_claims,
    sources::of_every_package,
    text::hygiene,
    reliability_card::is_that_of_its_figures,
];

/// `cargo xtask tidy`.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    args::none("tidy", arguments)?;
    check(repo)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints every finding; an error if there is one.
pub(crate) fn check(repo: &Repo) -> anyhow::Result<()> {
    let tree = Tree::read(repo.root())?;
    let findings = [findings(&tree), licences::of_every_package(repo)?].concat();
    for finding in &findings {
        tell!("{finding}");
    }
    match findings.len() {
        0 => tell!("tidy: {} rules, {} files, no findings", RULES.len() + 1, tree.len()),
        1 => bail!("tidy: 1 finding"),
        n => bail!("tidy: {n} findings"),
    }
    Ok(())
}

fn findings(tree: &Tree) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(tree)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let tree = Tree::read(Repo::of_this_program().root()).unwrap();
        let findings: Vec<String> = findings(&tree).iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }

    #[test]
    fn a_finding_reads_like_a_compiler_message() {
        let finding = Finding::new("crates/tensor/src/lib.rs", 3, "too long, split it");
        assert_eq!(finding.to_string(), "crates/tensor/src/lib.rs:3: too long, split it");
    }
}
