//! The table of a comparison, in Markdown.

use super::rounds::Cell;
use super::summary::{Row, row};

const HEAD: &str = "\
| workload | threads | program | ms a step (min-max) | images/s | ours is faster by (quartiles) | disturbed |
| --- | ---: | --- | ---: | ---: | ---: | ---: |
";

/// How to read the table; `n` rounds of `window_s` seconds.
pub(super) fn legend(n: usize, window_s: f64) -> String {
    format!(
        "Medians over {n} windows of {window_s} s, taken in turns. `ours is faster by` is the median over rounds of \
         the ratio within the round. A window is disturbed if other programs used more than 0.3 cores; those are left \
         out where at least 5 others remain, and a row marked * has too few and counts all.\n"
    )
}

pub(super) fn markdown(cells: &[Cell]) -> String {
    let mut text = HEAD.to_owned();
    for cell in cells {
        for (index, entry) in cell.entries.iter().enumerate() {
            let numbers = match (&entry.failed, row(cell, index)) {
                (Some(reason), _) => format!("failed: {} | | | ", reason.replace(['\n', '|'], " ")),
                (None, Some(row)) => numbers(cell, index, &row),
                (None, None) => "no window | | | ".to_owned(),
            };
            let (workload, threads, peer) = (&cell.workload, cell.threads, entry.peer);
            text += &format!("| {workload} | {threads} | {peer} {} | {numbers} |\n", entry.variant);
        }
    }
    text
}

fn numbers(cell: &Cell, index: usize, row: &Row) -> String {
    let Row { step_ms, images_per_s, n_windows, n_disturbed, .. } = row;
    let ratio = row.ours_faster.map_or_else(String::new, |ratio| {
        format!("{:.2} ({:.2}-{:.2})", ratio.median, ratio.lower_quartile, ratio.upper_quartile)
    });
    let mark = if row.undisturbed_only { "" } else { "*" };
    let told = cell.entries[index].readings.iter().all(|reading| reading.others.is_some());
    let disturbed = if told { format!("{n_disturbed} of {n_windows}{mark}") } else { "not known".to_owned() };
    format!(
        "{:.3} ({:.3}-{:.3}) | {images_per_s:.0} | {ratio} | {disturbed}",
        step_ms.median, step_ms.min, step_ms.max
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::summary::tests::{cell, entry};

    #[test]
    fn a_row_has_the_step_the_rate_the_ratio_and_the_disturbed_windows() {
        let ours = entry("agon", &[(200, 0.0); 6]);
        let mut torch = entry("torch", &[(100, 0.0); 6]);
        torch.readings[0].others = Some(0.5);
        let text = markdown(&[cell(vec![ours, torch])]);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(rows[0], "| fc_m | 1 | agon single | 5.000 (5.000-5.000) | 2000 |  | 0 of 6 |");
        let expected =
            "| fc_m | 1 | torch single | 10.000 (10.000-10.000) | 1000 | 2.00 (2.00-2.00) | 1 of 6 |";
        assert_eq!(rows[1], expected);
    }

    #[test]
    fn a_failure_and_too_few_quiet_windows_are_shown() {
        let mut broken = entry("torch", &[]);
        broken.failed = Some("it\nended".into());
        let text = markdown(&[cell(vec![entry("agon", &[(200, 0.9); 6]), broken])]);
        assert!(text.contains("| 6 of 6* |"), "{text}");
        assert!(text.contains("| failed: it ended | | |  |"), "{text}");
    }

    #[test]
    fn every_row_has_as_many_cells_as_the_head() {
        let mut broken = entry("torch", &[]);
        broken.failed = Some("gone".into());
        let text = markdown(&[cell(vec![entry("a", &[(1, 0.0)]), broken, entry("b", &[])])]);
        assert!(text.lines().all(|line| line.matches('|').count() == 8), "{text}");
    }
}
