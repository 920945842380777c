//! Rule: the reliability card in the book is generated from `RELIABILITY.json`, and has all rows.

use super::Finding;
use super::tree::Tree;
use crate::prove::{PAGE, RELIABILITY, is_current};

pub(super) fn is_that_of_its_figures(tree: &Tree) -> Vec<Finding> {
    // The test trees of other rules have neither.
    let Some(page) = tree.get(PAGE) else { return vec![] };
    let found = match tree.get(RELIABILITY) {
        Some(figures) => is_current(page, figures),
        None => Err(format!("there is no {RELIABILITY}; run `cargo xtask prove`")),
    };
    found.err().map(|what| Finding::new(PAGE, 1, what)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_figures_is_reported_and_a_tree_without_a_page_is_accepted() {
        assert_eq!(is_that_of_its_figures(&Tree::of([(PAGE, "# Page\n")])).len(), 1);
        assert_eq!(is_that_of_its_figures(&Tree::of([(PAGE, "# Page\n"), (RELIABILITY, "{}")])).len(), 1);
        assert_eq!(is_that_of_its_figures(&Tree::default()), []);
    }
}
