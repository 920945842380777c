//! The last section: facts that any correct implementation meets.

use super::experiment::fold;
use super::matrix::is_claim;
use super::{Group, Section};
use crate::svg::escape;
use crate::table;
use crate::verdict::{Conclusion, Verdict};

/// The section of the page; empty without a fact.
pub(super) fn html(groups: &[Group], others: &[Verdict]) -> String {
    let of_experiments =
        groups.iter().flat_map(|group| &group.sections).flat_map(|Section { rows, .. }| rows);
    let rows: Vec<&Verdict> = others.iter().chain(of_experiments).filter(|row| !is_claim(row)).collect();
    let count = |conclusion| rows.iter().filter(|row| row.conclusion == conclusion).count();
    let asked = rows.len() - count(Conclusion::NotRun);
    if rows.is_empty() {
        return String::new();
    }
    let met = count(Conclusion::ExactMet);
    let key = [Conclusion::ExactMissed, Conclusion::Undecided].into_iter().find(|&worse| count(worse) > 0);
    let key = key.unwrap_or(Conclusion::ExactMet);
    let undecided = match count(Conclusion::Undecided) {
        0 => String::new(),
        n => format!("; {n} undecided"),
    };
    format!(
        "<section id=\"checks.s\" aria-labelledby=\"checks.h\">\n<h2 id=\"checks.h\">Self-checks of the code</h2>\n\
         <p class=\"lead\">Facts that any correct implementation meets; they test this one and are not claims of a \
         paper.</p>\n<p class=\"{}\"><b><span aria-hidden=\"true\">{}</span> {met} of {asked} exact facts are met{undecided}.</b></p>\n\
         <div class=\"folds\">{}</div>\n</section>\n",
        key.key(),
        escape(&key.symbol().to_string()),
        fold("All facts", rows.len(), "row", &table::html(&rows))
    )
}
