//! The summary of a job in a few short lines.

use std::fmt::Write;

use report::{Conclusion, Kind, Verdict};
use serde_json::{Map, Value, json};
use system::{terminal, text};

use crate::output::about;
use experiments::reproduce::Outcome;

/// No line is longer, except for the path of the page.
const WIDTH: usize = 60;

/// Failed facts and missing data sets that are named.
const MAX_NAMED: usize = 4;

/// The width of the table where that of the terminal is unknown.
const TABLE_WIDTH: usize = 160;

/// The width of the table of verdicts.
pub(super) fn table_width() -> usize {
    terminal::width().unwrap_or(TABLE_WIDTH)
}

/// The line cut to the width of the terminal; unchanged if the output is not a terminal.
pub(super) fn cut(line: &str) -> String {
    terminal::width().map_or_else(|| line.to_owned(), |columns| within(line, columns.max(WIDTH)))
}

/// The counts of verdicts, missed facts, failed runs, missing data sets, and the path of the page.
pub(super) fn text(outcome: &Outcome, has_table: bool) -> String {
    let Outcome { rows, page, unchecked, failed, images_trained, seconds, .. } = outcome;
    let mut lines = String::new();
    let mut line =
        |of: &str| writeln!(lines, "{}", within(of, WIDTH)).expect("writing to a string cannot fail");
    for (title, claims) in [("claims", true), ("exact facts", false)] {
        let counts = counts(rows, claims);
        if !counts.is_empty() {
            line(title);
        }
        for (conclusion, n) in counts {
            line(&format!("  {} {:<24}{n:>5}", conclusion.symbol(), conclusion.words()));
        }
    }
    let repeated = rows.iter().filter(|row| row.same_as.is_some()).count();
    if repeated > 0 {
        line(&format!("not counted: {} that repeat another row's runs", text::count(repeated, "row")));
    }
    let missed: Vec<&Verdict> = rows.iter().filter(|row| row.conclusion.is_failure()).collect();
    for row in missed.iter().take(MAX_NAMED) {
        line(&format!("≠ {}: {}", row.source, row.about()));
    }
    if missed.len() > MAX_NAMED {
        line(&format!("≠ and {} more", missed.len() - MAX_NAMED));
    }
    if !failed.is_empty() {
        line(&format!("{}: `agon runs --each` shows the reasons", text::count(failed.len(), "failed run")));
    }
    let no_data = without_data(rows);
    if !no_data.is_empty() {
        let named = no_data.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if no_data.len() > MAX_NAMED { ", …" } else { "" };
        line(&format!("without data: {named}{more}"));
        line("  `agon data list` shows how to get them");
    }
    if *images_trained > 0.0 {
        let rate = images_trained / seconds;
        line(&format!("trained on {images_trained:.0} images in {}, {rate:.0} images/s", about(*seconds)));
    }
    if !unchecked.is_empty() {
        line(&format!("results without a checksum: {}", unchecked.join(", ")));
    }
    if !has_table {
        line("for every row add --table, or see verdicts.csv or the page");
    }
    writeln!(lines, "the page: {}", text::path(page)).expect("writing to a string cannot fail");
    lines
}

/// The counts of claims, or of exact facts, by conclusion; a row that repeats another is not counted.
fn counts(rows: &[Verdict], claims: bool) -> Vec<(Conclusion, usize)> {
    let is_counted = |row: &&Verdict| (row.kind != Kind::Exact) == claims && row.same_as.is_none();
    let count = |of| rows.iter().filter(is_counted).filter(|row| row.conclusion == of).count();
    Conclusion::ALL.into_iter().map(|of| (of, count(of))).filter(|(_, n)| *n > 0).collect()
}

/// The data sets that experiments lacked.
fn without_data(rows: &[Verdict]) -> Vec<&str> {
    let lacks = |row: &&Verdict| row.conclusion == Conclusion::NotRun && row.expected == "the data set";
    let mut sets: Vec<&str> = rows.iter().filter(lacks).map(|row| row.data.as_str()).collect();
    sets.sort_unstable();
    sets.dedup();
    sets
}

/// The summary for programs. Conclusions are spelled as in the table of verdicts.
pub(super) fn json(outcome: &Outcome) -> Value {
    let Outcome { rows, page, folder, failed, unchecked, absent, images_trained, seconds } = outcome;
    let counts = |claims| -> Map<String, Value> {
        counts(rows, claims).into_iter().map(|(of, n)| (of.words().to_owned(), n.into())).collect()
    };
    let missed = rows.iter().filter(|row| row.conclusion.is_failure());
    json!({
        "page": page.to_string_lossy(),
        "verdicts": folder.join("verdicts.csv").to_string_lossy(),
        "claims": counts(true),
        "exact_facts": counts(false),
        "missed": missed.map(|row| format!("{}: {}", row.source, row.about())).collect::<Vec<_>>(),
        "failed_runs": failed,
        "without_data": without_data(rows),
        "without_results": absent,
        "without_checksum": unchecked,
        "images_trained": images_trained,
        "seconds": seconds,
    })
}

/// The line, or its beginning if it is wider.
fn within(line: &str, columns: usize) -> String {
    match line.chars().count() > columns {
        true => line.chars().take(columns - 1).chain(['…']).collect(),
        false => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use experiments::reproduce::FailedRun;

    use super::*;

    #[test]
    fn the_summary_fits_a_narrow_terminal_and_names_what_failed() {
        let row = |conclusion, kind| Verdict {
            source: "C1/T4".into(),
            claim: "a claim in so many words that no narrow terminal could ever hold all of them".into(),
            data: format!("data set {conclusion:?}"),
            expected: "the data set".into(),
            conclusion,
            kind,
            ..Verdict::default()
        };
        let is_exact = |one: &Conclusion| [Conclusion::ExactMet, Conclusion::ExactMissed].contains(one);
        let kind = |one: &Conclusion| if is_exact(one) { Kind::Exact } else { Kind::Claim };
        let mut rows: Vec<Verdict> = Conclusion::ALL.iter().map(|one| row(*one, kind(one))).collect();
        rows.push(row(Conclusion::NotRun, Kind::Exact));
        rows.extend((0..9).map(|_| row(Conclusion::ExactMissed, Kind::Exact)));
        let outcome = Outcome {
            rows,
            page: "out/quick/index.html".into(),
            folder: "out/quick".into(),
            failed: vec![FailedRun { key: "ab".into(), label: "FC".into(), reason: "NaN".into() }],
            unchecked: vec!["an-experiment".into(); 20],
            absent: vec![],
            images_trained: 3.25e6,
            seconds: 250.0,
        };
        let value = json(&outcome);
        assert_eq!(
            (&value["claims"]["not run"], &value["exact_facts"]["not exact"]),
            (&1.into(), &10.into())
        );
        assert_eq!(value["failed_runs"][0]["reason"], "NaN");
        assert_eq!(value["missed"].as_array().map(Vec::len), Some(10));
        assert_eq!(value["verdicts"], "out/quick/verdicts.csv");
        let text = text(&outcome, false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().count() <= 25, "{text}");
        for part in [
            "≠ C1/T4",
            "1 failed run: `agon runs",
            "≠ and 6 more",
            "without data: data set NotRun",
            "in 4 min",
            "out/quick/index.html",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
