//! One idea a file: a long file has two.

use super::Finding;
use super::tree::Tree;

/// The guide says to look for the second idea past 300 lines; past this many it is there.
const MOST_LINES: usize = 400;

pub(super) fn of_every_file(tree: &Tree) -> Vec<Finding> {
    [".rs", ".py", ".cu", ".cuh"]
        .into_iter()
        .flat_map(|ending| tree.ending_with(ending))
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            let what =
                || format!("{lines} lines, more than {MOST_LINES}; give the second idea a file of its own");
            (lines > MOST_LINES).then(|| Finding::new(path, MOST_LINES + 1, what()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_too_many_is_found() {
        for (lines, n_findings) in [(400, 0), (401, 1)] {
            let tree = Tree::of([("a.rs", &*"x\n".repeat(lines))]);
            assert_eq!(of_every_file(&tree).len(), n_findings, "{lines} lines");
        }
    }
}
