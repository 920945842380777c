//! `RELIABILITY.json`, and the reliability card in the book generated from it.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::rows::ROWS;

/// The file of figures by row.
pub(crate) const RELIABILITY: &str = "RELIABILITY.json";

/// The page with the card.
pub(crate) const PAGE: &str = "book/reliability.md";

const BEGIN: &str = "<!-- reliability: written by `cargo xtask prove` from RELIABILITY.json -->";
const END: &str = "<!-- reliability: end -->";

/// The status of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ended {
    Passed {
        n: u64,
    },
    /// All steps that could run passed.
    Partly {
        n: u64,
    },
    Failed {
        n: u64,
        failures: u64,
    },
    NotRun,
}

/// A row of the card.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) promise: String,
    pub(super) ended: Ended,
    /// The result, or why nothing was run.
    pub(super) figure: String,
    pub(super) seconds: f64,
    /// The size of the tests: `ci` or `long`.
    pub(super) size: String,
    pub(super) commit: String,
    pub(super) machine: String,
}

impl Entry {
    fn never_run(id: &str, promise: &str) -> Self {
        let text = String::new;
        let (id, promise) = (id.to_owned(), promise.to_owned());
        let figure = format!("`cargo xtask prove --only {id}` has not been called");
        let (size, commit, machine) = (text(), text(), text());
        Self { id, promise, ended: Ended::NotRun, figure, seconds: 0.0, size, commit, machine }
    }

    pub(super) fn in_words(&self) -> String {
        match self.ended {
            Ended::Passed { n } => format!("passed, n = {n}: {}", self.figure),
            Ended::Partly { n } => format!("passed in part, n = {n}: {}", self.figure),
            Ended::Failed { n, failures } => format!("FAILED, {failures} of {n}: {}", self.figure),
            Ended::NotRun => format!("not run: {}", self.figure),
        }
    }

    fn to_json(&self) -> Value {
        let Self { id, promise, ended, figure, seconds, size, commit, machine } = self;
        let (status, n, failures) = match ended {
            Ended::Passed { n } => ("passed", Some(*n), Some(0)),
            Ended::Partly { n } => ("passed in part", Some(*n), Some(0)),
            Ended::Failed { n, failures } => ("failed", Some(*n), Some(*failures)),
            Ended::NotRun => ("not run", None, None),
        };
        json!({
            "id": id, "what": promise, "status": status, "n": n, "failures": failures, "figure": figure,
            "seconds": (seconds * 10.0).round() / 10.0, "size": size, "commit": commit, "machine": machine,
        })
    }

    fn parse(value: &Value) -> Option<Self> {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let number = |key: &str| value[key].as_u64();
        let ended = match value["status"].as_str()? {
            "passed" => Ended::Passed { n: number("n")? },
            "passed in part" => Ended::Partly { n: number("n")? },
            "failed" => Ended::Failed { n: number("n")?, failures: number("failures")? },
            "not run" => Ended::NotRun,
            _ => return None,
        };
        Some(Self {
            id: text("id")?,
            promise: text("what")?,
            ended,
            figure: text("figure")?,
            seconds: value["seconds"].as_f64()?,
            size: text("size")?,
            commit: text("commit")?,
            machine: text("machine")?,
        })
    }

    fn line(&self) -> String {
        let (n, failures) = match self.ended {
            Ended::Passed { n } => (n.to_string(), "0".to_owned()),
            Ended::Partly { n } => (n.to_string(), "0, in part".to_owned()),
            Ended::Failed { n, failures } => (n.to_string(), format!("**{failures}**")),
            Ended::NotRun => (String::new(), "not run".to_owned()),
        };
        let long = if self.size == "long" && self.ended != Ended::NotRun { " (long)" } else { "" };
        format!(
            "| {} | {} | {n}{long} | {failures} | {} |",
            self.id,
            self.promise,
            self.figure.replace('|', "/")
        )
    }
}

/// All rows that have been run.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Card {
    entries: Vec<Entry>,
}

impl Card {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let rows = value["rows"].as_array().context("expected a list `rows`, got none")?;
        let entry =
            |value: &Value| Entry::parse(value).with_context(|| format!("a row is incomplete: {value}"));
        Ok(Self { entries: rows.iter().map(entry).collect::<anyhow::Result<_>>()? })
    }

    pub(super) fn to_json(&self) -> String {
        let rows: Vec<Value> = self.entries.iter().map(Entry::to_json).collect();
        format!("{:#}\n", json!({ "rows": rows }))
    }

    /// Replaces the entry of a row.
    pub(super) fn put(&mut self, entry: Entry) {
        self.entries.retain(|known| known.id != entry.id);
        self.entries.push(entry);
    }

    /// Sorts the rows, and adds entries for rows that were never run.
    pub(super) fn complete(&mut self) {
        let entries = ROWS.iter().map(|row| {
            let known = self.entries.iter().find(|entry| entry.id == row.id).cloned();
            known.unwrap_or_else(|| Entry::never_run(row.id, row.promise))
        });
        self.entries = entries.collect();
    }

    fn to_markdown(&self) -> String {
        let mut text = String::from(
            "| row | what is promised | n | failures | figure |\n| --- | --- | --- | --- | --- |\n",
        );
        self.entries.iter().for_each(|entry| text += &format!("{}\n", entry.line()));
        let run = || self.entries.iter().filter(|entry| entry.ended != Ended::NotRun);
        let distinct = |of: fn(&Entry) -> &str| {
            let mut texts: Vec<&str> = run().map(of).collect();
            texts.sort_unstable();
            texts.dedup();
            texts.join("; ")
        };
        let (commits, machines) = (distinct(|entry| &entry.commit), distinct(|entry| &entry.machine));
        text + &format!("\nOf commit {commits}, on {machines}.\n")
    }
}

/// The page with this card between its markers.
pub(super) fn placed(page: &str, card: &Card) -> anyhow::Result<String> {
    let begin = page.find(BEGIN).with_context(|| format!("{PAGE} has no line {BEGIN}"))? + BEGIN.len();
    let end = page.find(END).with_context(|| format!("{PAGE} has no line {END}"))?;
    ensure!(begin <= end, "{PAGE}: {END} is before {BEGIN}; restore the markers");
    Ok(format!("{}\n{}{}", &page[..begin], card.to_markdown(), &page[end..]))
}

/// Checks that the page's card is generated from the figures and no row is missing.
pub(crate) fn is_current(page: &str, figures: &str) -> Result<(), String> {
    let card = Card::parse(figures).map_err(|error| format!("{RELIABILITY}: {error:#}"))?;
    let ids = || card.entries.iter().map(|entry| entry.id.as_str());
    if !ids().eq(ROWS.iter().map(|row| row.id)) {
        return Err(format!(
            "{RELIABILITY}: expected the rows R1 to R22 in order, got {}",
            ids().collect::<Vec<_>>().join(", ")
        ));
    }
    let expected = placed(page, &card).map_err(|error| format!("{error:#}"))?;
    match expected == page {
        true => Ok(()),
        false => Err(format!("the card does not match {RELIABILITY}; run `cargo xtask prove --only R3`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, ended: Ended) -> Entry {
        let (promise, figure) = ("it holds".into(), "0 of 3".into());
        let (size, commit, machine) = ("long".into(), "0123abc".into(), "a CPU, 2 cores".into());
        Entry { id: id.into(), promise, ended, figure, seconds: 0.5, size, commit, machine }
    }

    fn page() -> String {
        format!("# Reliability\n\n{BEGIN}\nold\n{END}\n\nmore\n")
    }

    #[test]
    fn a_card_is_written_and_read_back() {
        let mut card = Card::default();
        card.put(entry("R2", Ended::Failed { n: 3, failures: 1 }));
        card.put(entry("R1", Ended::Passed { n: 3 }));
        card.put(entry("R2", Ended::NotRun));
        card.put(entry("R3", Ended::Partly { n: 3 }));
        card.complete();
        assert_eq!(Card::parse(&card.to_json()).unwrap(), card);
        assert_eq!(card.entries.len(), ROWS.len());
        assert_eq!((card.entries[0].ended, card.entries[1].ended), (Ended::Passed { n: 3 }, Ended::NotRun));
    }

    #[test]
    fn rows_that_passed_failed_or_did_not_run_are_distinguishable() {
        assert_eq!(entry("R1", Ended::Passed { n: 3 }).line(), "| R1 | it holds | 3 (long) | 0 | 0 of 3 |");
        assert_eq!(entry("R1", Ended::NotRun).line(), "| R1 | it holds |  | not run | 0 of 3 |");
        assert_eq!(
            entry("R1", Ended::Partly { n: 3 }).line(),
            "| R1 | it holds | 3 (long) | 0, in part | 0 of 3 |"
        );
        let failed = entry("R1", Ended::Failed { n: 3, failures: 2 });
        assert_eq!(failed.line(), "| R1 | it holds | 3 (long) | **2** | 0 of 3 |");
    }

    #[test]
    fn a_stale_or_incomplete_card_is_detected() {
        let mut card = Card::default();
        card.put(entry("R1", Ended::Passed { n: 3 }));
        assert!(is_current(&page(), &card.to_json()).unwrap_err().contains("got R1"));
        card.complete();
        assert!(is_current(&page(), &card.to_json()).unwrap_err().contains("cargo xtask prove"));
        let current = placed(&page(), &card).unwrap();
        assert_eq!(is_current(&current, &card.to_json()), Ok(()));
        assert!(is_current("# Page\n", &card.to_json()).is_err() && is_current(&current, "{}").is_err());
        assert!(current.ends_with(&format!("{END}\n\nmore\n")));
    }
}
