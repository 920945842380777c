//! No macros that stand for code which is not written yet, or that print while one looks for a fault.

use super::Finding;
use super::rust_code::{code_only, lines_with_word};
use super::tree::Tree;

const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

pub(super) fn macros(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending_with(".rs") {
        // A macro is a word and an exclamation mark; a blank keeps the word's end in sight.
        let code = code_only(text).replace('!', "! ");
        for name in MACROS {
            for line in lines_with_word(&code, &format!("{name}!")) {
                findings.push(Finding::new(
                    path,
                    line,
                    format!("`{name}!` is left over; write the code or take it out"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_macro_is_found_in_code_and_not_in_prose() {
        for name in MACROS {
            let text = format!("// {name}!() is not allowed\nlet s = \"{name}!()\";\nlet x = {name}!(1);\n");
            let findings = macros(&Tree::of([("a.rs", &text)]));
            assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [3], "{name}");
        }
    }

    #[test]
    fn words_that_only_end_alike_are_fine() {
        assert!(macros(&Tree::of([("a.rs", "my_todo!(); let todo = 1; dbg(todo);")])).is_empty());
    }
}
