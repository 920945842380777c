//! The table of verdicts as text, CSV and HTML.

use std::fmt::Write;

use crate::svg::escape;
use crate::verdict::{Conclusion, Effect, Kind, Verdict};

const HEADER: [&str; 6] = ["claim", "statement", "expected", "found", "n", "verdict"];
/// The columns whose texts may be wrapped.
const BREAKABLE: [usize; 4] = [1, 3, 2, 5];
const LEAST_WIDTH: usize = 16;
const GAP: usize = 2;

/// The number of rows with each verdict, such as `✓ holds: 3`; verdicts without rows are omitted, and rows that repeat
/// a fact of the same runs are counted once.
pub fn summary(rows: &[Verdict]) -> String {
    let count =
        |verdict| rows.iter().filter(|row| row.conclusion == verdict && row.same_as.is_none()).count();
    let counted = Conclusion::ALL.into_iter().filter(|&verdict| count(verdict) > 0);
    let mut parts: Vec<String> = counted
        .map(|verdict| format!("{} {}: {}", verdict.symbol(), verdict.words(), count(verdict)))
        .collect();
    match rows.iter().filter(|row| row.same_as.is_some()).count() {
        0 => {}
        n => parts.push(format!("not counted, since they repeat the runs of another row: {n}")),
    }
    parts.join(" · ")
}

fn cells(row: &Verdict) -> [String; 6] {
    let verdict = format!("{} {}", row.conclusion.symbol(), row.conclusion.words());
    let n = if row.conclusion == Conclusion::NotRun { "–".into() } else { row.n.to_string() };
    [row.source.clone(), row.about(), row.expected.clone(), row.got.clone(), n, verdict]
}

/// Aligned columns for a terminal of this many characters, with long texts wrapped. If it is too narrow even for that,
/// lines are longer.
pub fn text(rows: &[Verdict], width: usize) -> String {
    let header = HEADER.map(String::from);
    let table: Vec<[String; 6]> = std::iter::once(header).chain(rows.iter().map(cells)).collect();
    let widths = widths(&table, width);
    let mut out = String::new();
    for (i, row) in table.iter().enumerate() {
        let columns: Vec<Vec<String>> =
            row.iter().zip(widths).map(|(cell, width)| wrap(cell, width)).collect();
        for line in 0..columns.iter().map(Vec::len).max().unwrap_or(0) {
            let mut text = String::new();
            for (column, lines) in columns.iter().enumerate() {
                let cell = lines.get(line).map_or("", String::as_str);
                let room = " ".repeat(widths[column] - cell.chars().count());
                // The column `n` is right-aligned.
                text += &if column == 4 { room + cell } else { cell.to_owned() + &room };
                text += &" ".repeat(GAP);
            }
            writeln!(out, "{}", text.trim_end()).expect("writing to a string cannot fail");
        }
        if i == 0 {
            let rule = "─".repeat(widths.iter().sum::<usize>() + GAP * (widths.len() - 1));
            writeln!(out, "{rule}").expect("writing to a string cannot fail");
        }
    }
    out
}

/// Column widths: the natural ones, with wrappable columns narrowed one character at a time, the widest first.
fn widths(table: &[[String; 6]], width: usize) -> [usize; 6] {
    let mut widths: [usize; 6] =
        std::array::from_fn(|column| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let longest_word = |column: usize| {
        let words = table.iter().flat_map(|row| row[column].split_whitespace());
        words.map(|word| word.chars().count()).max().unwrap_or(0).max(LEAST_WIDTH)
    };
    let least = BREAKABLE.map(longest_word);
    while widths.iter().sum::<usize>() + GAP * (widths.len() - 1) > width {
        let can_give = BREAKABLE.into_iter().zip(least).filter(|&(column, least)| widths[column] > least);
        match can_give.max_by_key(|&(column, _)| widths[column]) {
            Some((column, _)) => widths[column] -= 1,
            None => break,
        }
    }
    widths
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is at least one line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The table as CSV (RFC 4180) with a header.
pub fn csv(rows: &[Verdict]) -> String {
    let quoted = |cell: &str| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    };
    let line = |cells: [&str; COLUMNS.len()]| cells.map(quoted).join(",") + "\r\n";
    let mut out = line(COLUMNS);
    for row in rows {
        out += &line(columns(row).each_ref().map(String::as_str));
    }
    out
}

/// The columns of the CSV.
pub const COLUMNS: [&str; 19] = [
    "claim id",
    "title",
    "data set",
    "model",
    "reader",
    "quantity",
    "effect",
    "low",
    "high",
    "margin",
    "unit",
    "n seeds",
    "n images",
    "resampled",
    "kind",
    "verdict",
    "expected",
    "reason",
    "same runs as",
];

/// The cells of a row in the order of [`COLUMNS`]; unknown values are empty.
pub fn columns(row: &Verdict) -> [String; COLUMNS.len()] {
    let of = |text: fn(&Effect) -> String| row.effect.as_ref().map_or(String::new(), text);
    [
        row.source.clone(),
        row.claim.clone(),
        row.data.clone(),
        row.model.clone(),
        row.reader.clone(),
        of(|effect| effect.quantity.clone()),
        of(|effect| digits(effect.value)),
        of(|effect| digits(effect.low)),
        of(|effect| digits(effect.high)),
        of(|effect| digits(effect.margin)),
        of(|effect| effect.unit.clone()),
        row.n.to_string(),
        row.n_images.to_string(),
        of(|effect| effect.resampled.to_owned()),
        row.kind.words().to_owned(),
        row.conclusion.words().to_owned(),
        row.expected.clone(),
        row.got.clone(),
        row.same_as.clone().unwrap_or_default(),
    ]
}

/// Four significant digits without an exponent; empty if infinite.
fn digits(value: f64) -> String {
    let rounded = format!("{value:.3e}").parse::<f64>().unwrap_or(f64::NAN);
    if rounded.is_finite() { format!("{}", rounded + 0.0) } else { String::new() }
}

/// The verdicts of an experiment as an HTML table that a script can sort by its columns.
pub(crate) fn html(rows: &[&Verdict]) -> String {
    let mut out = String::from("<table class=\"rows\">\n<thead><tr>");
    for name in ["verdict", "claim", "measured", "n"] {
        out += &format!("<th scope=\"col\">{name}</th>");
    }
    out += "</tr></thead>\n<tbody>\n";
    for row in rows {
        let [source, claim, expected, got, n, _] = cells(row).map(|cell| escape(&cell));
        let mut quiet = vec![format!("expected: {expected}")];
        if !row.reader.is_empty() {
            quiet.push(format!("reader: {}", escape(&row.reader)));
        }
        if row.kind == Kind::Guard {
            quiet.push("calibrated on the same data, so it supports no claim".into());
        }
        if let Some(of) = &row.same_as {
            quiet.push(format!("the same runs as {}, so it is not counted", escape(of)));
        }
        let effect = escape(&effect(row));
        let effect = if effect.is_empty() { effect } else { format!("<b>{effect}</b><br>") };
        out += &format!(
            "<tr><td class=\"v {}\"><span aria-hidden=\"true\">{}</span> {}</td><td>{claim} <span class=\"code\">{source}\
             </span><small>{}</small></td><td>{effect}{got}</td><td class=\"r\">{n}</td></tr>\n",
            row.conclusion.key(),
            row.conclusion.symbol(),
            row.conclusion.words(),
            quiet.join("; ")
        );
    }
    out + "</tbody>\n</table>\n"
}

/// The effect with its interval and margin in words; empty without one.
pub(crate) fn effect(row: &Verdict) -> String {
    let Some(effect) = &row.effect else { return String::new() };
    let margin =
        if effect.margin.is_finite() { format!(", margin {}", digits(effect.margin)) } else { String::new() };
    format!("{}: {}{margin}, over {}", effect.quantity, effect.words(), effect.resampled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Verdict> {
        let row = |verdict, claim: &str| Verdict {
            source: "C2/T1".into(),
            claim: claim.into(),
            data: "MNIST".into(),
            expected: "slope > 0".into(),
            got: "0.21 ± 0.03".into(),
            effect: Some(Effect {
                quantity: "slope".into(),
                value: 0.21,
                low: 0.180_049,
                high: f64::INFINITY,
                margin: 0.0,
                unit: "points".into(),
                resampled: "seeds",
            }),
            n: 5,
            conclusion: verdict,
            ..Verdict::default()
        };
        let long = "more weight on reconstruction improves reconstruction, \"and\" costs <classification>";
        Conclusion::ALL.into_iter().map(|verdict| row(verdict, long)).collect()
    }

    #[test]
    fn every_verdict_has_its_own_symbol_and_words() {
        for (i, a) in Conclusion::ALL.into_iter().enumerate() {
            for b in Conclusion::ALL.into_iter().take(i) {
                assert_ne!(a.symbol(), b.symbol());
                assert_ne!(a.words(), b.words());
            }
        }
    }

    #[test]
    fn only_a_missed_exact_fact_is_a_failure() {
        let failures: Vec<Conclusion> =
            Conclusion::ALL.into_iter().filter(|verdict| verdict.is_failure()).collect();
        assert_eq!(failures, [Conclusion::ExactMissed]);
    }

    #[test]
    fn terminal_lines_keep_to_the_width_and_the_columns() {
        for width in [80, 100, 140] {
            let text = text(&rows(), width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            let verdicts = text.lines().next().unwrap().chars().collect::<String>().find("verdict").unwrap();
            let holds = text.lines().find(|line| line.contains("✓ holds")).unwrap();
            assert_eq!(holds.chars().position(|c| c == '✓'), Some(verdicts), "{text}");
        }
    }

    #[test]
    fn a_terminal_too_narrow_for_the_table_still_shows_every_word() {
        let text = text(&rows(), 10);
        for word in rows()[0].claim.split(' ') {
            assert!(text.contains(word), "{word}");
        }
    }

    #[test]
    fn csv_fields_with_special_characters_are_quoted() {
        let csv = csv(&rows()[..1]);
        assert!(
            csv.contains("\"more weight on reconstruction improves reconstruction, \"\"and\"\" costs"),
            "{csv}"
        );
        let rest = ",MNIST,,,slope,0.21,0.18,,0,points,5,0,seeds,claim,holds,slope > 0,0.21 ± 0.03,\r\n";
        assert!(csv.ends_with(rest), "{csv}");
        assert!(csv.lines().all(|line| !line.is_empty()) && csv.starts_with("claim id,title,data set,"));
    }

    #[test]
    fn a_fact_that_rows_repeat_is_counted_once() {
        let mut twice = vec![rows()[0].clone(), rows()[0].clone()];
        assert_eq!(summary(&twice), "✓ holds: 2");
        twice[1].same_as = Some("fc-lambda-sweep".into());
        assert!(summary(&twice).starts_with("✓ holds: 1 · not counted"));
    }

    #[test]
    fn html_is_escaped_and_has_words_beside_symbols() {
        let rows = rows();
        let html = html(&rows.iter().collect::<Vec<_>>());
        assert!(html.contains("&lt;classification&gt;") && !html.contains("<classification>"));
        for verdict in Conclusion::ALL {
            assert!(html.contains(&format!("</span> {}</td>", verdict.words())));
        }
    }
}
