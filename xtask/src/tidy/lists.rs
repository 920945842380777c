//! Rule: every file of a folder of operations or experiments is in the list of that folder.

use super::Finding;
use super::tree::Tree;

/// Folders whose files are listed in the file of the same name: `ops/` in `ops.rs` or `ops/mod.rs`.
const FOLDERS: [&str; 2] = ["crates/autograd/src/ops", "crates/experiments/src/claims"];

pub(super) fn are_complete(tree: &Tree) -> Vec<Finding> {
    FOLDERS.iter().flat_map(|folder| of_one(tree, folder)).collect()
}

/// The compiler detects an entry without a file, but not a file without an entry, which would not be compiled or run.
fn of_one(tree: &Tree, folder: &str) -> Vec<Finding> {
    let files = tree.modules_in(folder);
    let list = tree.get(&format!("{folder}.rs")).or_else(|| tree.get(&format!("{folder}/mod.rs")));
    let (Some(list), false) = (list, files.is_empty()) else {
        let what = format!("no list or no files of {folder}; update xtask/src/tidy/lists.rs");
        return vec![Finding::new(folder, 1, what)];
    };
    let code = || list.lines().filter(|line| !line.trim_start().starts_with("//"));
    files
        .into_iter()
        .filter(|name| !code().any(|line| names_something_of(line, name)))
        .map(|name| {
            let what = format!("`{name}` is not in the list of {folder}; add its line there");
            Finding::new(&format!("{folder}/{name}.rs"), 1, what)
        })
        .collect()
}

/// Whether `line` contains `module::Type` or `module::CONSTANT`.
fn names_something_of(line: &str, module: &str) -> bool {
    line.match_indices(&format!("{module}::")).any(|(at, found)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
            && line[at + found.len()..].starts_with(char::is_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(list_file: &str, list: &str) -> Vec<String> {
        let [add, relu] = ["add", "relu"].map(|name| format!("{}/{name}.rs", FOLDERS[0]));
        let tree = Tree::of([(list_file, list), (&add, ""), (&relu, "")]);
        of_one(&tree, FOLDERS[0]).into_iter().map(|finding| finding.file).collect()
    }

    #[test]
    fn a_complete_list_is_accepted_in_either_file() {
        for list_file in ["crates/autograd/src/ops.rs", "crates/autograd/src/ops/mod.rs"] {
            assert!(found(list_file, "mod add;\nadd::Add,\n    relu::Relu,\n").is_empty(), "{list_file}");
        }
    }

    #[test]
    fn a_file_that_is_not_listed_is_reported() {
        for list in ["add::Add\nmod relu;", "add::Add\n// relu::Relu", "add::Add\nmy_relu::Relu\nrelu::new()"]
        {
            assert_eq!(
                found("crates/autograd/src/ops.rs", list),
                ["crates/autograd/src/ops/relu.rs"],
                "{list}"
            );
        }
    }

    #[test]
    fn a_folder_without_list_or_files_is_reported() {
        assert_eq!(found("elsewhere.rs", "add::Add\nrelu::Relu"), [FOLDERS[0]]);
        assert_eq!(of_one(&Tree::default(), FOLDERS[0]).len(), 1);
    }
}
