//! `agon data`: which data sets are here, and whether they are the published ones.

#[cfg(feature = "fetch")]
mod fetch;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use data::{Listed, Place, Places, Size};
use serde::Serialize;
use system::text;

use self::verify::Verify;
use super::output::answer;
use super::values::existing_folder;
use crate::error::Result;

/// What `agon data` is asked.
#[derive(Debug, Args)]
pub(crate) struct DataSets {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the known sets: where each is or how to come by it, what it holds, its licence
    List(List),
    /// Download the published files of a set, verify them, and say what is in them
    #[cfg(feature = "fetch")]
    Fetch(fetch::Fetch),
    /// Read sets whole, and say what is in them and whether they are the published ones
    Verify(Verify),
}

#[derive(Debug, Args)]
struct List {
    /// Where to look for data sets first
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    data: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn command(asked: &DataSets) -> Result<ExitCode> {
    match &asked.command {
        Command::List(asked) => list(asked),
        #[cfg(feature = "fetch")]
        Command::Fetch(asked) => fetch::command(asked),
        Command::Verify(asked) => verify::command(asked),
    }
}

fn list(asked: &List) -> Result<ExitCode> {
    let sets = data::catalogue(&Places::from_environment(asked.data.as_deref()));
    answer(asked.json, &sets.iter().map(Entry::new).collect::<Vec<_>>(), || {
        let sets: String = sets.iter().map(words).collect();
        sets + "files are found by their names; `agon data verify NAME` reads them\n"
    })
}

/// A set as programs get it.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    /// `embedded`, `found`, `incomplete` or `absent`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    size: Counts,
    licence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_sha256: Option<&'static str>,
    hint: &'static str,
}

/// What the publishers say is in it.
#[derive(Serialize)]
struct Counts {
    train: usize,
    test: usize,
    shape: [usize; 3],
    classes: usize,
}

impl Entry {
    fn new(set: &Listed) -> Self {
        // JSON is Unicode, paths need not be.
        let of = |folder: &PathBuf| folder.to_string_lossy().into_owned();
        let (state, folder, missing) = match &set.place {
            Place::Embedded => ("embedded", None, vec![]),
            Place::Folder(folder) => ("found", Some(of(folder)), vec![]),
            Place::Incomplete { folder, missing } => ("incomplete", Some(of(folder)), missing.clone()),
            Place::Absent => ("absent", None, vec![]),
        };
        let &Listed { name, licence, content_sha256, hint, .. } = set;
        let Size { train, test, shape, classes } = set.size;
        let size = Counts { train, test, shape, classes };
        Self { name, state, folder, missing, size, licence, content_sha256, hint }
    }
}

/// A set as people get it.
fn words(set: &Listed) -> String {
    let place = match &set.place {
        Place::Embedded => "in the program".to_owned(),
        Place::Folder(folder) => format!("in {}", text::path(folder)),
        Place::Incomplete { folder, missing } => {
            format!("incomplete in {}: {} missing; {}", text::path(folder), missing.join(", "), set.hint)
        }
        Place::Absent => format!("not here; {}", set.hint),
    };
    let Size { train, test, shape: [c, h, w], classes } = set.size;
    format!(
        "{}: {place}\n    the whole set: {train} training and {test} test images of {c} x {h} x {w}, {classes} classes; \
         licence: {}\n",
        set.name, set.licence
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(folder: &std::path::Path) -> Places {
        Places { named: vec![folder.to_owned()], shelves: Vec::new() }
    }

    #[test]
    fn a_set_is_here_or_the_list_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train-images-idx3-ubyte.gz"), "").unwrap();
        let sets = data::catalogue(&places(folder.path()));
        for set in &sets {
            let (text, entry) = (words(set), serde_json::to_value(Entry::new(set)).unwrap());
            assert!(text.contains(set.name) && text.contains(set.licence), "{text}");
            match &set.place {
                Place::Embedded => assert_eq!(entry["state"], "embedded"),
                Place::Folder(_) => panic!("{text}"),
                Place::Incomplete { .. } => {
                    assert_eq!(entry["state"], "incomplete");
                    assert!(text.contains("missing; ") && text.contains("--data"), "{text}");
                }
                Place::Absent => assert!(text.contains("not here; ") && text.contains("--data"), "{text}"),
            }
        }
        assert!(sets.iter().any(|set| matches!(set.place, Place::Incomplete { .. })));
    }
}
