//! The summary of a job in a few short lines.

use std::fmt::Write;

use report::{Conclusion, Kind, Verdict};
use system::{terminal, text};

use super::output::about;
use experiments::reproduce::Outcome;

/// No line is longer, except for the path of the page.
const WIDTH: usize = 60;

/// Failed facts and missing data sets that are named.
const MOST_NAMED: usize = 4;

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

/// Counts, what failed, what was not run, and where the page is.
pub(super) fn text(outcome: &Outcome, has_table: bool) -> String {
    let Outcome { rows, page, unchecked, absent: _, images_trained, seconds } = outcome;
    let mut lines = String::new();
    let mut line = |of: &str| writeln!(lines, "{}", within(of, WIDTH)).expect("a string takes every line");
    // A row that repeats another is not counted.
    let of = |claims: bool| {
        let is_claim = |row: &&Verdict| (row.kind != Kind::Exact) == claims && row.same_as.is_none();
        rows.iter().filter(is_claim).collect::<Vec<_>>()
    };
    for (title, rows) in [("claims", of(true)), ("exact facts", of(false))] {
        if rows.is_empty() {
            continue;
        }
        line(title);
        for conclusion in Conclusion::ALL {
            let n = rows.iter().filter(|row| row.conclusion == conclusion).count();
            if n > 0 {
                line(&format!("  {} {:<24}{n:>5}", conclusion.symbol(), conclusion.words()));
            }
        }
    }
    let missed: Vec<&Verdict> = rows.iter().filter(|row| row.conclusion.is_failure()).collect();
    for row in missed.iter().take(MOST_NAMED) {
        line(&format!("≠ {}: {}", row.source, row.about()));
    }
    if missed.len() > MOST_NAMED {
        line(&format!("≠ and {} more", missed.len() - MOST_NAMED));
    }
    let mut no_data: Vec<&str> = rows
        .iter()
        .filter(|row| row.conclusion == Conclusion::NotRun && row.expected == "the data set")
        .map(|row| row.data.as_str())
        .collect();
    no_data.sort_unstable();
    no_data.dedup();
    if !no_data.is_empty() {
        let named = no_data.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if no_data.len() > MOST_NAMED { ", …" } else { "" };
        line(&format!("without data: {named}{more}"));
        line("  `agon data list` says how to get them");
    }
    if *images_trained > 0.0 {
        let rate = images_trained / seconds;
        line(&format!("trained on {images_trained:.0} images in {}, {rate:.0} images/s", about(*seconds)));
    }
    if !unchecked.is_empty() {
        line(&format!("results without a checksum: {}", unchecked.join(", ")));
    }
    if !has_table {
        line("every row: add --table, or see verdicts.csv or the page");
    }
    writeln!(lines, "the page: {}", text::path(page)).expect("a string takes every line");
    lines
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
            unchecked: vec!["an-experiment".into(); 20],
            absent: vec![],
            images_trained: 3.25e6,
            seconds: 250.0,
        };
        let text = text(&outcome, false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().count() <= 25, "{text}");
        for part in
            ["≠ C1/T4", "≠ and 6 more", "without data: data set NotRun", "in 4 min", "out/quick/index.html"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
