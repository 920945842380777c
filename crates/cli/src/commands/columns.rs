//! Formats text in aligned columns.

use std::borrow::Cow;

use system::text::line;

const GAP: &str = "  ";

/// Rows below a header; columns in which every text begins with a digit or a sign are right-aligned.
/// Cells are escaped to one line.
pub(super) fn columns<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[Cow<'_, str>; N]> =
        rows.iter().map(|row| std::array::from_fn(|column| line(&row[column]))).collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        let texts = rows.iter().map(|row| &*row[column]).chain([header[column]]);
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    });
    let right: [bool; N] = std::array::from_fn(|column| {
        rows.iter().all(|row| row[column].starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    });
    let aligned = |cells: [&str; N]| {
        let cells: [String; N] = std::array::from_fn(|column| match (widths[column], right[column]) {
            (width, true) => format!("{:>width$}", cells[column]),
            (width, false) => format!("{:<width$}", cells[column]),
        });
        cells.join(GAP).trim_end().to_owned() + "\n"
    };
    let rows = rows.iter().map(|row| aligned(std::array::from_fn(|column| &*row[column])));
    std::iter::once(aligned(header)).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_right_aligned_and_words_left_aligned() {
        let rows = [["λ".to_owned(), "1.5 s".to_owned()], ["latent".to_owned(), "10 min".to_owned()]];
        let text = columns(["name", "time"], &rows);
        assert_eq!(text, "name      time\nλ        1.5 s\nlatent  10 min\n");
    }

    #[test]
    fn a_cell_is_escaped_to_one_line() {
        let rows = [["a\nb\u{1b}[31m".to_owned(), "x".to_owned()]];
        assert_eq!(columns(["name", "next"], &rows), "name            next\na\\nb\\u{1b}[31m  x\n");
    }
}
