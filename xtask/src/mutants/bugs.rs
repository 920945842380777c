//! The list of bugs, and how one of them is planted behind a switch.

use anyhow::{Context, bail, ensure};
use toml::Table;

use crate::repo::Repo;

const LIST: &str = "tests/planted.toml";

/// One wrong line.
#[derive(Debug, Clone)]
pub(super) struct Bug {
    /// The file that holds `find`, from the root.
    pub(super) file: String,
    pub(super) name: String,
    /// An expression, or a statement with its semicolon, that stands in the file once.
    find: String,
    replace: String,
    /// The test program, and what stands in the names of the tests that should fail.
    pub(super) caught_by: String,
}

/// Reads the list and asks that every place is there once.
pub(super) fn read(repo: &Repo) -> anyhow::Result<Vec<Bug>> {
    let text = repo.sh.read_file(LIST)?;
    let bugs = parse(&text).with_context(|| format!("{LIST} is not a list of bugs"))?;
    for bug in &bugs {
        let Bug { file, find, .. } = bug;
        let count = repo.sh.read_file(file)?.matches(find.as_str()).count();
        ensure!(count == 1, "{LIST}: `{find}` stands in {file} {count} times, wanted once");
    }
    Ok(bugs)
}

fn parse(text: &str) -> anyhow::Result<Vec<Bug>> {
    let table: Table = text.parse()?;
    let list = table.get("bug").and_then(|list| list.as_array()).context("there is no [[bug]]")?;
    let bug = |entry: &toml::Value| {
        let field = |key: &str| -> anyhow::Result<String> {
            let value = entry.get(key).and_then(|value| value.as_str());
            Ok(value.with_context(|| format!("a bug has no text `{key}`: {entry}"))?.to_owned())
        };
        let bug = Bug {
            file: field("file")?,
            name: field("name")?,
            find: field("find")?,
            replace: field("replace")?,
            caught_by: field("caught_by")?,
        };
        if !bug.caught_by.contains(' ') {
            bail!("`caught_by` wants a test program and a part of a name, got `{}`", bug.caught_by);
        }
        Ok(bug)
    };
    list.iter().map(bug).collect()
}

impl Bug {
    /// The test program and the filter.
    pub(super) fn tests(&self) -> (&str, &str) {
        self.caught_by.split_once(' ').expect("the list was checked")
    }

    /// Whether `text` stands in its file, its name or its test.
    pub(super) fn mentions(&self, text: &str) -> bool {
        [&self.file, &self.name, &self.caught_by].iter().any(|of_bug| of_bug.contains(text))
    }

    /// `source` with both versions of the line in it.
    pub(super) fn plant(&self, number: usize, source: &str) -> String {
        let Self { find, replace, .. } = self;
        let both = format!("if crate::planted({number}) {{ {replace} }} else {{ {find} }}");
        // A statement stays one; an expression must not fall apart into its neighbours.
        let both = if find.ends_with(';') { both } else { format!("({both})") };
        source.replacen(find.as_str(), &both, 1)
    }
}

/// What a crate needs for its switches: the number of the bug that is switched on comes from the environment.
pub(super) const SWITCH: &str = r#"
#[doc(hidden)]
pub fn planted(number: usize) -> bool {
    static ON: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    let read = || std::env::var("AGON_PLANTED").ok()?.parse().ok();
    *ON.get_or_init(read) == Some(number)
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[[bug]]\nfile = 'f.rs'\nname = 'n'\nfind = 'a + b'\nreplace = 'a'\n";

    #[test]
    fn an_expression_and_a_statement_hold_both_versions() {
        let text = format!("{ENTRY}caught_by = 'every_op add::'\n");
        let bug = &parse(&text).unwrap()[0];
        assert_eq!(bug.tests(), ("every_op", "add::"));
        assert!(bug.mentions("add::") && bug.mentions("f.rs") && !bug.mentions("sub::"));
        assert_eq!(bug.plant(3, "2 * a + b"), "2 * (if crate::planted(3) { a } else { a + b })");
        let statement = Bug { find: "x = 1;".into(), replace: String::new(), ..bug.clone() };
        assert_eq!(statement.plant(4, "{ x = 1; }"), "{ if crate::planted(4) {  } else { x = 1; } }");
    }

    #[test]
    fn a_list_with_a_hole_is_refused() {
        assert!(parse("").is_err() && parse(ENTRY).is_err());
        assert!(parse(&format!("{ENTRY}caught_by = 'every_op'\n")).is_err());
    }

    #[test]
    fn every_place_of_the_real_list_is_there_once() {
        assert!(read(&Repo::of_this_program().unwrap()).unwrap().len() >= 40);
    }
}
