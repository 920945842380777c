//! The result of a sweep as text.

use std::path::Path;

use system::text;

use super::super::columns::table;
use super::{FOLDER, Swept};
use crate::program;
use experiments::preset_sweep::Contrast;
use runs::shell;

/// If there are more differences, only those of the first quantity and those that differ from 0 are printed.
const MAX_DIFFERENCES: usize = 12;

/// Means, differences, and the commands to type next.
pub(super) fn text(swept: &Swept, folder: &Path, out: &Path) -> String {
    let quantities = swept.quantities();
    let labels: Vec<String> = quantities.iter().map(|quantity| quantity.with_unit()).collect();
    let mut header: Vec<&str> = swept.varied.iter().map(String::as_str).collect();
    header.push("runs");
    header.extend(labels.iter().map(String::as_str));
    let rows = swept.cells.iter().map(|cell| {
        let finished = cell.failures.iter().filter(|why| why.is_none()).count();
        let mut row = cell.values.clone();
        row.push(format!("{finished} of {}", cell.failures.len()));
        row.extend(quantities.iter().map(|quantity| {
            let decimals = if quantity.unit == "%" { 1 } else { 4 };
            cell.mean(quantity).map_or("-".into(), |mean| format!("{mean:.decimals$}"))
        }));
        row
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut text = format!("{}\nmeans over seeds [95 % interval]\n{}", swept.title(), table(&header, &rows));
    let all = swept.differences.len();
    let first = quantities.first().map_or("", |quantity| quantity.name);
    let is_shown = |of: &&Contrast| all <= MAX_DIFFERENCES || of.quantity == first || of.differs();
    let shown: Vec<&Contrast> = swept.differences.iter().filter(is_shown).collect();
    if all > 0 {
        let rows: Vec<Vec<String>> = (shown.iter())
            .map(|of| {
                let label = of.quantity().map_or("", |quantity| quantity.label);
                let differs = if of.differs() { "differs" } else { "undecided" };
                vec![of.change(), label.to_owned(), differs.to_owned(), of.words()]
            })
            .collect();
        let which = match shown.len() == all {
            true => String::new(),
            false => format!(": {} of {all}, the others are undecided", shown.len()),
        };
        text += &format!("\npaired differences [simultaneous 95 % intervals]{which}\n");
        text += &table(&["change", "quantity", "", "difference"], &rows);
    }
    let name = &swept.name;
    let option = match out.to_str() {
        Some("out") => String::new(),
        _ => shell::option("--out", out.as_os_str()),
    };
    text += &format!("\nthe page: {}\n", text::path(&folder.join("index.html")));
    text += &format!(
        "next: {program} compare {name} OTHER{option}   # with another sweep in {}, or its folder\n",
        text::path(&out.join(FOLDER)),
        program = program::name()
    );
    text
}
