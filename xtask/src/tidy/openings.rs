//! Rule: every Rust file starts with a `//!` sentence.

use super::Finding;
use super::tree::Tree;

pub(super) fn of_every_file(tree: &Tree) -> Vec<Finding> {
    tree.ending_with(".rs")
        .filter(|(_, text)| !opens_with_a_sentence(text))
        .map(|(path, _)| {
            Finding::new(
                path,
                1,
                "does not open with a `//!` sentence; say on line 1 what the file is, with a full stop",
            )
        })
        .collect()
}

/// Whether the first paragraph is a module comment that ends as a sentence or question.
fn opens_with_a_sentence(text: &str) -> bool {
    let paragraph = text.lines().map_while(|line| line.strip_prefix("//! ")).last();
    paragraph.is_some_and(|end| end.trim_end().ends_with(['.', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_opening_sentence_is_reported() {
        for text in [
            "",
            "use std::fs;\n//! Late.\n",
            "//! No full stop\n\n//! Late.\n",
            "// Not this kind.\n",
            "//!\n",
        ] {
            let findings = of_every_file(&Tree::of([("crates/tensor/src/lib.rs", text)]));
            assert_eq!(findings.len(), 1, "{text}");
        }
    }

    #[test]
    fn sentences_and_questions_are_accepted() {
        for text in
            ["//! Sums.\n", "//! Is it wide,\n//! or deep?\n//!\n//! And so on\n", "//! One. Two.\nuse x;\n"]
        {
            assert!(of_every_file(&Tree::of([("a.rs", text)])).is_empty(), "{text}");
        }
    }
}
