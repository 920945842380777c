//! The section of all claims: filters, legend, the tables, and the rows behind them.

use super::experiment::fold;
use super::{Group, matrix};
use crate::svg::escape;
use crate::verdict::{Conclusion, Verdict};

/// The conclusions of claims, in the order of the legend.
const CONCLUSIONS: [Conclusion; 5] = [
    Conclusion::Holds,
    Conclusion::DoesNotHold,
    Conclusion::Undecided,
    Conclusion::NotConverged,
    Conclusion::NotRun,
];

/// The section of the page; empty without a claim.
pub(super) fn html(groups: &[Group], others: &[Verdict]) -> String {
    let tables = matrix::html(groups);
    if tables.is_empty() {
        return String::new();
    }
    let all = "<button type=\"button\" aria-pressed=\"true\" data-k=\"\">All</button>".to_owned();
    let by_group: String = std::iter::once(all)
        .chain(groups.iter().map(|group| {
            format!(
                "<button type=\"button\" aria-pressed=\"false\" data-k=\"{}\">{}</button>",
                escape(&group.name),
                escape(&group.short)
            )
        }))
        .collect();
    let by_verdict: String = (CONCLUSIONS.into_iter())
        .filter(|&conclusion| matrix::count(groups, conclusion) > 0)
        .map(|conclusion| {
            format!(
                "<button type=\"button\" aria-pressed=\"false\" data-k=\"{key}\"><span aria-hidden=\"true\" \
                 class=\"{key}\">{}</span> {} {}</button>",
                conclusion.symbol(),
                conclusion.words(),
                matrix::count(groups, conclusion),
                key = conclusion.key()
            )
        })
        .collect();
    let legend: String = (CONCLUSIONS.into_iter())
        .map(|conclusion| {
            let means = match conclusion {
                Conclusion::Undecided => "undecided: too few seeds, or an interval across the margin",
                Conclusion::NotConverged => "the networks had not converged",
                other => other.words(),
            };
            format!(
                "<li><span class=\"s {}\" aria-hidden=\"true\">{}</span> {means}</li>",
                conclusion.key(),
                conclusion.symbol()
            )
        })
        .collect();
    format!(
        "<section id=\"verdicts\" aria-labelledby=\"verdicts.h\">\n<h2 id=\"verdicts.h\">All claims</h2>\n\
         <p class=\"lead\">Each claim on each data set and model that it was tested on. A cell links to its \
         experiment<span class=\"wide\">; hover or focus shows its numbers and reader</span>. A cell of several rows shows the weakest verdict.</p>\n\
         <div class=\"tools\" role=\"group\" aria-label=\"Filter the claims\">\n<div data-filter=\"g\">{by_group}</div>\n\
         <div data-filter=\"v\">{by_verdict}</div>\n\
         <div class=\"phone\"><button type=\"button\" class=\"show\" aria-pressed=\"false\">Show numbers</button></div>\n\
         <p class=\"vh count\" role=\"status\"></p>\n</div>\n\
         <ul class=\"legend\" aria-label=\"Legend\">{legend}<li><span class=\"s u\" aria-hidden=\"true\">?<sup>R</sup></span> \
         R: readers of the latent disagree</li><li><b aria-hidden=\"true\">·</b> not tested</li></ul>\n\
         {tables}<p class=\"none\">No claim matches both filters.</p>\n{}{}</section>\n",
        every_row(groups),
        absent(others)
    )
}

/// The rows of all experiments with a filter of their own. A script copies them from the tables of the experiments and shows
/// this part, so that the page holds them once.
fn every_row(groups: &[Group]) -> String {
    let rows = groups.iter().flat_map(|group| &group.sections).flat_map(|section| &section.rows);
    let rows: Vec<&Verdict> = rows.filter(|row| matrix::is_claim(row)).collect();
    let buttons: String = (CONCLUSIONS.into_iter())
        .filter(|&conclusion| rows.iter().any(|row| row.conclusion == conclusion))
        .map(|conclusion| {
            format!(
                "<button type=\"button\" aria-pressed=\"false\" data-k=\"{key}\"><span aria-hidden=\"true\" \
                 class=\"{key}\">{}</span> {}</button>",
                conclusion.symbol(),
                conclusion.words(),
                key = conclusion.key()
            )
        })
        .collect();
    let content = format!(
        "<div class=\"tools\" role=\"group\" aria-label=\"Filter the rows\">\n<label>Words <input type=\"search\" \
         placeholder=\"claim, data set, model, reader\"></label>\n<div data-filter=\"r\">{buttons}</div>\n\
         <p class=\"note\" role=\"status\"></p>\n</div>\n<table class=\"rows\"></table>\n"
    );
    let fold = fold("Every verdict, row by row", rows.len(), "row", &content);
    format!("<div class=\"folds wide-folds every\" hidden>\n{fold}</div>\n")
}

/// The claims that were not run because of a missing data set.
fn absent(others: &[Verdict]) -> String {
    let mut sets: Vec<&str> = Vec::new();
    let rows: Vec<&Verdict> = others.iter().filter(|row| row.conclusion == Conclusion::NotRun).collect();
    for row in rows.iter().filter(|row| !row.data.is_empty()) {
        if !sets.contains(&row.data.as_str()) {
            sets.push(&row.data);
        }
    }
    match sets.is_empty() {
        true => String::new(),
        false => format!(
            "<p class=\"note\">Not run, since the data set is missing: {}.</p>\n",
            escape(&sets.join(", "))
        ),
    }
}
