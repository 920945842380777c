//! The input of mdBook: the book and every file that it links or includes, in the folders of the repository.
//!
//! Relative links therefore work on GitHub, on the built pages and from any host, and no link leaves the book.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::operations::{self, Page};
use crate::tidy::book::includes;
use crate::tidy::links::{resolved, targets};
use crate::tidy::tree::Tree;

const SUMMARY: &str = "book/SUMMARY.md";

/// Writes `book.toml` and `src/` into `stage`.
pub(super) fn write(tree: &Tree, root: &Path, stage: &Path) -> anyhow::Result<()> {
    let operations = operations::pages(tree)?;
    let (files, folders) = needed(tree, &operations);
    for file in &files {
        copy(&root.join(file), &stage.join("src").join(file))?;
    }
    for page in &operations {
        save(&stage.join("src").join(&page.path), &page.text)?;
    }
    for folder in &folders {
        let index = stage.join("src").join(folder).join("index.html");
        if !index.exists() {
            save(&index, listing(tree, folder, &files))?;
        }
    }
    copy(&root.join("book/book.toml"), &stage.join("book.toml"))?;
    let text = tree.get(SUMMARY).context("no book/SUMMARY.md")?;
    save(&stage.join("src/SUMMARY.md"), summary(text, &files, &operations))
}

/// The files of the book, those that they link or include, and the linked folders.
fn needed(tree: &Tree, generated: &[Page]) -> (BTreeSet<String>, BTreeSet<String>) {
    let of_the_book = |path: &str| path.starts_with("book/") && path != SUMMARY && path != "book/book.toml";
    let mut waiting: Vec<String> =
        tree.files().map(|(path, _)| path.to_owned()).filter(|path| of_the_book(path)).collect();
    waiting.extend(listed(tree.get(SUMMARY).unwrap_or_default()));
    waiting.extend(generated.iter().flat_map(|page| linked(&page.path, &page.text)));
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    while let Some(path) = waiting.pop() {
        let Some(text) = tree.get(&path) else {
            if !path.is_empty() {
                folders.insert(path);
            }
            continue;
        };
        if files.insert(path.clone()) && path.ends_with(".md") {
            waiting.extend(linked(&path, text));
        }
    }
    (files, folders)
}

/// The files that a page links or includes.
fn linked(path: &str, text: &str) -> Vec<String> {
    let of_line = |line: &str| -> Vec<String> {
        let links = targets(line).filter_map(|to| Some(to.split('#').next()?).filter(|to| !to.is_empty()));
        links.chain(includes(line).map(|(to, _)| to)).map(|to| resolved(path, to)).collect()
    };
    text.lines().flat_map(of_line).collect()
}

/// The pages of the list.
fn listed(summary: &str) -> impl Iterator<Item = String> {
    summary.lines().flat_map(targets).map(|to| resolved(SUMMARY, to))
}

/// The list of pages, with paths from the root of the repository; documents that are only linked follow at its end, since
/// mdBook writes no page for a document that is not on the list.
fn summary(text: &str, files: &BTreeSet<String>, operations: &[Page]) -> String {
    let line = |line: &str| {
        targets(line).fold(line.to_owned(), |line, to| {
            line.replace(&format!("]({to})"), &format!("]({})", resolved(SUMMARY, to)))
        })
    };
    let pages: String = text.lines().map(|text| line(text) + "\n").collect();
    let listed: BTreeSet<String> = listed(text).collect();
    let others = files.iter().filter(|file| file.ends_with(".md") && !listed.contains(*file));
    let others = others.map(|file| (file, file));
    let operations = operations.iter().map(|page| (&page.title, &page.path));
    pages + &section("Operations", operations) + &section("Linked documents", others)
}

/// A section of the list, unless it is empty.
fn section<'a>(title: &str, pages: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let lines: String = pages.map(|(title, path)| format!("- [{title}]({path})\n")).collect();
    if lines.is_empty() { lines } else { format!("\n# {title}\n\n{lines}") }
}

/// A page that lists the files of a linked folder; those that are part of the book are links.
fn listing(tree: &Tree, folder: &str, files: &BTreeSet<String>) -> String {
    let prefix = format!("{folder}/");
    let rows = tree.files().filter_map(|(path, _)| path.strip_prefix(&prefix)).map(|name| {
        if files.contains(&format!("{prefix}{name}")) && !name.ends_with(".md") {
            format!("<li><a href=\"{name}\">{name}</a></li>\n")
        } else {
            format!("<li>{name}</li>\n")
        }
    });
    let rows: String = rows.collect();
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>{folder}</title><h1>{folder}</h1>\n<ul>\n{rows}</ul>\n"
    )
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    save(to, bytes)
}

fn save(path: &Path, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let saving = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(saving)?;
    }
    fs::write(path, bytes).with_context(saving)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::of([
            (SUMMARY, "- [A](a.md)\n- [Map](../MAP.md)\n"),
            (
                "book/a.md",
                "[x](../src/x.rs) [b](#b) [all](../src)\n```rust\n{{#include ../lib.rs:part}}\n```\n",
            ),
            ("MAP.md", "[more](MORE.md)"),
            ("MORE.md", ""),
            ("OTHER.md", ""),
            ("src/x.rs", ""),
            ("src/y.rs", ""),
            ("lib.rs", ""),
        ])
    }

    #[test]
    fn linked_and_included_files_are_part_of_the_book() {
        let (files, folders) = needed(&tree(), &[]);
        assert!(files.iter().eq(["MAP.md", "MORE.md", "book/a.md", "lib.rs", "src/x.rs"]));
        assert!(folders.iter().eq(["src"]));
        let page = listing(&tree(), "src", &files);
        assert!(page.contains("<a href=\"x.rs\">") && page.contains("<li>y.rs</li>"), "{page}");
    }

    #[test]
    fn the_list_of_pages_is_relative_to_the_root() {
        let text = summary(tree().get(SUMMARY).unwrap(), &needed(&tree(), &[]).0, &[]);
        assert_eq!(text, "- [A](book/a.md)\n- [Map](MAP.md)\n\n# Linked documents\n\n- [MORE.md](MORE.md)\n");
    }
}
