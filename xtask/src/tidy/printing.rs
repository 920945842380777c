//! Programs print through `system::terminal`: Rust's own macros panic where a terminal or pipe is closed or full.

use super::Finding;
use super::rust_code::{code_only, lines_with_word};
use super::tree::Tree;

const MACROS: [&str; 4] = ["print", "println", "eprint", "eprintln"];

/// In the sources of crates and of xtask; examples, benchmarks and build scripts are not what users run.
pub(super) fn through_the_terminal_module(tree: &Tree) -> Vec<Finding> {
    let is_program = |path: &str| {
        path.starts_with("xtask/src/")
            || (path.starts_with("crates/") && path.split('/').nth(2) == Some("src"))
    };
    let mut findings = Vec::new();
    for (path, text) in tree.ending_with(".rs").filter(|(path, _)| is_program(path)) {
        // A macro is a word and an exclamation mark; a blank keeps the word's end in sight.
        let code = code_only(text).replace('!', "! ");
        for name in MACROS {
            for line in lines_with_word(&code, &format!("{name}!")) {
                let what = format!(
                    "`{name}!` panics where nothing can be written, and escapes nothing; call `system::terminal`"
                );
                findings.push(Finding::new(path, line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_macro_is_found_in_programs_and_nowhere_else() {
        for name in MACROS {
            let text = format!("// {name}!(1)\nfn f() {{\n    std::{name}!(\"{name}!\");\n}}\n");
            let found = |path: &str| {
                let findings = through_the_terminal_module(&Tree::of([(path, &*text)]));
                findings.iter().map(|finding| finding.line).collect::<Vec<_>>()
            };
            for path in ["crates/experiments/src/cli/a.rs", "crates/data/src/a.rs", "xtask/src/a.rs"] {
                assert_eq!(found(path), [3], "{name} in {path}");
            }
            for path in ["crates/report/examples/a.rs", "crates/tensor/build.rs", "benches/src/a.rs"] {
                assert!(found(path).is_empty(), "{name} in {path}");
            }
        }
    }

    #[test]
    fn other_macros_that_print_into_something_are_fine() {
        let text = "write!(out, 1); writeln!(out); note!(1); tell!(2); let print = 1;";
        assert!(through_the_terminal_module(&Tree::of([("xtask/src/a.rs", text)])).is_empty());
    }
}
