//! A list and the folder it lists hold the same names: operations, and claims.

use super::Finding;
use super::rust_code::code_only;
use super::tree::Tree;

/// Every file of `ops/` is named in `for_each_op!`, and every name there has a file.
pub(super) fn of_operations(tree: &Tree) -> Vec<Finding> {
    let folder = "crates/autograd/src/ops";
    let files = tree.modules_in(folder);
    let Some((path, text)) = list_of(tree, folder) else { return without_list(folder, &files) };
    let code = code_only(text);
    let body = code.find("macro_rules! for_each_op").map_or("", |start| braces(&code[start..]));
    let listed = modules_named_in(body);
    let mut findings = Vec::new();
    for file in &files {
        if !listed.contains(file) {
            let what =
                format!("operation `{file}` is not in the list `for_each_op!` of {path}; add its line");
            findings.push(Finding::new(&format!("{folder}/{file}.rs"), 1, what));
        }
    }
    for name in listed {
        if !files.contains(&name) {
            let line = code
                .lines()
                .position(|line| modules_named_in(line).contains(&name))
                .map_or(1, |index| index + 1);
            let what = format!(
                "`for_each_op!` lists `{name}`, but there is no {folder}/{name}.rs; add it or drop the line"
            );
            findings.push(Finding::new(path, line, what));
        }
    }
    findings
}

/// Every file of `claims/` is a module of `claims.rs` and stands in its list, that is, something in it is named.
pub(super) fn of_claims(tree: &Tree) -> Vec<Finding> {
    let folder = "crates/experiments/src/claims";
    let files = tree.modules_in(folder);
    let Some((path, text)) = list_of(tree, folder) else { return without_list(folder, &files) };
    let code = code_only(text);
    let named = modules_named_in(&code);
    let is_module = |file: &str| code.lines().any(|line| line.trim().ends_with(&format!("mod {file};")));
    files
        .into_iter()
        .filter(|file| !(is_module(file) && named.contains(file)))
        .map(|file| {
            let what = format!(
                "claim `{file}` is not in the list of {path}; add `mod {file};` and its line in the list"
            );
            Finding::new(&format!("{folder}/{file}.rs"), 1, what)
        })
        .collect()
}

/// The file that declares the modules of `folder`: `folder.rs` or `folder/mod.rs`.
fn list_of<'a>(tree: &'a Tree, folder: &str) -> Option<(&'a str, &'a str)> {
    let candidates = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
    tree.files().find(|(path, _)| candidates.iter().any(|candidate| candidate == path))
}

fn without_list(folder: &str, files: &[&str]) -> Vec<Finding> {
    let what = || format!("no {folder}.rs lists this file; add it with the list");
    files.iter().map(|file| Finding::new(&format!("{folder}/{file}.rs"), 1, what())).collect()
}

/// The text from the first opening brace to the one that closes it.
fn braces(code: &str) -> &str {
    let mut depth = 0;
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return &code[..at];
        }
    }
    code
}

/// The `name` of every `name::Type` or `name::CONSTANT`; `crate::` and `$type::` are no modules of ours.
fn modules_named_in(code: &str) -> Vec<&str> {
    let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut names: Vec<&str> = code
        .match_indices("::")
        .filter(|&(at, _)| code[at + 2..].starts_with(|letter: char| letter.is_uppercase()))
        .map(|(at, _)| {
            let before = &code[..at];
            let start = before.rfind(|letter| !in_word(letter)).map_or(0, |other| other + 1);
            (before[..start].ends_with('$'), &before[start..])
        })
        .filter(|(is_variable, name)| !is_variable && name.starts_with(|letter: char| letter.is_lowercase()))
        .map(|(_, name)| name)
        .filter(|name| !["crate", "self", "super"].contains(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPS: &str = "//! Operations.\nmod matmul;\nmod relu;\n\
                       /// Every one.\nmacro_rules! for_each_op {\n    ($each:ident) => {\n        $each! {\n\
                       matmul::MatMul,\n// gone::Gone,\nrelu::Relu,\n        }\n    };\n}\nuse other::Thing;\n";

    fn places(findings: &[Finding]) -> Vec<(&str, usize)> {
        findings.iter().map(|finding| (&*finding.file, finding.line)).collect()
    }

    #[test]
    fn a_list_that_names_every_file_is_fine_in_either_place() {
        for list in ["crates/autograd/src/ops.rs", "crates/autograd/src/ops/mod.rs"] {
            let tree = Tree::of([
                (list, OPS),
                ("crates/autograd/src/ops/matmul.rs", ""),
                ("crates/autograd/src/ops/relu.rs", ""),
            ]);
            assert_eq!(of_operations(&tree), [], "{list}");
        }
    }

    #[test]
    fn an_operation_that_is_not_listed_is_found() {
        let tree = Tree::of([
            ("crates/autograd/src/ops.rs", OPS),
            ("crates/autograd/src/ops/gone.rs", ""),
            ("crates/autograd/src/ops/matmul.rs", ""),
            ("crates/autograd/src/ops/relu.rs", ""),
        ]);
        assert_eq!(places(&of_operations(&tree)), [("crates/autograd/src/ops/gone.rs", 1)]);
    }

    #[test]
    fn a_listed_operation_without_a_file_is_found() {
        let tree = Tree::of([("crates/autograd/src/ops.rs", OPS), ("crates/autograd/src/ops/relu.rs", "")]);
        assert_eq!(places(&of_operations(&tree)), [("crates/autograd/src/ops.rs", 8)]);
    }

    #[test]
    fn operations_without_a_list_are_found() {
        let file = ("crates/autograd/src/ops/relu.rs", "");
        assert_eq!(of_operations(&Tree::of([file])).len(), 1);
        assert_eq!(
            of_operations(&Tree::of([file, ("crates/autograd/src/ops.rs", "mod relu; relu::Relu")])).len(),
            1
        );
    }

    #[test]
    fn a_claim_needs_its_module_and_its_line_in_the_list() {
        let claim = ("crates/experiments/src/claims/width.rs", "");
        for (list, n_findings) in [
            ("mod width;\nconst ALL: &[Claim] = &[width::CLAIM];", 0),
            ("pub mod width;\nfn all() { visit::<width::Width>() }", 0),
            ("mod width;", 1),
            ("mod width;\n// width::CLAIM", 1),
            ("use elsewhere::width;\nwidth::CLAIM", 1),
        ] {
            let tree = Tree::of([claim, ("crates/experiments/src/claims.rs", list)]);
            assert_eq!(of_claims(&tree).len(), n_findings, "{list}");
        }
        assert_eq!(of_claims(&Tree::of([claim])).len(), 1);
    }

    #[test]
    fn folders_that_do_not_exist_have_nothing_to_check() {
        assert_eq!(of_operations(&Tree::default()), []);
        assert_eq!(of_claims(&Tree::default()), []);
    }
}
