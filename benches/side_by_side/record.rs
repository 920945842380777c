//! Records a comparison: every window as JSON, and the table in Markdown.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use crate::machine;
use crate::options::Options;
use crate::rounds::{Cell, Entry, Reading};
use crate::statistics::Spread;
use crate::summary::row;
use crate::table;

/// A path for the JSON file, whose folder is made. Existing files are kept: the new one gets a number.
pub(crate) fn file(root: &Path, options: &Options) -> anyhow::Result<PathBuf> {
    let date = machine::today()?;
    let folder = match &options.out {
        Some(folder) => folder.clone(),
        None => root.join(format!("benches/runs/{date}-{}", options.device.replace(':', ""))),
    };
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(free_name(&folder, &options.name))
}

/// Writes the JSON file, and the table beside it, with all cells so far.
pub(crate) fn write(file: &Path, root: &Path, options: &Options, cells: &[Cell]) -> anyhow::Result<()> {
    let record = json!({
        "date": machine::today()?,
        "machine": machine::describe(root)?,
        "rounds": options.rounds,
        "window_s": options.window_s,
        "cells": cells.iter().map(cell).collect::<Vec<_>>(),
    });
    let legend = table::legend(options.rounds.get(), options.window_s);
    let text = format!("{legend}\n{}\n{}", table::best(cells), table::every_program(cells));
    save(file, &format!("{record:#}\n"))?;
    save(&file.with_extension("md"), &text)
}

fn save(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// `NAME.json`, or `NAME-2.json` and so on if that is taken.
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let numbered = (2..).map(|number| format!("{name}-{number}.json"));
    [format!("{name}.json")]
        .into_iter()
        .chain(numbered)
        .map(|name| folder.join(name))
        .find(|file| !file.exists())
        .expect("an unused file name exists")
}

fn cell(cell: &Cell) -> Value {
    let entries = cell.entries.iter().enumerate();
    json!({
        "workload": cell.work.workload.name,
        "mode": cell.work.mode.name(),
        "threads": cell.work.threads,
        "batch": cell.work.batch,
        "programs": entries.map(|(index, entry)| program(cell, index, entry)).collect::<Vec<_>>(),
    })
}

fn program(cell: &Cell, index: usize, entry: &Entry) -> Value {
    let row = row(cell, index);
    json!({
        "peer": entry.peer,
        "variant": entry.variant,
        "version": entry.ready.as_ref().map(|ready| &ready.version),
        "params": entry.ready.as_ref().map(|ready| ready.params),
        "failed": entry.failed,
        "step_ms": row.as_ref().map(|row| spread(row.step_ms)),
        "images_per_s": row.as_ref().map(|row| row.images_per_s),
        "ours_faster": row.as_ref().and_then(|row| row.ours_faster).map(spread),
        "n_disturbed": row.as_ref().map(|row| row.n_disturbed),
        "peak_rss_mib": entry.peak_rss_mib,
        "undisturbed_only": row.as_ref().map(|row| row.undisturbed_only),
        "windows": entry.readings.iter().map(reading).collect::<Vec<_>>(),
    })
}

fn spread(spread: Spread) -> Value {
    json!({
        "median": spread.median,
        "min": spread.min,
        "lower_quartile": spread.lower_quartile,
        "upper_quartile": spread.upper_quartile,
        "max": spread.max,
    })
}

fn reading(Reading { window, others }: &Reading) -> Value {
    json!({
        "steps": window.steps,
        "wall_s": window.wall_s,
        "cpu_s": window.cpu_s,
        "loss": window.loss,
        "others": others,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::tests::options;
    use crate::summary::tests::{cell, entry};

    #[test]
    fn a_second_run_of_a_day_does_not_overwrite_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options();
        options.out = Some(folder.path().to_owned());
        let cells = [cell(vec![entry("agon", &[(100, 0.0)])])];
        let root = Path::new(".");
        let files = [(); 3].map(|()| {
            let file = file(root, &options).unwrap();
            write(&file, root, &options, &cells).unwrap();
            file
        });
        let names = ["peers.json", "peers-2.json", "peers-3.json"].map(|name| folder.path().join(name));
        assert_eq!(files, names);
        let record: Value = serde_json::from_str(&fs::read_to_string(&files[0]).unwrap()).unwrap();
        assert_eq!(record["cells"][0]["programs"][0]["step_ms"]["median"], 10.0);
        assert_eq!(record["cells"][0]["programs"][0]["windows"][0]["steps"], 100);
        assert!(fs::read_to_string(files[2].with_extension("md")).unwrap().contains("| agon single |"));
    }
}
