//! The verdicts: one row for each claim and each exact fact, as text, CSV and HTML.

use std::fmt::Write;

use crate::svg::escape;

/// What a claim came to, with the numbers that say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Where the claim comes from, such as `C2/T1`.
    pub source: String,
    /// The claim, as a sentence.
    pub claim: String,
    /// What was expected, with its spread.
    pub expected: String,
    /// What was measured, with its spread.
    pub got: String,
    /// How many seeds or cases stand behind it.
    pub n: usize,
    /// The conclusion.
    pub conclusion: Conclusion,
}

/// The conclusion of a verdict. A claim of a paper holds or not, and either is a finding; an exact fact is met or
/// missed, and a missed one is a fault of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// The claim holds.
    Holds,
    /// The claim does not hold.
    DoesNotHold,
    /// The numbers decide nothing: too few seeds, an interval that leaves it open, or a profile that only shows that
    /// everything works.
    Undecided,
    /// The exact fact is met.
    ExactMet,
    /// The exact fact is missed: a regression.
    ExactMissed,
    /// There are no results.
    NotRun,
}

impl Conclusion {
    /// All verdicts, in the order a summary counts them.
    pub const ALL: [Self; 6] =
        [Self::Holds, Self::DoesNotHold, Self::Undecided, Self::ExactMet, Self::ExactMissed, Self::NotRun];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::Undecided => "undecided",
            Self::ExactMet => "exact",
            Self::ExactMissed => "not exact",
            Self::NotRun => "not run",
        }
    }

    /// A sign that can be told apart without colour.
    pub fn symbol(self) -> char {
        match self {
            Self::Holds => '✓',
            Self::DoesNotHold => '✗',
            Self::Undecided => '?',
            Self::ExactMet => '=',
            Self::ExactMissed => '≠',
            Self::NotRun => '–',
        }
    }

    /// Whether the row is a fault of ours and `reproduce` must fail.
    pub fn is_failure(self) -> bool {
        self == Self::ExactMissed
    }

    /// The class that the page's style sheet colours.
    fn class(self) -> &'static str {
        match self {
            Self::Holds | Self::ExactMet => "good",
            Self::DoesNotHold => "against",
            Self::ExactMissed => "fault",
            Self::Undecided | Self::NotRun => "open",
        }
    }
}

const HEADER: [&str; 6] = ["source", "claim", "expected", "got", "n", "verdict"];
/// The columns whose texts may be broken into lines, widest first to give way.
const BREAKABLE: [usize; 3] = [1, 3, 2];
const LEAST_WIDTH: usize = 16;
const GAP: usize = 2;

/// How many rows have each verdict, such as `✓ holds: 3`; verdicts without a row are left out.
pub(crate) fn summary(rows: &[Verdict]) -> String {
    let count = |verdict| rows.iter().filter(|row| row.conclusion == verdict).count();
    let counted = Conclusion::ALL.into_iter().filter(|&verdict| count(verdict) > 0);
    let parts: Vec<String> = counted
        .map(|verdict| format!("{} {}: {}", verdict.symbol(), verdict.words(), count(verdict)))
        .collect();
    parts.join(" · ")
}

fn cells(row: &Verdict) -> [String; 6] {
    let verdict = format!("{} {}", row.conclusion.symbol(), row.conclusion.words());
    let n = if row.conclusion == Conclusion::NotRun { "–".into() } else { row.n.to_string() };
    [row.source.clone(), row.claim.clone(), row.expected.clone(), row.got.clone(), n, verdict]
}

/// Aligned columns for a terminal of this many characters; long texts go on in the next line. Where even that
/// is too narrow, lines are longer than asked for.
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
                // Numbers stand at the right.
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

/// Natural widths, with the breakable columns narrowed one character at a time, the widest first.
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
        let line = lines.last_mut().expect("there is always a line");
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

/// Comma-separated values as RFC 4180 has them, with a header.
pub fn csv(rows: &[Verdict]) -> String {
    let quoted = |cell: &str| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    };
    let line = |cells: [&str; 6]| cells.map(quoted).join(",") + "\r\n";
    let mut out = line(HEADER);
    for row in rows {
        let n = row.n.to_string();
        out += &line([&row.source, &row.claim, &row.expected, &row.got, &n, row.conclusion.words()]);
    }
    out
}

/// A table with row and column headers for screen readers.
pub fn html(rows: &[Verdict]) -> String {
    let mut out = String::from("<table class=\"verdicts\">\n<caption>");
    out += &escape(&summary(rows));
    out += "</caption>\n<thead><tr>";
    for name in HEADER {
        out += &format!("<th scope=\"col\">{name}</th>");
    }
    out += "</tr></thead>\n<tbody>\n";
    for row in rows {
        let [source, claim, expected, got, n, _] = cells(row).map(|cell| escape(&cell));
        out += &format!(
            "<tr><th scope=\"row\">{source}</th><td>{claim}</td><td>{expected}</td><td>{got}</td>\
             <td class=\"number\">{n}</td><td class=\"verdict {}\">\
             <span aria-hidden=\"true\">{}</span> {}</td></tr>\n",
            row.conclusion.class(),
            row.conclusion.symbol(),
            row.conclusion.words()
        );
    }
    out + "</tbody>\n</table>\n"
}

/// The verdicts of one experiment as a list, to stand beside its figures.
pub(crate) fn found(rows: &[Verdict]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = String::from("<ul class=\"found\">\n");
    for row in rows {
        let [source, claim, _, got, n, _] = cells(row).map(|cell| escape(&cell));
        out += &format!(
            "<li><span class=\"verdict {}\"><span aria-hidden=\"true\">{}</span> {}</span>: {claim} ({source}): {got}, n = {n}</li>\n",
            row.conclusion.class(),
            row.conclusion.symbol(),
            row.conclusion.words()
        );
    }
    out + "</ul>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Verdict> {
        let row = |verdict, claim: &str| Verdict {
            source: "C2/T1".into(),
            claim: claim.into(),
            expected: "slope > 0".into(),
            got: "0.21 ± 0.03".into(),
            n: 5,
            conclusion: verdict,
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
    fn a_terminal_that_is_too_narrow_still_shows_every_word() {
        let text = text(&rows(), 10);
        for word in rows()[0].claim.split(' ') {
            assert!(text.contains(word), "{word}");
        }
    }

    #[test]
    fn csv_quotes_what_would_break_a_field() {
        let csv = csv(&rows()[..1]);
        assert!(
            csv.contains("\"more weight on reconstruction improves reconstruction, \"\"and\"\" costs"),
            "{csv}"
        );
        assert!(csv.ends_with(",slope > 0,0.21 ± 0.03,5,holds\r\n"), "{csv}");
    }

    #[test]
    fn the_list_of_an_experiment_has_every_verdict_and_is_escaped() {
        let list = found(&rows());
        assert_eq!(list.matches("<li>").count(), Conclusion::ALL.len());
        assert!(list.contains("&lt;classification&gt;") && !list.contains("<classification>"));
        for verdict in Conclusion::ALL {
            assert!(list.contains(&format!("</span> {}</span>: ", verdict.words())));
        }
        assert_eq!(found(&[]), "");
    }

    #[test]
    fn html_is_escaped_and_has_words_beside_symbols() {
        let html = html(&rows());
        assert!(html.contains("&lt;classification&gt;") && !html.contains("<classification>"));
        for verdict in Conclusion::ALL {
            assert!(html.contains(&format!("</span> {}</td>", verdict.words())));
        }
    }
}
