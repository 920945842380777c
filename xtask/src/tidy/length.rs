//! Rules: files have a limited number of lines, and the README's table names the numbers that they have.

use super::Finding;
use super::tree::Tree;

/// The largest number of lines of a file.
const MAX_LINES: usize = 400;

pub(super) fn of_every_file(tree: &Tree) -> Vec<Finding> {
    [".rs", ".py", ".cu", ".cuh"]
        .into_iter()
        .flat_map(|ending| tree.ending_with(ending))
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            let what = || format!("{lines} lines, more than {MAX_LINES}; split the file");
            (lines > MAX_LINES).then(|| Finding::new(path, MAX_LINES + 1, what()))
        })
        .collect()
}

/// Rows of the README's table of files: `| [name](path) | lines | … |`.
pub(super) fn in_the_readme(tree: &Tree) -> Vec<Finding> {
    let readme = tree.get("README.md").unwrap_or_default();
    let rows = readme.lines().enumerate().filter_map(|(index, line)| {
        let (path, rest) = line.strip_prefix("| [")?.split_once("](")?.1.split_once(") | ")?;
        let named: usize = rest.split_once(" |")?.0.parse().ok()?;
        let lines = tree.get(path)?.lines().count();
        let what = || format!("`{path}` has {lines} lines, got {named}; write {lines}");
        (named != lines).then(|| Finding::new("README.md", index + 1, what()))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_number_of_lines_in_the_readme_is_reported() {
        let readme = "| file | lines |\n| [a.rs](a.rs) | 2 | two |\n| [b](b.rs) | 2 | one |\n";
        let tree = Tree::of([("README.md", readme), ("a.rs", "x\ny\n"), ("b.rs", "x\n")]);
        let found = in_the_readme(&tree);
        assert_eq!(found, [Finding::new("README.md", 3, "`b.rs` has 1 lines, got 2; write 1")]);
    }

    #[test]
    fn one_line_too_many_is_reported() {
        for (lines, n_findings) in [(400, 0), (401, 1)] {
            let tree = Tree::of([("a.rs", &*"x\n".repeat(lines))]);
            assert_eq!(of_every_file(&tree).len(), n_findings, "{lines} lines");
        }
    }
}
