//! A page for each operation, from its file: formula, what is saved, derivative, reference, kernel, tests and planted bugs.

use std::fmt::Write;

use anyhow::Context;
use toml::{Table, Value};

use crate::tidy::tree::Tree;

const OPERATIONS: &str = "crates/autograd/src/ops";
const PLANTED: &str = "tests/planted.toml";

/// A generated page of the book.
pub(super) struct Page {
    /// The path of the page in the built book; the repository has no such file.
    pub(super) path: String,
    pub(super) title: String,
    pub(super) text: String,
}

/// The pages of the operations in the list `for_each_op!`, in its order.
pub(super) fn pages(tree: &Tree) -> anyhow::Result<Vec<Page>> {
    let list = format!("{OPERATIONS}.rs");
    let list = tree.get(&list).with_context(|| format!("no {list}"))?;
    let planted: Table = tree.get(PLANTED).unwrap_or_default().parse().context(PLANTED)?;
    let entries = list.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once("::"));
    let entries = entries.filter(|(_, name)| name.starts_with(char::is_uppercase));
    let page = |(module, name): (&str, &str)| {
        let name = name.split('<').next().unwrap_or(name);
        let source = tree.get(&format!("{OPERATIONS}/{module}.rs"))?;
        let text = page(tree, &planted, module, name, source);
        Some(Page { path: format!("book/operations/{module}.md"), title: module.to_owned(), text })
    };
    Ok(entries.filter_map(page).collect())
}

fn page(tree: &Tree, planted: &Table, module: &str, name: &str, source: &str) -> String {
    let lines: Vec<&str> = source.lines().collect();
    let mut text = format!("# {module}\n\n");
    let mut part = |title: &str, body: &str| {
        if !body.trim().is_empty() {
            let _ = write!(text, "## {title}\n\n{}\n\n", body.trim_end());
        }
    };
    let opening: Vec<&str> = lines.iter().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let of_type = |name: &str| {
        docs_of(&lines, |line| line.trim_start_matches("pub ").starts_with(&format!("struct {name}")))
    };
    part("What it computes", &format!("{}\n\n{}", opening.join("\n"), of_type(name)));
    part("What is saved for the backward pass", &saved(&lines));
    let others = lines.iter().filter_map(|line| line.strip_prefix("struct "));
    let others: String = others
        .map(|rest| rest.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or(rest))
        .filter(|other| !["Saved", name].contains(other))
        .filter_map(|other| {
            Some(of_type(other)).filter(|docs| !docs.is_empty()).map(|docs| format!("`{other}`: {docs}\n\n"))
        })
        .collect();
    let backward =
        block(&lines, "    fn backward(").map(|code| format!("```rust\n{code}\n```")).unwrap_or_default();
    part("Derivative", &format!("{others}{backward}"));
    let reference = ["    fn reference<", "    fn formula<"].iter().find_map(|start| block(&lines, start));
    part("Reference", &reference.map(|code| format!("```rust\n{code}\n```")).unwrap_or_default());
    let is_kernel = |path: &str| {
        path.strip_prefix("kernels/").and_then(|file| file.strip_suffix(".cu")).is_some_and(|file| {
            file == module || file.strip_prefix(module).is_some_and(|rest| rest.starts_with("_grad"))
        })
    };
    let mut files = vec![format!("{OPERATIONS}/{module}.rs")];
    let folder = format!("{OPERATIONS}/{module}/");
    files.extend(
        tree.files()
            .map(|(path, _)| path.to_owned())
            .filter(|path| path.starts_with(&folder) || is_kernel(path)),
    );
    let links: String = files.iter().map(|path| format!("- [{path}](../../{path})\n")).collect();
    part("Files", &links);
    part("Unit tests", &tests(&lines));
    part("Planted bugs that the tests find", &bugs(planted, module));
    text
}

/// The doc comment before the first line that `is_it`.
fn docs_of(lines: &[&str], is_it: impl Fn(&str) -> bool) -> String {
    let Some(at) = lines.iter().position(|line| is_it(line.trim_start())) else { return String::new() };
    let before = lines[..at].iter().rev().map(|line| line.trim_start());
    let mut docs: Vec<&str> = before
        .take_while(|line| line.starts_with("///") || line.starts_with("#["))
        .filter_map(|line| line.strip_prefix("///"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    docs.reverse();
    docs.join("\n")
}

/// The text of `type Saved`.
fn saved(lines: &[&str]) -> String {
    let Some(line) = lines.iter().find_map(|line| line.trim().strip_prefix("type Saved = ")) else {
        return String::new();
    };
    let is_struct = |line: &&str| line.trim_start_matches("pub ").starts_with("struct Saved {");
    let code = lines.iter().skip_while(|line| !is_struct(line)).take_while(|line| **line != "}");
    let code: String = code.map(|line| format!("{line}\n")).collect();
    match (line.trim_end_matches(';'), docs_of(lines, |line| line.starts_with("type Saved"))) {
        ("()", _) => "Nothing.".into(),
        ("Saved", _) if !code.is_empty() => format!("```rust\n{code}}}\n```"),
        (kind, docs) => format!("`{kind}`. {docs}"),
    }
}

/// The code from the line that begins with `start` to its closing brace, without its indentation.
fn block(lines: &[&str], start: &str) -> Option<String> {
    let from = lines.iter().position(|line| line.starts_with(start))?;
    let length = lines[from..].iter().position(|line| *line == "    }")?;
    let code: Vec<&str> =
        lines[from..=from + length].iter().map(|line| line.get(4..).unwrap_or_default()).collect();
    Some(code.join("\n"))
}

/// The names of the tests in the file, as sentences.
fn tests(lines: &[&str]) -> String {
    let after = lines.windows(2).filter(|pair| pair[0].trim() == "#[test]");
    let names = after.filter_map(|pair| pair[1].trim().strip_prefix("fn ")?.split('(').next());
    names.map(|name| format!("- {}\n", name.replace('_', " "))).collect()
}

/// The planted bugs in the files of an operation.
fn bugs(planted: &Table, module: &str) -> String {
    let bugs = planted.get("bug").and_then(Value::as_array).into_iter().flatten();
    let field =
        |bug: &Value, name: &str| bug.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let [file, folder] = [format!("{OPERATIONS}/{module}.rs"), format!("{OPERATIONS}/{module}/")];
    let of_it = bugs.filter(|bug| field(bug, "file") == file || field(bug, "file").starts_with(&folder));
    let row = |bug: &Value| {
        let [name, find, replace] =
            ["name", "find", "replace"].map(|name| field(bug, name).replace('\n', " "));
        format!("- {name}: `{find}` becomes `{replace}`\n")
    };
    of_it.map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::Repo;

    #[test]
    fn every_operation_of_this_repository_has_a_page_with_its_formula_and_its_derivative() {
        let pages = pages(&Tree::read(Repo::of_this_program().unwrap().root()).unwrap()).unwrap();
        assert!(pages.len() > 30);
        for Page { path, text, .. } in &pages {
            for title in ["What it computes", "What is saved", "Derivative", "Files"] {
                assert!(text.contains(&format!("## {title}")), "{path}: no {title}\n{text}");
            }
        }
        let tanh = &pages.iter().find(|page| page.title == "tanh").unwrap().text;
        assert!(tanh.contains("dx = (1 - y^2) dy") && tanh.contains("(../../kernels/tanh.cu)"), "{tanh}");
        assert!(
            tanh.contains("fn backward(&self, y: &Tensor") && tanh.contains("the derivative of `tanh`"),
            "{tanh}"
        );
    }
}
