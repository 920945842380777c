//! Rule: links between documents are valid, and every claim code is explained in the book.

use super::Finding;
use super::tree::Tree;

/// The table that explains the codes, and the list of codes in results.
const CODES: &str = "book/codes.md";
const CLAIMS: &str = "crates/experiments/src/claim_id.rs";

/// Relative links in Markdown point to existing files or folders, and their fragments to headings.
pub(super) fn lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let of_line = |path: &str, index: usize, line: &str| -> Vec<Finding> {
        let dead = targets(line).filter(|target| !exists(tree, path, target));
        dead.map(|target| {
            Finding::new(path, index + 1, format!("the link `{target}` has no target; correct it"))
        })
        .collect()
    };
    tree.ending_with(".md")
        .flat_map(|(path, text)| {
            text.lines().enumerate().flat_map(move |(index, line)| of_line(path, index, line))
        })
        .collect()
}

/// The targets of the links in a line that are paths or fragments.
pub(crate) fn targets(line: &str) -> impl Iterator<Item = &str> {
    let ends = |at: usize| line[at..].find(')').map(|length| &line[at..at + length]);
    let all = line.match_indices("](").filter_map(move |(at, open)| ends(at + open.len()));
    all.filter(|target| !target.contains("://") && !target.contains(' '))
}

fn exists(tree: &Tree, from: &str, target: &str) -> bool {
    let (path, fragment) = target.split_once('#').map_or((target, None), |(path, part)| (path, Some(part)));
    let path = if path.is_empty() { from.to_owned() } else { resolved(from, path) };
    let folder = format!("{path}/");
    match (tree.get(&path), fragment) {
        (Some(text), Some(fragment)) => headings(text).any(|heading| anchor(heading) == fragment),
        (Some(_), None) => true,
        (None, _) => fragment.is_none() && tree.files().any(|(file, _)| file.starts_with(&folder)),
    }
}

/// `target` relative to the root, resolved from the folder of `from`.
pub(crate) fn resolved(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The headings of a document, outside of code blocks.
fn headings(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        inside ^= line.starts_with("```");
        !inside && line.starts_with('#')
    })
}

/// The fragment of a heading on GitHub: lower case, no punctuation, hyphens for spaces.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// Every part of every claim code in results has a row in the book's table.
pub(super) fn explain_every_code(tree: &Tree) -> Vec<Finding> {
    let (Some(claims), Some(table)) = (tree.get(CLAIMS), tree.get(CODES)) else { return vec![] };
    let spelled = claims
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, line.split_once(" = \"")?.1.strip_suffix("\",")?)));
    spelled
        .flat_map(|(line, spelling)| spelling.split(['/', ',']).map(move |code| (line, code)))
        .filter(|(_, code)| !table.contains(&format!("| {code} |")))
        .map(|(line, code)| Finding::new(CLAIMS, line, format!("`{code}` has no row in {CODES}; add one")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(text: &str) -> Vec<String> {
        let other = "# One two\n```sh\n# no heading\n```\n## 6.A Closed forms: `exact`\n";
        let tree = Tree::of([("book/a.md", text), ("book/b.md", other), ("crates/x/lib.rs", "")]);
        lead_somewhere(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn links_to_files_folders_and_headings_are_accepted() {
        assert!(
            dead("[b](b.md) [c](../crates/x) [d](./b.md#one-two) [e](b.md#6a-closed-forms-exact)").is_empty()
        );
        assert!(dead("# Here\n[here](#here) [out](https://example.org/x#y)").is_empty());
    }

    #[test]
    fn dead_links_are_reported() {
        for target in ["c.md", "../crates/y", "b.md#two", "b.md#no-heading", "#there"] {
            assert_eq!(
                dead(&format!("[x]({target})")),
                [format!("the link `{target}` has no target; correct it")]
            );
        }
    }

    #[test]
    fn a_code_without_a_row_is_reported() {
        let claims = "        /// A title.\n        C1T4 = \"C1/T4\",\n";
        for (table, found) in [("| C1 | x |\n| T4 | y |\n", 0), ("| C1 | x |\n| T40 | y |\n", 1)] {
            let tree = Tree::of([(CLAIMS, claims), (CODES, table)]);
            assert_eq!(explain_every_code(&tree).len(), found);
        }
    }
}
