//! Rule: comments and documents use the field's standard terms; each word on the list has its replacement.

use super::Finding;
use super::tree::Tree;

/// A word that is not a standard term, and its replacement.
const WORDS: [(&str, &str); 29] = [
    ("rectifier", "ReLU"),
    ("rectifiers", "ReLUs"),
    ("processor", "CPU, or SM of a GPU"),
    ("processors", "CPUs, or SMs of a GPU"),
    ("so many", "n, or the number itself"),
    ("somebody", "who it is: the caller, another thread, another run"),
    ("put up with", "tolerated"),
    ("house rules", "lints or dependency rules"),
    ("weave", "interleave"),
    ("forgetful", "without gradients"),
    ("first_not_finite", "first_non_finite"),
    ("heard", "observed"),
    ("everybody", "who it is: all readers, all threads"),
    ("anybody", "who it is"),
    ("foretold", "predicted"),
    ("foretells", "predicts"),
    ("by heart", "overfits"),
    ("listens to", "is sensitive to"),
    ("on and on", "further, or without end"),
    ("give or take", "up to, or about"),
    ("told apart", "distinguished"),
    ("anew", "again, or the verb with re-: recomputes, rewrites"),
    ("nobody", "who it is: no other thread, no caller"),
    ("vouches", "guarantees, or checks"),
    ("most telling", "most informative"),
    ("trained beside", "trained with"),
    ("gradient by the", "gradient with respect to the"),
    ("gradients by the", "gradients with respect to the"),
    ("what came of", "the outcome of"),
];

/// A word that must not begin the expectation in an error message, and its replacement, as in `expected a, got b`.
const IN_MESSAGES: (&str, &str) = ("wanted", "expected");

/// Files that may quote old words: the changes of earlier versions, and a card that names a CPU's model.
const EXEMPT: [&str; 2] = ["CHANGELOG.md", "book/reliability.md"];

pub(super) fn are_standard(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| !EXEMPT.contains(path)) {
        let is_document = path.ends_with(".md");
        if !is_document && ![".rs", ".cu", ".cuh"].iter().any(|ending| path.ends_with(ending)) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let (word, instead) = IN_MESSAGES;
            let before = [":", ","]
                .iter()
                .find_map(|mark| line.split_once(&format!("{mark} {word} ")))
                .map_or("", |(before, _)| before);
            if !is_document && before.matches('"').count() % 2 == 1 {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    format!("\"{word}\" in a message: write {instead}"),
                ));
            }
            let Some(prose) =
                (if is_document { Some(line) } else { line.split_once("// ").map(|(_, it)| it) })
                    .or_else(|| line.split_once("/// ").map(|(_, it)| it))
                    .or_else(|| line.split_once("//! ").map(|(_, it)| it))
            else {
                continue;
            };
            let prose = prose.to_lowercase();
            for (word, instead) in WORDS.iter().filter(|(word, _)| contains_word(&prose, word)) {
                findings.push(Finding::new(path, index + 1, format!("\"{word}\": write {instead}")));
            }
        }
    }
    findings
}

/// Whether the word stands alone, not in backticks.
fn contains_word(prose: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '`';
    prose
        .match_indices(word)
        .any(|(at, _)| !prose[..at].ends_with(is_part) && !prose[at + word.len()..].starts_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        are_standard(&Tree::of([(path, text)])).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_word_of_the_list_is_reported_with_its_replacement() {
        assert_eq!(found("a.md", "fine\nA Rectifier.\n"), ["a.md:2: \"rectifier\": write ReLU"]);
        for begin in ["/// After", "//! After", "let n = 1; // after"] {
            assert_eq!(found("a.rs", &format!("{begin} so {} steps.", "many")).len(), 1, "{begin}");
        }
    }

    #[test]
    fn messages_say_what_is_expected() {
        let message = |word: &str| found("a.rs", &format!("    Err(\"size: {word} 1, got 2\")\n"));
        assert_eq!(message("wanted"), ["a.rs:1: \"wanted\" in a message: write expected"]);
        assert_eq!(found("a.rs", &format!("    Err(\"size 2, {} 1\")\n", "wanted")).len(), 1);
        assert!(message("expected").is_empty());
        assert!(found("a.rs", &format!("Case {{ inputs: {} }}\n", "wanted")).is_empty());
    }

    #[test]
    fn code_names_quotes_and_exempt_files_are_accepted() {
        assert!(found("a.rs", "let processors = 2;\n// `processors` of the provenance\n").is_empty());
        assert!(found("CHANGELOG.md", "the processor\n").is_empty());
        assert!(found("a.md", "coprocessors\n").is_empty());
    }
}
