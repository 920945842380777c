//! Formats text in aligned columns.

use std::borrow::Cow;

use system::text::line;

const GAP: &str = "  ";

/// Rows below a header; columns in which every text begins with a digit or a sign are right-aligned.
/// Cells are escaped to one line.
pub(super) fn columns<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    table(&header, rows)
}

/// As [`columns`], for a number of columns that is known at run time only.
pub(super) fn table(header: &[&str], rows: &[impl AsRef<[String]>]) -> String {
    let rows: Vec<Vec<Cow<'_, str>>> =
        rows.iter().map(|row| row.as_ref().iter().map(|cell| line(cell)).collect()).collect();
    let n = 0..header.len();
    let width = |column: usize| {
        let texts = rows.iter().map(|row| &*row[column]).chain([header[column]]);
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let is_number = |column: usize| {
        rows.iter().all(|row| row[column].starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    };
    let widths: Vec<(usize, bool)> = n.map(|column| (width(column), is_number(column))).collect();
    let aligned = |cells: Vec<&str>| {
        let cells = cells.iter().zip(&widths).map(|(cell, &(width, right))| match right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned() + "\n"
    };
    let rows = rows.iter().map(|row| aligned(row.iter().map(|cell| &**cell).collect()));
    std::iter::once(aligned(header.to_vec())).chain(rows).collect()
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
