//! Rule: files have a limited number of lines.

use super::Finding;
use super::tree::Tree;

/// The largest number of lines of a file.
const MOST_LINES: usize = 400;

pub(super) fn of_every_file(tree: &Tree) -> Vec<Finding> {
    [".rs", ".py", ".cu", ".cuh"]
        .into_iter()
        .flat_map(|ending| tree.ending_with(ending))
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            let what = || format!("{lines} lines, more than {MOST_LINES}; split the file");
            (lines > MOST_LINES).then(|| Finding::new(path, MOST_LINES + 1, what()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_too_many_is_reported() {
        for (lines, n_findings) in [(400, 0), (401, 1)] {
            let tree = Tree::of([("a.rs", &*"x\n".repeat(lines))]);
            assert_eq!(of_every_file(&tree).len(), n_findings, "{lines} lines");
        }
    }
}
