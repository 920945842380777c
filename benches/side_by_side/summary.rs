//! Summary of the windows of a cell: step times and speed ratios.

use crate::rounds::{Cell, Entry, Reading};
use crate::statistics::{Spread, spread};

/// A window in which other programs used more cores than this is disturbed.
const DISTURBED_ABOVE: f64 = 0.3;

/// Only undisturbed windows are used if there are at least this many.
const ENOUGH: usize = 5;

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// Milliseconds per step.
    pub(crate) step_ms: Spread,
    pub(crate) images_per_s: f64,
    /// The ratio of our images per second to those of this program, per round; `None` for ours itself.
    pub(crate) ours_faster: Option<Spread>,
    pub(crate) n_windows: usize,
    pub(crate) n_disturbed: usize,
    /// Whether only undisturbed windows are used.
    pub(crate) undisturbed_only: bool,
}

/// The row of entry `index`; `None` if it has no windows.
pub(crate) fn row(cell: &Cell, index: usize) -> Option<Row> {
    let entry = &cell.entries[index];
    let all: Vec<usize> = (0..entry.readings.len()).collect();
    let (rounds, undisturbed_only) = undisturbed_or_all(&all, |round| disturbed(&entry.readings[round]));
    let step_ms = spread(rounds.iter().map(|&round| ms(&entry.readings[round])))?;
    Some(Row {
        step_ms,
        images_per_s: entry.ready.as_ref()?.batch as f64 * 1e3 / step_ms.median,
        ours_faster: if index == 0 { None } else { ours_faster(&cell.entries[0], entry) },
        n_windows: all.len(),
        n_disturbed: entry.readings.iter().filter(|reading| disturbed(reading)).count(),
        undisturbed_only,
    })
}

/// The index of the fastest program that is not ours; `None` if there is none with a window.
pub(crate) fn fastest_peer(cell: &Cell) -> Option<usize> {
    let ours = cell.entries.first().map(|entry| entry.peer.as_str());
    let is_other = |entry: &Entry| entry.failed.is_none() && Some(entry.peer.as_str()) != ours;
    let others = (1..cell.entries.len()).filter(|&index| is_other(&cell.entries[index]));
    let timed = others.filter_map(|index| Some((row(cell, index)?.step_ms.median, index)));
    timed.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, index)| index)
}

/// The spread over rounds of the ratio within a round, in which disturbances are alike.
fn ours_faster(ours: &Entry, other: &Entry) -> Option<Spread> {
    let all: Vec<usize> = (0..ours.readings.len().min(other.readings.len())).collect();
    let (rounds, _) = undisturbed_or_all(&all, |round| {
        disturbed(&ours.readings[round]) || disturbed(&other.readings[round])
    });
    spread(rounds.iter().map(|&round| ms(&other.readings[round]) / ms(&ours.readings[round])))
}

fn undisturbed_or_all(rounds: &[usize], is_disturbed: impl Fn(usize) -> bool) -> (Vec<usize>, bool) {
    let quiet: Vec<usize> = rounds.iter().copied().filter(|&round| !is_disturbed(round)).collect();
    if quiet.len() >= ENOUGH { (quiet, true) } else { (rounds.to_vec(), false) }
}

/// Whether a window was disturbed; false if the system does not report the load of others.
fn disturbed(reading: &Reading) -> bool {
    reading.others.is_some_and(|others| others > DISTURBED_ABOVE)
}

fn ms(reading: &Reading) -> f64 {
    1e3 * reading.window.wall_s / reading.window.steps as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::program::{Ready, Window};
    use crate::workloads::tests::work;

    /// Windows of one second with `steps` steps each; `others` cores were in use elsewhere.
    pub(crate) fn entry(peer: &str, windows: &[(u64, f64)]) -> Entry {
        let reading = |&(steps, others): &(u64, f64)| Reading {
            window: Window { steps, wall_s: 1.0, cpu_s: 1.0, loss: 0.5 },
            others: Some(others),
        };
        Entry {
            peer: peer.into(),
            variant: "single",
            ready: Some(Ready { version: "1".into(), params: 7, batch: 10, loss: 2.3 }),
            readings: windows.iter().map(reading).collect(),
            peak_rss_mib: Some(100.0),
            failed: None,
        }
    }

    pub(crate) fn cell(entries: Vec<Entry>) -> Cell {
        Cell { work: work(), entries }
    }

    #[test]
    fn steps_become_milliseconds_and_images() {
        let row = row(&cell(vec![entry("a", &[(100, 0.0), (200, 0.0), (50, 0.0)])]), 0).unwrap();
        assert_eq!((row.step_ms.min, row.step_ms.median, row.step_ms.max), (5.0, 10.0, 20.0));
        assert_eq!(row.images_per_s, 1000.0);
        assert!(row.ours_faster.is_none());
    }

    #[test]
    fn the_ratio_is_computed_within_a_round() {
        // The machine has half its speed in the second round; the ratio does not change.
        let ours = entry("agon", &[(200, 0.0), (100, 0.0), (200, 0.0)]);
        let torch = entry("torch", &[(100, 0.0), (50, 0.0), (100, 0.0)]);
        let ratio = row(&cell(vec![ours, torch]), 1).unwrap().ours_faster.unwrap();
        assert_eq!((ratio.min, ratio.median, ratio.max), (2.0, 2.0, 2.0));
    }

    #[test]
    fn disturbed_windows_are_excluded_if_enough_others_remain() {
        let mut windows = vec![(100, 0.1); 5];
        windows.push((1, 0.9));
        let row_of_six = row(&cell(vec![entry("a", &windows)]), 0).unwrap();
        assert_eq!(
            (row_of_six.step_ms.max, row_of_six.n_disturbed, row_of_six.undisturbed_only),
            (10.0, 1, true)
        );
        let row_of_five = row(&cell(vec![entry("a", &windows[1..])]), 0).unwrap();
        assert_eq!((row_of_five.step_ms.max, row_of_five.undisturbed_only), (1000.0, false));
    }

    #[test]
    fn the_fastest_peer_is_neither_ours_nor_one_that_failed() {
        let mut broken = entry("torch", &[(400, 0.0)]);
        broken.failed = Some("gone".into());
        let [ours, other_of_ours] = [900, 800].map(|steps| entry("agon", &[(steps, 0.0)]));
        let [slow, fast] = [100, 200].map(|steps| entry("x", &[(steps, 0.0)]));
        assert_eq!(fastest_peer(&cell(vec![ours, other_of_ours, slow, fast, broken])), Some(3));
        assert_eq!(fastest_peer(&cell(vec![entry("agon", &[(900, 0.0)])])), None);
    }

    #[test]
    fn a_program_without_windows_has_no_row() {
        assert!(row(&cell(vec![entry("a", &[])]), 0).is_none());
    }
}
