//! Rule: the book is complete: its list of pages, the code that it includes, and each chapter's picture and exercises.

use super::Finding;
use super::links::{resolved, targets};
use super::tree::Tree;

/// The list of pages; those below the heading [`CHAPTERS`] are chapters.
const SUMMARY: &str = "book/SUMMARY.md";
const CHAPTERS: &str = "# Chapters";

/// The length of a chapter, in words outside of code blocks.
const WORDS: std::ops::RangeInclusive<usize> = 800..=2000;
const EXERCISES: std::ops::RangeInclusive<usize> = 3..=6;

/// An include of mdBook: the path of a file, and the anchor in it.
pub(crate) fn includes(line: &str) -> Option<(&str, Option<&str>)> {
    let inside = line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")?.trim();
    Some(inside.split_once(':').map_or((inside, None), |(path, anchor)| (path, Some(anchor))))
}

pub(super) fn is_complete(tree: &Tree) -> Vec<Finding> {
    let Some(summary) = tree.get(SUMMARY) else { return vec![] };
    let mut findings = Vec::new();
    let listed: Vec<String> = summary.lines().flat_map(targets).map(|to| resolved(SUMMARY, to)).collect();
    let pages: Vec<(&str, &str)> = pages(tree).collect();
    for (path, text) in &pages {
        if !listed.iter().any(|page| page == path) {
            findings.push(Finding::new(path, 1, format!("not in {SUMMARY}; add its line")));
        }
        findings.extend(of_blocks(tree, path, text));
    }
    for chapter in chapters(summary) {
        let Some(text) = tree.get(&chapter) else { continue };
        findings.extend(of_chapter(&chapter, text).into_iter().map(|what| Finding::new(&chapter, 1, what)));
    }
    let pictures = tree.ending_with(".svg").filter(|(path, _)| path.starts_with("book/pictures/"));
    for (path, text) in pictures {
        let shown = |(page, of_page): &(&str, &str)| {
            of_page.lines().flat_map(targets).any(|target| resolved(page, target) == path)
        };
        if !pages.iter().any(shown) {
            findings.push(Finding::new(path, 1, "not shown on any page; remove it"));
        }
        findings.extend(of_picture(text).into_iter().map(|what| Finding::new(path, 1, what)));
    }
    findings
}

/// The pages directly in `book/`, except the list.
fn pages(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let is_page = |path: &str| path.strip_prefix("book/").is_some_and(|name| !name.contains('/'));
    tree.ending_with(".md").filter(move |(path, _)| is_page(path) && *path != SUMMARY)
}

/// The paths of the chapters.
fn chapters(summary: &str) -> Vec<String> {
    let lines = summary.lines().skip_while(|line| *line != CHAPTERS).skip(1);
    lines
        .take_while(|line| !line.starts_with('#'))
        .flat_map(targets)
        .map(|to| resolved(SUMMARY, to))
        .collect()
}

/// Every include names a file and an anchor in it, and Rust code is included, not pasted.
fn of_blocks(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut language = None;
    for (index, line) in text.lines().enumerate() {
        let mut found = |what: String| findings.push(Finding::new(path, index + 1, what));
        if let Some(after) = line.strip_prefix("```") {
            language = if language.is_some() { None } else { Some(after) };
        } else if let Some((file, anchor)) = includes(line) {
            let file = resolved(path, file);
            match (tree.get(&file), anchor) {
                (None, _) => found(format!("`{file}` does not exist; correct the include")),
                (Some(_), None) => {}
                (Some(text), Some(anchor)) if has_anchor(text, anchor) => {}
                (Some(_), Some(anchor)) => found(format!(
                    "`{file}` has no `// ANCHOR: {anchor}` with a later `// ANCHOR_END: {anchor}`; add both"
                )),
            }
        } else if language.is_some_and(|name| name.starts_with("rust")) && !line.trim().is_empty() {
            found("Rust code that no test compiles; include it from a tested file".into());
        }
    }
    findings
}

fn has_anchor(text: &str, anchor: &str) -> bool {
    let line_of = |word: &str| {
        let mark = format!("{word}: {anchor}");
        text.lines().position(|line| line.trim_end().ends_with(&mark))
    };
    matches!((line_of("ANCHOR"), line_of("ANCHOR_END")), (Some(begin), Some(end)) if begin < end)
}

/// The problems of a chapter.
fn of_chapter(path: &str, text: &str) -> Vec<String> {
    let mut lacks = Vec::new();
    let (mut inside, mut words) = (false, 0);
    for line in text.lines() {
        inside ^= line.starts_with("```");
        words += if inside { 0 } else { line.split_whitespace().count() };
    }
    if !WORDS.contains(&words) {
        lacks.push(format!("{words} words; a chapter has {} to {}", WORDS.start(), WORDS.end()));
    }
    let is_picture = |line: &str| line.starts_with("![") && targets(line).any(|to| to.ends_with(".svg"));
    if !text.lines().any(is_picture) {
        lacks.push("no picture; a chapter shows an SVG of book/pictures or results".into());
    }
    let exercises = text.lines().skip_while(|line| *line != "## Exercises");
    let is_numbered = |line: &&str| line.split_once(". ").is_some_and(|(n, _)| n.parse::<usize>().is_ok());
    let exercises = exercises.filter(is_numbered).count();
    if !EXERCISES.contains(&exercises) {
        let (least, most) = (EXERCISES.start(), EXERCISES.end());
        lacks.push(format!(
            "{exercises} exercises below `## Exercises` in {path}; a chapter has {least} to {most}"
        ));
    }
    lacks
}

/// The properties that a picture lacks to be readable on light and dark pages and by a screen reader.
fn of_picture(text: &str) -> Vec<String> {
    let needed =
        [("<svg ", "SVG"), ("<title>", "title"), ("prefers-color-scheme:dark", "colours for dark pages")];
    let lacking = needed.into_iter().filter(|(mark, _)| !text.contains(mark));
    lacking.map(|(mark, what)| format!("no {what}; add `{mark}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# Book\n# Chapters\n- [One](one.md)\n# Pages\n- [Two](two.md)\n";
    const PICTURE: &str = "<svg ><title>A</title><style>@media(prefers-color-scheme:dark){}</style></svg>";

    /// A chapter with `words` words beside its fixed lines.
    fn chapter(words: usize, exercises: usize) -> String {
        let tasks: String = (1..=exercises).map(|n| format!("{n}. task\n")).collect();
        format!("{}\n\n![it](pictures/a.svg)\n\n## Exercises\n\n{tasks}", "word ".repeat(words))
    }

    fn found(chapter: &str, page: &str, picture: &str) -> Vec<String> {
        let code = "// ANCHOR: part\nfn it() {}\n// ANCHOR_END: part\n";
        let tree = Tree::of([
            (SUMMARY, LIST),
            ("book/one.md", chapter),
            ("book/two.md", page),
            ("book/pictures/a.svg", picture),
            ("crates/x.rs", code),
        ]);
        is_complete(&tree).into_iter().map(|finding| format!("{}: {}", finding.file, finding.what)).collect()
    }

    #[test]
    fn a_complete_book_has_no_findings() {
        let page = "```rust\n{{#include ../crates/x.rs:part}}\n```\n```text\nfn\n```\n";
        assert_eq!(found(&chapter(900, 3), page, PICTURE), [""; 0]);
    }

    #[test]
    fn short_chapters_without_picture_or_exercises_are_reported() {
        for (text, what) in [
            (chapter(10, 3), "words; a chapter has 800 to 2000"),
            (chapter(900, 2), "2 exercises"),
            (chapter(900, 3).replace("![", "["), "no picture"),
        ] {
            let found = found(&text, "", PICTURE);
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        }
    }

    #[test]
    fn includes_without_file_or_anchor_and_pasted_code_are_reported() {
        for (line, what) in [
            ("{{#include ../crates/y.rs:part}}", "`crates/y.rs` does not exist"),
            ("{{#include ../crates/x.rs:whole}}", "has no `// ANCHOR: whole`"),
            ("fn pasted() {}", "Rust code that no test compiles"),
        ] {
            let found = found(&chapter(900, 3), &format!("```rust\n{line}\n```\n"), PICTURE);
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        }
    }

    #[test]
    fn pages_off_the_list_and_pictures_without_use_or_title_are_reported() {
        let tree =
            Tree::of([(SUMMARY, "# Chapters\n"), ("book/one.md", ""), ("book/pictures/a.svg", PICTURE)]);
        let lines: Vec<String> = is_complete(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(found(&chapter(900, 3), "", "<svg >")[0].contains("no title"));
    }
}
