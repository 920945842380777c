//! The overview of all claims: a table of claim × (data set, model) for each group of experiments.

use super::Group;
use crate::svg::escape;
use crate::verdict::{Conclusion, Kind, Verdict};

/// The largest number of columns, one for each data set and model; with more, a column is a data set.
const MAX_COLUMNS: usize = 10;

/// A verdict with the name of its experiment.
type Row<'a> = (&'a Verdict, &'a str);

/// All claims of a group by their text, in order of appearance.
struct Claim<'a> {
    text: &'a str,
    source: &'a str,
    rows: Vec<Row<'a>>,
}

/// A column: data set and model, either of which may be empty.
type Column = (String, String);

/// The tables of all groups.
pub(super) fn html(groups: &[Group]) -> String {
    groups.iter().map(table).collect()
}

/// The number of claims with a conclusion: facts of the implementation and rows that repeat another are not counted.
pub(super) fn count(groups: &[Group], conclusion: Conclusion) -> usize {
    let rows = groups.iter().flat_map(|group| &group.sections).flat_map(|section| &section.rows);
    rows.filter(|row| is_claim(row) && row.same_as.is_none() && row.conclusion == conclusion).count()
}

/// Whether a row states a claim, not a fact that any correct implementation meets.
pub(super) fn is_claim(row: &Verdict) -> bool {
    row.kind != Kind::Exact
}

fn table(group: &Group) -> String {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    for section in &group.sections {
        for row in section.rows.iter().filter(|row| is_claim(row)) {
            let place = claims.iter().position(|claim| claim.text == row.claim).unwrap_or_else(|| {
                claims.push(Claim { text: &row.claim, source: &row.source, rows: vec![] });
                claims.len() - 1
            });
            claims[place].rows.push((row, &section.name));
        }
    }
    if claims.is_empty() {
        return String::new();
    }
    let (columns, by_model) = columns(&claims);
    let id = format!("m.{}", group.name);
    let mut out = format!(
        "<div class=\"mx\" data-group=\"{}\"><h3 id=\"{id}\">{}</h3><div class=\"sc\" role=\"group\" \
         aria-labelledby=\"{id}\" tabindex=\"0\"><table aria-labelledby=\"{id}\">\n<thead>",
        escape(&group.name),
        escape(&group.title)
    );
    out += &head(&columns, by_model);
    out += "</thead>\n<tbody>\n";
    for claim in &claims {
        let shown = weakest(&claim.rows);
        let keys: String = claim.rows.iter().map(|(row, _)| row.conclusion.key()).collect();
        out += &format!(
            "<tr data-v=\"{keys}\"><th scope=\"row\"><a href=\"#{}\">{}</a> <span class=\"code\">{}</span></th>",
            shown.1,
            escape(&sentence(claim.text)),
            escape(claim.source)
        );
        for (place, column) in columns.iter().enumerate() {
            let rows: Vec<Row<'_>> =
                claim.rows.iter().copied().filter(|(row, _)| column_of(row, by_model) == *column).collect();
            let first = if starts(&columns, place) { " class=\"first\"" } else { "" };
            out += &match rows.is_empty() {
                true => {
                    format!("<td{first}><span class=\"no\"><span aria-hidden=\"true\">·</span></span></td>")
                }
                false => format!("<td{first}>{}</td>", cell(column, &rows)),
            };
        }
        out += "</tr>\n";
    }
    out + "</tbody>\n</table></div></div>\n"
}

/// The columns, data sets in order of appearance, and whether models have columns of their own.
fn columns(claims: &[Claim<'_>]) -> (Vec<Column>, bool) {
    let distinct = |by_model| {
        let mut columns: Vec<Column> = Vec::new();
        for (row, _) in claims.iter().flat_map(|claim| &claim.rows) {
            let column = column_of(row, by_model);
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let sets: Vec<String> = columns.iter().map(|(data, _)| data.clone()).collect();
        columns.sort_by_key(|(data, _)| (data.is_empty(), sets.iter().position(|set| set == data)));
        columns
    };
    match distinct(true) {
        columns if columns.len() <= MAX_COLUMNS => (columns, true),
        _ => (distinct(false), false),
    }
}

fn column_of(row: &Verdict, by_model: bool) -> Column {
    (short_data(&row.data), if by_model { short_model(&row.model) } else { String::new() })
}

/// The data set without its number of images and changes: `Fashion-MNIST`.
fn short_data(data: &str) -> String {
    let data = match data.split_once(' ') {
        Some((n, rest)) if n.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => data,
    };
    let data = data.strip_prefix("images of ").unwrap_or(data);
    [", ", " with ", " at "].iter().fold(data, |data, end| data.split(end).next().unwrap_or(data)).to_owned()
}

/// The model without its settings: `FC-M`.
fn short_model(model: &str) -> String {
    [", ", " with ", " at "]
        .iter()
        .fold(model, |model, end| model.split(end).next().unwrap_or(model))
        .to_owned()
}

/// Whether a column is the first of its data set.
fn starts(columns: &[Column], place: usize) -> bool {
    place == 0 || columns[place - 1].0 != columns[place].0
}

fn head(columns: &[Column], by_model: bool) -> String {
    // Names are not broken at their hyphens.
    let whole = |text: &str| escape(text).replace('-', "\u{2011}");
    let set = |data: &str| if data.is_empty() { "several sets".to_owned() } else { whole(data) };
    let mut out = String::new();
    if by_model {
        out += "<tr><td class=\"corner\"></td>";
        for (place, (data, _)) in columns.iter().enumerate().filter(|(place, _)| starts(columns, *place)) {
            let n = columns[place..].iter().take_while(|(other, _)| other == data).count();
            out += &format!("<th scope=\"colgroup\" colspan=\"{n}\" class=\"grp first\">{}</th>", set(data));
        }
        out += "</tr>";
    }
    out += "<tr><th scope=\"col\" class=\"ch\">Claim</th>";
    for (place, (data, model)) in columns.iter().enumerate() {
        let first = if starts(columns, place) { " class=\"first\"" } else { "" };
        let text = if by_model { whole(model) } else { set(data) };
        out += &format!("<th scope=\"col\"{first}>{text}</th>");
    }
    out + "</tr>"
}

/// The row that a cell shows: the weakest verdict, and among equal verdicts the one with the most seeds.
fn weakest<'a>(rows: &[Row<'a>]) -> Row<'a> {
    let by = |(row, _): &&Row<'a>| (row.conclusion.strength(), usize::MAX - row.n);
    *rows.iter().min_by_key(by).expect("a claim has a row")
}

/// A cell as a link to its experiment, with the numbers of its rows as hidden text.
fn cell(column: &Column, rows: &[Row<'_>]) -> String {
    let (row, section) = weakest(rows);
    let label: Vec<&str> =
        [column.0.as_str(), column.1.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
    let label = if label.is_empty() { "several sets".to_owned() } else { label.join(" ") };
    let n = if row.conclusion == Conclusion::NotRun { String::new() } else { format!("n {}", row.n) };
    let readers = match row.readers_disagree() {
        true => "<sup aria-hidden=\"true\">R</sup>",
        false => "",
    };
    let same = rows.iter().filter(|(other, _)| other.conclusion == row.conclusion).count();
    let of_several = match rows.len() {
        1 => String::new(),
        n => format!(" in {same} of {n} rows"),
    };
    let tips: String = rows.iter().map(|(row, _)| tip(row)).collect();
    format!(
        "<a class=\"c {key}\" href=\"#{section}\" data-n=\"{n}\"><b class=\"lab\">{}</b> \
         <span class=\"gl\" aria-hidden=\"true\">{}{readers}</span> \
         <span class=\"vh w\" data-n=\"{n}\">{}{of_several}</span> <span class=\"tip\">{tips}</span></a>",
        escape(&label),
        row.conclusion.symbol(),
        row.conclusion.words(),
        key = row.conclusion.key(),
    )
}

/// One row of a cell as text: verdict, model, effect or finding, reader and n.
fn tip(row: &Verdict) -> String {
    let mut parts = vec![format!("{} {}", row.conclusion.symbol(), row.conclusion.words())];
    if !row.model.is_empty() {
        parts.push(row.model.clone());
    }
    parts.push(match &row.effect {
        Some(effect) => format!("{}: {}", effect.quantity, effect.words()),
        None => row.got.clone(),
    });
    let mut by = Vec::new();
    if !row.reader.is_empty() {
        by.push(format!("reader: {}", row.reader));
    }
    if row.conclusion != Conclusion::NotRun {
        by.push(format!("n = {}", row.n));
    }
    if row.kind == Kind::Guard {
        by.push("calibrated on the same data, so it supports no claim".into());
    }
    format!("<span class=\"row\">{} <i>{}</i></span>", escape(&parts.join(": ")), escape(&by.join(", ")))
}

/// The text with a capital letter.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_leave_out_numbers_of_images_and_settings() {
        assert_eq!(short_data("Fashion-MNIST, 5,000 images"), "Fashion-MNIST");
        assert_eq!(short_data("256 images of Fashion-MNIST"), "Fashion-MNIST");
        assert_eq!(short_data("MNIST with a background of 90 % of the variance, 5,999 images"), "MNIST");
        assert_eq!(short_model("FC-M, ReLU latent"), "FC-M");
        assert_eq!(short_model("FC at k = 16, one part larger"), "FC");
    }

    #[test]
    fn a_cell_shows_its_weakest_verdict_and_of_equals_the_one_with_most_seeds() {
        let row = |conclusion, n| Verdict { conclusion, n, ..Verdict::default() };
        let rows = [row(Conclusion::Holds, 9), row(Conclusion::Undecided, 3), row(Conclusion::Undecided, 5)];
        let of: Vec<Row<'_>> = rows.iter().map(|row| (row, "e")).collect();
        assert_eq!(weakest(&of).0.n, 5);
        let absent = [row(Conclusion::NotRun, 0), row(Conclusion::Holds, 2)];
        let of: Vec<Row<'_>> = absent.iter().map(|row| (row, "e")).collect();
        assert_eq!(weakest(&of).0.conclusion, Conclusion::Holds);
    }
}
