//! The list of planted bugs, and planting one behind a switch.

use anyhow::{Context, bail, ensure};
use toml::Table;

use crate::repo::Repo;

const LIST: &str = "tests/planted.toml";

/// A planted bug.
#[derive(Debug, Clone)]
pub(super) struct Bug {
    /// The file that contains `find`, relative to the root.
    pub(super) file: String,
    pub(super) name: String,
    /// An expression, or a statement with its semicolon, that occurs in the file exactly once.
    find: String,
    replace: String,
    /// The test program, and a part of the names of the tests that should fail.
    pub(super) caught_by: String,
}

/// Reads the list and checks that every `find` occurs exactly once.
pub(super) fn read(repo: &Repo) -> anyhow::Result<Vec<Bug>> {
    let text = repo.sh.read_file(LIST)?;
    let bugs = parse(&text).with_context(|| format!("cannot parse {LIST}"))?;
    for bug in &bugs {
        let Bug { file, find, .. } = bug;
        let count = repo.sh.read_file(file)?.matches(find.as_str()).count();
        ensure!(count == 1, "{LIST}: `{find}`: expected once in {file}, got {count} times; update the quote");
    }
    Ok(bugs)
}

fn parse(text: &str) -> anyhow::Result<Vec<Bug>> {
    let table: Table = text.parse()?;
    let list =
        table.get("bug").and_then(|list| list.as_array()).context("expected [[bug]] entries, got none")?;
    let bug = |entry: &toml::Value| {
        let field = |key: &str| -> anyhow::Result<String> {
            let value = entry.get(key).and_then(|value| value.as_str());
            Ok(value.with_context(|| format!("a bug without a string `{key}`: {entry}"))?.to_owned())
        };
        let bug = Bug {
            file: field("file")?,
            name: field("name")?,
            find: field("find")?,
            replace: field("replace")?,
            caught_by: field("caught_by")?,
        };
        if !bug.caught_by.contains(' ') {
            bail!("`caught_by`: expected a test program and a part of a name, got `{}`", bug.caught_by);
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

    /// Whether `text` occurs in its file, name or test.
    pub(super) fn mentions(&self, text: &str) -> bool {
        [&self.file, &self.name, &self.caught_by].iter().any(|of_bug| of_bug.contains(text))
    }

    /// `source` with both versions of the line and a switch.
    pub(super) fn plant(&self, number: usize, source: &str) -> String {
        let Self { find, replace, .. } = self;
        let both = format!("if crate::planted({number}) {{ {replace} }} else {{ {find} }}");
        // A statement remains one; an expression needs parentheses.
        let both = if find.ends_with(';') { both } else { format!("({both})") };
        source.replacen(find.as_str(), &both, 1)
    }
}

/// The switch of a crate: the number of the active bug is read from the environment.
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
    fn an_incomplete_list_is_refused() {
        assert!(parse("").is_err() && parse(ENTRY).is_err());
        assert!(parse(&format!("{ENTRY}caught_by = 'every_op'\n")).is_err());
    }

    #[test]
    fn every_quote_of_the_real_list_occurs_once() {
        assert!(read(&Repo::of_this_program().unwrap()).unwrap().len() >= 40);
    }
}
