//! `agon data`: lists, downloads and verifies data sets.

#[cfg(feature = "fetch")]
mod fetch;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use data::{Listed, Location, SearchFolders, Size};
use serde::Serialize;
use system::text;

use self::verify::Verify;
use super::values::existing_folder;
use crate::error::Result;
use crate::output::print_result;

/// The arguments of `agon data`.
#[derive(Debug, Args)]
pub(crate) struct DataSets {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the known data sets: location or how to get them, size, licence
    List(List),
    /// Download the published files of a set, verify them, and print a summary
    #[cfg(feature = "fetch")]
    Fetch(fetch::Fetch),
    /// Read whole data sets, print a summary, and compare them with the published ones
    Verify(Verify),
}

#[derive(Debug, Args)]
struct List {
    /// The folder to search first for data sets
    #[arg(long, value_name = "DIR", value_parser = existing_folder)]
    data: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn command(args: &DataSets) -> Result<ExitCode> {
    match &args.command {
        Command::List(args) => list(args),
        #[cfg(feature = "fetch")]
        Command::Fetch(args) => fetch::command(args),
        Command::Verify(args) => verify::command(args),
    }
}

fn list(args: &List) -> Result<ExitCode> {
    let sets = data::catalogue(&SearchFolders::from_environment(args.data.as_deref()));
    print_result(args.json, &sets.iter().map(Entry::new).collect::<Vec<_>>(), || {
        let sets: String = sets.iter().map(words).collect();
        sets + "this list checks only names of files; `agon data verify NAME` reads their content\n"
    })
}

/// A data set in JSON output.
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

/// The sizes stated by the publishers.
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
        let (state, folder, missing) = match &set.location {
            Location::Embedded => ("embedded", None, vec![]),
            Location::Folder(folder) => ("found", Some(of(folder)), vec![]),
            Location::Incomplete { folder, missing } => ("incomplete", Some(of(folder)), missing.clone()),
            Location::Missing => ("absent", None, vec![]),
        };
        let &Listed { name, licence, content_sha256, hint, .. } = set;
        let Size { train, test, shape, classes } = set.size;
        let size = Counts { train, test, shape, classes };
        Self { name, state, folder, missing, size, licence, content_sha256, hint }
    }
}

/// A data set in text output.
fn words(set: &Listed) -> String {
    let place = match &set.location {
        Location::Embedded => "embedded in the program".to_owned(),
        Location::Folder(folder) => format!("in {}", text::path(folder)),
        Location::Incomplete { folder, missing } => {
            format!("incomplete in {}: {} missing; {}", text::path(folder), missing.join(", "), set.hint)
        }
        Location::Missing => format!("missing; {}", set.hint),
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

    fn places(folder: &std::path::Path) -> SearchFolders {
        SearchFolders { named: vec![folder.to_owned()], roots: Vec::new() }
    }

    #[test]
    fn a_missing_set_is_listed_with_how_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train-images-idx3-ubyte.gz"), "").unwrap();
        let sets = data::catalogue(&places(folder.path()));
        for set in &sets {
            let (text, entry) = (words(set), serde_json::to_value(Entry::new(set)).unwrap());
            assert!(text.contains(set.name) && text.contains(set.licence), "{text}");
            match &set.location {
                Location::Embedded => assert_eq!(entry["state"], "embedded"),
                Location::Folder(_) => panic!("{text}"),
                Location::Incomplete { .. } => {
                    assert_eq!(entry["state"], "incomplete");
                    assert!(text.contains("missing; ") && text.contains("--data"), "{text}");
                }
                Location::Missing => {
                    assert!(text.contains("missing; ") && text.contains("--data"), "{text}")
                }
            }
        }
        assert!(sets.iter().any(|set| matches!(set.location, Location::Incomplete { .. })));
    }
}
