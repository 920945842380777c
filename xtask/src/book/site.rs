//! A static site: beside the book the documentation of the crates and the page of the committed results, with links to both.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;
use toml::Table;
use xshell::cmd;

use crate::repo::Repo;
use crate::setup;
use crate::tidy::tree::Tree;

/// The folder of the crates' documentation and the page of the results, which the check of the book's links does not read.
pub(super) const API: &str = "api";
pub(super) const REPORT: &str = "report.html";

/// The first line of the body of the page of the results.
const BODY: &str = "<body id=\"top\">\n";

/// Adds a page that links the documentation of each crate and the results to the input of mdBook.
pub(super) fn link(stage: &Path, tree: &Tree) -> anyhow::Result<()> {
    let summary = stage.join("src/SUMMARY.md");
    let text = fs::read_to_string(&summary).with_context(|| format!("cannot read {}", summary.display()))?;
    let line = "\n# Results and documentation\n\n- [Results, and the documentation of the crates](site.md)\n";
    for (path, text) in [(summary, text + line), (stage.join("src/site.md"), page(tree))] {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The page with the links.
fn page(tree: &Tree) -> String {
    let mut text = format!(
        "# Results, and the documentation of the crates\n\n- [Results]({REPORT}): every figure and every verdict\n"
    );
    let is_crate = |path: &str| path.starts_with("crates/") && path.matches('/').count() == 2;
    for (_, manifest) in tree.ending_with("/Cargo.toml").filter(|(path, _)| is_crate(path)) {
        let manifest: Table = manifest.parse().unwrap_or_default();
        let field = |name: &str| manifest.get("package")?.get(name)?.as_str();
        if let (Some(name), Some(description)) = (field("name"), field("description")) {
            let _ = writeln!(text, "- [{name}]({API}/{}/index.html): {description}", name.replace('-', "_"));
        }
    }
    text
}

/// Writes the documentation of the crates and the page of the committed results beside the pages of the book.
pub(super) fn write(repo: &Repo, site: &Path) -> anyhow::Result<()> {
    setup::ensure(repo)?;
    cmd!(repo.sh, "cargo doc --release --workspace --no-deps")
        .run()
        .context("building the documentation failed")?;
    let (doc, api) = (repo.target().join("doc/."), site.join(API));
    repo.sh.create_dir(&api)?;
    cmd!(repo.sh, "cp -R {doc} {api}").run()?;
    let report = site.join(REPORT);
    cmd!(repo.sh, "cargo run --release --package agon-cli --bin agon -- report --page {report}")
        .ignore_stdout()
        .run()
        .context("writing the page of the results failed")?;
    let text = repo.sh.read_file(&report)?;
    repo.sh.write_file(&report, with_link(&text)?)?;
    Ok(())
}

/// The page of the results with a link to the book at its top.
fn with_link(report: &str) -> anyhow::Result<String> {
    let (head, body) = report
        .split_once(BODY)
        .context("page of the results: expected the beginning that `agon report` writes, got another one")?;
    Ok(format!("{head}{BODY}<p><a href=\"index.html\">The book</a></p>\n{body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_pages_leads_to_the_results_and_to_every_crate() {
        let stage = tempfile::tempdir().unwrap();
        fs::create_dir(stage.path().join("src")).unwrap();
        fs::write(stage.path().join("src/SUMMARY.md"), "- [A](a.md)\n").unwrap();
        let manifest = "[package]\nname = \"agon-x\"\ndescription = \"It computes\"\n";
        let tree = Tree::of([("crates/x/Cargo.toml", manifest), ("xtask/Cargo.toml", manifest)]);
        link(stage.path(), &tree).unwrap();
        let read = |name: &str| fs::read_to_string(stage.path().join("src").join(name)).unwrap();
        let (summary, page) = (read("SUMMARY.md"), read("site.md"));
        assert!(summary.starts_with("- [A](a.md)\n") && summary.ends_with("(site.md)\n"), "{summary}");
        assert!(page.contains("[Results](report.html)"), "{page}");
        assert!(page.ends_with("- [agon-x](api/agon_x/index.html): It computes\n"), "{page}");
    }

    #[test]
    fn the_page_of_the_results_leads_back_to_the_book() {
        let linked = with_link("<html>\n<body id=\"top\">\n<main>").unwrap();
        assert_eq!(linked, "<html>\n<body id=\"top\">\n<p><a href=\"index.html\">The book</a></p>\n<main>");
        assert!(with_link("<html>").is_err());
        let of_report = include_str!("../../../crates/report/src/page.rs");
        assert!(of_report.contains(BODY), "the page of the results begins with another body");
    }
}
