//! Rule: no paths of one machine, and no placeholders without an issue number.

use super::Finding;
use super::tree::Tree;

// Written in two halves, so that this file satisfies its own rule.
const HOMES: [&str; 2] = [concat!("/ro", "ot/"), concat!("/ho", "me/")];
const PLACEHOLDERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("TB", "D")];

pub(super) fn hygiene(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in text.lines().enumerate() {
            if let Some(home) = HOMES.iter().find(|home| line.contains(**home)) {
                let what = format!("a path below {home} is of one machine only; write a relative one");
                findings.push(Finding::new(path, index + 1, what));
            }
            if let Some(word) = PLACEHOLDERS.iter().find(|word| is_placeholder(line, word)) {
                let what = format!("{word} without an issue number; do it, or name the issue as #N");
                findings.push(Finding::new(path, index + 1, what));
            }
        }
    }
    findings
}

/// Whether `line` contains the separate word `word`, not in backticks, and no `#N`.
fn is_placeholder(line: &str, word: &str) -> bool {
    let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '`';
    let stands = line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(part_of_name) && !line[at + word.len()..].starts_with(part_of_name)
    });
    let numbered = line
        .match_indices('#')
        .any(|(at, _)| line[at + 1..].starts_with(|letter: char| letter.is_ascii_digit()));
    stands && !numbered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        hygiene(&Tree::of([("README.md", text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_path_of_one_machine_is_reported() {
        for home in HOMES {
            assert_eq!(lines(&format!("fine\nsee {home}me/agon\n")), [2]);
        }
    }

    #[test]
    fn a_placeholder_needs_an_issue_number() {
        for word in PLACEHOLDERS {
            assert_eq!(lines(&format!("// {word}: later\n// {word} (#12): later\n// {word} # 1\n")), [1, 3]);
        }
    }

    #[test]
    fn a_placeholder_in_backticks_or_within_a_name_is_accepted() {
        let word = PLACEHOLDERS[0];
        assert!(lines(&format!("No `{word}` here.\nMY_{word}_LIST\n{word}S\n")).is_empty());
    }
}
