//! One experiment of a page: claim, figure, verdicts and command.

use super::chart;
use super::matrix::is_claim;
use super::paragraphs;
use crate::error::Result;
use crate::figure::Chart;
use crate::grid::ImageGrid;
use crate::heat::HeatMap;
use crate::raster::Drawing;
use crate::svg::escape;
use crate::table;
use crate::verdict::{Conclusion, Verdict};

/// One experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its id: a lower-case letter, then lower-case letters, digits, `_` or `-`.
    pub name: String,
    /// Its heading; a last part in brackets is its code.
    pub title: String,
    /// The claim in one sentence.
    pub claim: String,
    /// The figures, the most informative first.
    pub figures: Vec<Figure>,
    /// Limitations of the results.
    pub warnings: Vec<String>,
    /// The verdicts of this experiment.
    pub rows: Vec<Verdict>,
    /// The command that reproduces it.
    pub command: String,
}

/// A figure of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// A figure with axes, with its data as a table.
    Chart(Chart),
    /// A grid of images.
    Grid(ImageGrid),
    /// A heat map; its values are in tables below it.
    Heat(HeatMap),
}

impl Figure {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Chart(figure) => &figure.name,
            Self::Grid(grid) => &grid.name,
            Self::Heat(map) => &map.name,
        }
    }

    fn html(&self) -> Result<String> {
        match self {
            Self::Chart(figure) => chart::html(figure),
            Self::Grid(grid) => Ok(whole(&grid.draw()?, &grid.title, &chart::caption(&grid.caption, "", ""))),
            Self::Heat(map) => {
                Ok(whole(&map.draw()?, &map.title, &chart::caption(&map.caption, "", &map.tables())))
            }
        }
    }
}

/// A figure as one drawing, which scrolls where it would become too small to read.
fn whole(drawing: &Drawing, title: &str, caption: &str) -> String {
    format!(
        "<figure class=\"fig\">\n<div class=\"card\" role=\"group\" aria-label=\"{}\" tabindex=\"0\" \
         style=\"--natural:{}px\">\n{}</div>\n{caption}</figure>\n",
        escape(title),
        drawing.width,
        drawing.svg
    )
}

impl Section {
    /// The title without its code, and the code, such as `E1`.
    pub(super) fn heading(&self) -> (&str, &str) {
        match self.title.strip_suffix(')').and_then(|title| title.rsplit_once(" (")) {
            Some((title, code)) => (title, code),
            None => (&self.title, ""),
        }
    }

    pub(super) fn html(&self) -> Result<String> {
        let (title, code) = self.heading();
        let claims: Vec<&Verdict> = self.rows.iter().filter(|row| is_claim(row)).collect();
        let mut figures = self.figures.iter().map(Figure::html).collect::<Result<Vec<String>>>()?.into_iter();
        let first = figures.next().unwrap_or_default();
        let others: Vec<String> = figures.collect();
        let warnings: String =
            self.warnings.iter().map(|text| format!("<p class=\"warning\">{}</p>\n", escape(text))).collect();
        let command = format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escape(&self.command));
        let folds = [
            fold("Verdicts of this experiment", claims.len(), "row", &table::html(&claims)),
            fold("More figures", others.len(), "figure", &others.concat()),
            fold("Warnings", self.warnings.len(), "warning", &warnings),
            fold("Command to reproduce", 1, "command", &command),
        ];
        Ok(format!(
            "<article class=\"exp\" id=\"{name}\" aria-labelledby=\"{name}.h\">\n<header><h4 id=\"{name}.h\">{} \
             <span class=\"code\">{}</span></h4>{}</header>\n{}{first}<div class=\"folds\">\n{}</div>\n</article>\n",
            escape(title),
            escape(code),
            chips(&claims),
            paragraphs("claim", &self.claim),
            folds.concat(),
            name = self.name,
        ))
    }
}

/// The number of verdicts of each kind.
fn chips(rows: &[&Verdict]) -> String {
    let count = |conclusion| rows.iter().filter(|row| row.conclusion == conclusion).count();
    let chips: String = (Conclusion::ALL.into_iter())
        .filter(|&conclusion| count(conclusion) > 0)
        .map(|conclusion| {
            format!(
                "<span class=\"chip {}\"><span aria-hidden=\"true\">{}</span> {} <span class=\"vh\">{}</span></span> ",
                conclusion.key(),
                conclusion.symbol(),
                count(conclusion),
                conclusion.words()
            )
        })
        .collect();
    match chips.is_empty() {
        true => chips,
        false => format!("<span class=\"chips\" role=\"group\" aria-label=\"Verdicts\">{chips}</span>"),
    }
}

/// A collapsed element with its count; empty without content.
pub(super) fn fold(title: &str, n: usize, unit: &str, content: &str) -> String {
    if n == 0 {
        return String::new();
    }
    let plural = if n == 1 { "" } else { "s" };
    format!(
        "<details class=\"fold\"><summary>{title} <small>{n} {unit}{plural}</small></summary>\n<div>{content}</div></details>\n"
    )
}
