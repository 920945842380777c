//! The tables of a comparison, in Markdown.

use crate::rounds::{Cell, Entry};
use crate::summary::{Row, fastest_peer, row};

const BEST_HEAD: &str = "\
| workload | mode | threads | ours, ms/step | fastest other, ms/step | speed ratio (quartiles) | peak MiB, ours and other |
| --- | --- | ---: | ---: | --- | ---: | ---: |
";

const HEAD: &str = "\
| workload | mode | threads | program | ms/step (min-max) | images/s | speed ratio (quartiles) | peak MiB | disturbed |
| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |
";

/// The legend of the tables for `n` rounds of `window_s` seconds.
pub(crate) fn legend(n: usize, window_s: f64) -> String {
    format!(
        "Medians over {n} alternating windows of {window_s} s. `speed ratio` is the median over rounds of the time of the \
        other program divided by ours within the round. `peak` is the peak resident memory, including model building and \
        compilation. A window is disturbed if other programs used more than 0.3 cores; disturbed windows are excluded \
        if at least 5 others remain, and a row marked * has too few and includes all.\n"
    )
}

/// One row per cell: ours and the fastest of the others.
pub(crate) fn best(cells: &[Cell]) -> String {
    let mut text = BEST_HEAD.to_owned();
    for cell in cells {
        let peer = fastest_peer(cell);
        let ms =
            |index| row(cell, index).map_or_else(|| "-".into(), |row| format!("{:.3}", row.step_ms.median));
        let theirs = peer.map_or_else(
            || "-".into(),
            |index| format!("{} {} {}", ms(index), cell.entries[index].peer, cell.entries[index].variant),
        );
        let ratio = peer.and_then(|index| row(cell, index)).map_or_else(String::new, |row| ratio(&row));
        let peaks =
            [Some(0), peer].map(|index| index.map_or_else(|| "-".into(), |index| peak(&cell.entries[index])));
        text += &format!("| {} | {} | {theirs} | {ratio} | {} |\n", work(cell), ms(0), peaks.join(", "));
    }
    text
}

/// The first columns of a row.
fn work(cell: &Cell) -> String {
    format!("{} | {} | {}", cell.work.workload.name, cell.work.mode.name(), cell.work.threads)
}

fn ratio(row: &Row) -> String {
    row.ours_faster.map_or_else(String::new, |ratio| {
        format!("{:.2} ({:.2}-{:.2})", ratio.median, ratio.lower_quartile, ratio.upper_quartile)
    })
}

fn peak(entry: &Entry) -> String {
    entry.peak_rss_mib.map_or_else(|| "unknown".into(), |mib| format!("{mib:.0}"))
}

/// One row per program.
pub(crate) fn every_program(cells: &[Cell]) -> String {
    let mut text = HEAD.to_owned();
    for cell in cells {
        for (index, entry) in cell.entries.iter().enumerate() {
            let numbers = match (&entry.failed, row(cell, index)) {
                (Some(reason), _) => format!("failed: {} | | | | ", reason.replace(['\n', '|'], " ")),
                (None, Some(row)) => numbers(cell, index, &row),
                (None, None) => "no window | | | | ".to_owned(),
            };
            text += &format!("| {} | {} {} | {numbers} |\n", work(cell), entry.peer, entry.variant);
        }
    }
    text
}

fn numbers(cell: &Cell, index: usize, row: &Row) -> String {
    let Row { step_ms, images_per_s, n_windows, n_disturbed, .. } = row;
    let (ratio, peak) = (ratio(row), peak(&cell.entries[index]));
    let mark = if row.undisturbed_only { "" } else { "*" };
    let is_known = cell.entries[index].readings.iter().all(|reading| reading.others.is_some());
    let disturbed =
        if is_known { format!("{n_disturbed} of {n_windows}{mark}") } else { "not known".to_owned() };
    format!(
        "{:.3} ({:.3}-{:.3}) | {images_per_s:.0} | {ratio} | {peak} | {disturbed}",
        step_ms.median, step_ms.min, step_ms.max
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::{cell, entry};

    #[test]
    fn a_row_has_the_step_the_rate_the_ratio_and_the_disturbed_windows() {
        let ours = entry("agon", &[(200, 0.0); 6]);
        let mut torch = entry("torch", &[(100, 0.0); 6]);
        torch.readings[0].others = Some(0.5);
        let text = every_program(&[cell(vec![ours, torch])]);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows[0],
            "| fc_m | train | 1 | agon single | 5.000 (5.000-5.000) | 2000 |  | 100 | 0 of 6 |"
        );
        let expected = "| fc_m | train | 1 | torch single | 10.000 (10.000-10.000) | 1000 | 2.00 (2.00-2.00) \
                        | 100 | 1 of 6 |";
        assert_eq!(rows[1], expected);
    }

    #[test]
    fn the_fastest_of_the_others_is_compared_with_ours() {
        let torch = |steps| entry("torch", &[(steps, 0.0); 6]);
        let mut silent = entry("agon", &[(200, 0.0); 6]);
        silent.peak_rss_mib = None;
        let text = best(&[cell(vec![silent, torch(50), torch(100)]), cell(vec![torch(1)])]);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            rows[0],
            "| fc_m | train | 1 | 5.000 | 10.000 torch single | 2.00 (2.00-2.00) | unknown, 100 |"
        );
        assert_eq!(rows[1], "| fc_m | train | 1 | 1000.000 | - |  | 100, - |");
    }

    #[test]
    fn a_failure_and_too_few_undisturbed_windows_are_shown() {
        let mut broken = entry("torch", &[]);
        broken.failed = Some("it\nended".into());
        let text = every_program(&[cell(vec![entry("agon", &[(200, 0.9); 6]), broken])]);
        assert!(text.contains("| 6 of 6* |"), "{text}");
        assert!(text.contains("| failed: it ended | | | |  |"), "{text}");
    }

    #[test]
    fn every_row_has_as_many_cells_as_the_head() {
        let mut broken = entry("torch", &[]);
        broken.failed = Some("gone".into());
        let text = every_program(&[cell(vec![entry("a", &[(1, 0.0)]), broken, entry("b", &[])])]);
        assert!(text.lines().all(|line| line.matches('|').count() == 10), "{text}");
    }
}
