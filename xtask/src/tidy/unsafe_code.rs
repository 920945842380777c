//! Unsafe code lives in two crates, and the compiler is told so everywhere else.

use super::Finding;
use super::rust_code::{code_only, lines_with_word};
use super::tree::Tree;

/// `tensor` launches kernels, uses SIMD and owns the allocator; `kernels` calls the emulator, which is C++.
const ALLOWED: [&str; 2] = ["crates/tensor/", "kernels/src/"];

const FORBID: &str = "#![forbid(unsafe_code)]";

pub(super) fn outside_its_crates(tree: &Tree) -> Vec<Finding> {
    tree.ending_with(".rs")
        .filter(|(path, _)| !ALLOWED.iter().any(|allowed| path.starts_with(allowed)))
        .flat_map(of_one)
        .collect()
}

fn of_one((path, text): (&str, &str)) -> Vec<Finding> {
    let code = code_only(text);
    let mut findings: Vec<Finding> = lines_with_word(&code, "unsafe")
        .into_iter()
        .map(|line| {
            Finding::new(
                path,
                line,
                "unsafe code outside crates/tensor and kernels/src; move it there behind a safe function",
            )
        })
        .collect();
    let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    if is_root && !code.lines().any(|line| line.trim() == FORBID) {
        findings.push(Finding::new(path, 1, format!("no `{FORBID}`; write it below the opening sentence")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_code_is_found_outside_its_crates_only() {
        let block = "//! Reads.\nfn f() {\n    unsafe { g() }\n}\n";
        let tree = Tree::of([
            ("crates/data/src/read.rs", block),
            ("crates/tensor/src/launch.rs", block),
            ("kernels/src/launch.rs", block),
        ]);
        let findings = outside_its_crates(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!((&*findings[0].file, findings[0].line), ("crates/data/src/read.rs", 3));
    }

    #[test]
    fn a_crate_that_does_not_forbid_unsafe_code_is_found_even_if_it_says_so_in_prose() {
        let text = "//! Data sets.\n// #![forbid(unsafe_code)]\n";
        assert_eq!(outside_its_crates(&Tree::of([("crates/data/src/lib.rs", text)])).len(), 1);
        let text = "//! Data sets.\n\n#![forbid(unsafe_code)]\n";
        assert!(outside_its_crates(&Tree::of([("crates/data/src/lib.rs", text)])).is_empty());
    }
}
