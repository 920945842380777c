//! Prints text or JSON to standard output, and formats sizes and times.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use system::terminal;

use crate::error::Result;
use crate::program::with_commands;

/// Prints lines of text.
///
/// # Errors
/// [`experiments::Error::Write`] if standard output cannot be written; a closed pipe is not an error.
pub(crate) fn print_text(text: &str) -> Result<()> {
    checked(terminal::print(&with_commands(text)))
}

/// Prints a script unescaped.
///
/// # Errors
/// As [`print_text`].
pub(crate) fn print_unescaped(script: &[u8]) -> Result<()> {
    checked(terminal::print_as_is(script))
}

/// Prints help or version, in colour on a terminal.
///
/// # Errors
/// As [`print_text`].
pub(crate) fn print_help(message: &clap::Error) -> Result<()> {
    let help = message.render();
    let printed = match io::stdout().is_terminal() && colour() {
        true => help.ansi().to_string(),
        false => help.to_string(),
    };
    checked(terminal::print_as_is(printed.as_bytes()))
}

/// Whether colour may be used on a terminal (<https://no-color.org>).
pub(crate) fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Prints a message about a file that was written: to standard error if that file is standard output.
///
/// # Errors
/// As [`print_text`].
pub(crate) fn print_beside(file: &Path, text: &str) -> Result<()> {
    if terminal::is_stdout(file) {
        terminal::notes(with_commands(text.trim_end()).as_str());
        return Ok(());
    }
    print_text(text)
}

/// Prints the result of a command as JSON or text.
///
/// # Errors
/// As [`print_text`].
pub(crate) fn print_result(
    json: bool,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<ExitCode> {
    match json {
        true => print_json(value)?,
        false => print_text(&text())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints JSON; numbers that are not finite become `null`.
///
/// # Errors
/// As [`print_text`].
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("the output is serialisable");
    checked(terminal::print_json(&(text + "\n")))
}

/// Prints JSON in one line, as [`print_json`].
///
/// # Errors
/// As [`print_text`].
pub(crate) fn print_json_line(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).expect("the output is serialisable");
    checked(terminal::print_json(&(text + "\n")))
}

fn checked(printed: io::Result<()>) -> Result<()> {
    Ok(printed.map_err(|source| experiments::Error::Write { path: "standard output".into(), source })?)
}

/// Formats a number of bytes.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// Formats a number of seconds.
pub(crate) fn duration(seconds: f64) -> String {
    // An empty sum is -0.
    match seconds + 0.0 {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// Formats an estimate of the remaining time, rounded: `40 s`, `23 min`, `2.5 h`.
pub(crate) fn about(seconds: f64) -> String {
    match seconds.max(0.0) {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// Prints lines; those wider than the terminal continue on indented lines.
///
/// # Errors
/// As [`print_text`].
pub(crate) fn print_wrapped(text: &str) -> Result<()> {
    let Some(columns) = terminal::width() else { return print_text(text) };
    let lines: String = text.lines().map(|line| wrapped(line, columns, 4) + "\n").collect();
    print_text(&lines)
}

/// The words of a text in lines of at most `columns`, of which all but the first begin with `indent` spaces; the first
/// begins at that column. If fewer than 20 columns remain, the text starts on a new line and all lines are indented by
/// 4.
pub(crate) fn wrapped(text: &str, columns: usize, indent: usize) -> String {
    let (indent, mut at) = if columns < indent + 20 { (4, columns) } else { (indent, indent) };
    let mut out = String::new();
    for (number, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        let is_first = number == 0 && at == indent;
        if !is_first && at + 1 + length > columns {
            out += "\n";
            out += &" ".repeat(indent);
            at = indent;
        } else if !is_first {
            out.push(' ');
            at += 1;
        }
        out += word;
        at += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_at_their_indentation_or_on_new_lines_if_columns_are_few() {
        assert_eq!(wrapped("one two three", 25, 5), "one two three");
        assert_eq!(
            wrapped("a word after another word of it", 25, 5),
            "a word after another\n     word of it"
        );
        assert_eq!(wrapped("one two", 24, 5), "\n    one two");
        assert_eq!(
            wrapped("unbreakable/and/longer/than/a/line x", 25, 5),
            "unbreakable/and/longer/than/a/line\n     x"
        );
    }

    #[test]
    fn sizes_and_times_have_suitable_units() {
        assert_eq!([0, 1_023, 1_024, 1_572_864].map(bytes), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"]);
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
        assert_eq!(duration([].iter().sum::<f64>()), "0.0 s");
        assert_eq!([-1.0, 40.4, 1_380.0, 9_000.0].map(about), ["0 s", "40 s", "23 min", "2.5 h"]);
        assert_eq!([0.04, 119.0, 600.0, 9_000.0].map(duration), ["0.0 s", "119.0 s", "10 min", "2.5 h"]);
    }
}
