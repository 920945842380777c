//! Checks of the disk, the HDF5 library, and the data sets.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use data::{Location, SearchFolders, embedded};

use super::Check;
use crate::output::bytes;
use runs::store::{Coordinates, Dimension, Results, Values, Variable, read_results, write_results};

/// The free space that suffices for the quick profile; with less, longer jobs may stop.
const LITTLE_SPACE: u64 = 2 << 30;

/// The free space below which no job can run.
const NO_SPACE: u64 = 64 << 20;

/// The folder, or its nearest existing parent, on whose disk it would be created.
fn existing(out: &Path) -> Result<PathBuf, String> {
    let whole = std::path::absolute(out)
        .map_err(|error| format!("{}: {error}; name another with --out", out.display()))?;
    let first = whole.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match first.is_dir() {
        true => Ok(first.to_owned()),
        false => Err(format!("{} is a file, not a folder; name another with --out", first.display())),
    }
}

pub(super) fn space(out: &Path) -> Check {
    const WHAT: &str = "disk space";
    let folder = match existing(out) {
        Ok(folder) => folder,
        Err(why) => return Check::problem(WHAT, why),
    };
    match rustix::fs::statvfs(&folder) {
        Err(error) => Check::note(
            WHAT,
            format!("the system does not report the free space in {}: {error}", folder.display()),
        ),
        Ok(disk) => of_space(disk.f_bavail.saturating_mul(disk.f_frsize), &folder),
    }
}

fn of_space(free: u64, folder: &Path) -> Check {
    const WHAT: &str = "disk space";
    let detail = format!("{} free in {}", bytes(free), folder.display());
    match free {
        free if free < NO_SPACE => {
            Check::problem(WHAT, detail + ": free some space, or choose another folder with --out")
        }
        free if free < LITTLE_SPACE => Check::note(
            WHAT,
            detail + ": long jobs may run out of space; everything stored until then is kept",
        ),
        _ => Check::ok(WHAT, detail),
    }
}

/// Writes a temporary file; creates no folder.
pub(super) fn writable(out: &Path) -> Check {
    const WHAT: &str = "results folder";
    let folder = match existing(out) {
        Ok(folder) => folder,
        Err(why) => return Check::problem(WHAT, why),
    };
    match tempfile::tempfile_in(&folder).and_then(|mut file| file.write_all(b"this folder is writable")) {
        Ok(()) => Check::ok(WHAT, format!("{} is writable", folder.display())),
        Err(error) => {
            let detail = format!("{} is not writable: {error}; choose another with --out", folder.display());
            Check::problem(WHAT, detail)
        }
    }
}

/// Writes results to a temporary folder and reads them back.
pub(super) fn hdf5() -> Check {
    const WHAT: &str = "HDF5";
    let written = || -> Result<bool, String> {
        let folder = tempfile::tempdir()
            .map_err(|error| format!("no temporary folder: {error}; set TMPDIR to an existing folder"))?;
        let file = folder.path().join("doctor.h5");
        let results = small();
        write_results(&file, &results).map_err(|error| error.to_string())?;
        Ok(read_results(&file).map_err(|error| error.to_string())? == results)
    };
    match written() {
        Ok(true) => Check::ok(WHAT, "results were written and read back unchanged"),
        Ok(false) => Check::problem(
            WHAT,
            "results changed between writing and reading; check the disk, or report this as a bug",
        ),
        Err(why) => Check::problem(WHAT, why),
    }
}

/// Results with every kind of coordinates.
fn small() -> Results {
    let dimension =
        |coordinates| Dimension { description: "positions".into(), unit: "1".into(), coordinates };
    let variable = Variable {
        dimensions: vec!["lambda".into(), "model".into()],
        description: "losses".into(),
        unit: "1".into(),
        values: Values::F64(vec![0.5, f64::NAN, -1.0, 1e300]),
    };
    Results {
        title: "a test file".into(),
        dimensions: BTreeMap::from([
            ("lambda".into(), dimension(Coordinates::Numbers(vec![0.0, 1.0]))),
            ("model".into(), dimension(Coordinates::Texts(vec!["FC-S".into(), "λ".into()]))),
        ]),
        variables: BTreeMap::from([("loss".into(), variable)]),
        ..Results::default()
    }
}

pub(super) fn embedded() -> Check {
    match data::open_in(embedded::NAME, &SearchFolders::default()) {
        Ok(set) => {
            let (train, test) = (set.train.len(), set.test.len());
            Check::ok("embedded data", format!("{}: {train} training and {test} test images", set.name))
        }
        Err(error) => Check::problem("embedded data", format!("{error}; build the program again")),
    }
}

/// Which of the known data sets are available.
pub(super) fn data_sets(folder: Option<&Path>) -> Check {
    const WHAT: &str = "data sets";
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Check::note(
            WHAT,
            format!("{} is not a folder; choose another with --data", folder.display()),
        );
    }
    of_data_sets(&SearchFolders::from_environment(folder))
}

fn of_data_sets(places: &SearchFolders) -> Check {
    const WHAT: &str = "data sets";
    let (mut here, mut incomplete, mut absent) = (vec![], vec![], vec![]);
    for set in data::catalogue(places) {
        match set.location {
            Location::Embedded => {}
            Location::Folder(_) => here.push(set.name),
            Location::Incomplete { .. } => incomplete.push(set.name),
            Location::Missing => absent.push(set.name),
        }
    }
    let part = |names: &[&str], of: &str| match names {
        [] => None,
        names => Some(format!("{of}: {}", names.join(", "))),
    };
    let parts = [part(&here, "available"), part(&incomplete, "incomplete"), part(&absent, "missing")];
    let detail = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    match (incomplete.is_empty(), absent.is_empty()) {
        (true, true) => Check::ok(WHAT, detail),
        _ => Check::note(WHAT, detail + "; runs that need missing sets are skipped: see `agon data list`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_folder_that_can_be_created_passes_and_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        assert_eq!(writable(&out).state, State::Ok);
        assert_ne!(space(&out).state, State::Problem);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_place_of_the_folder_and_a_full_disk_are_problems() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for check in [writable(&file.path().join("out")), space(file.path()), of_space(1_000, Path::new("/"))]
        {
            assert_eq!(check.state, State::Problem, "{check:?}");
            assert!(check.detail.contains("--out"), "{check:?}");
        }
        assert_eq!(writable(Path::new("")).state, State::Problem);
        assert_eq!(of_space(LITTLE_SPACE - 1, Path::new("/")).state, State::Note);
        assert_eq!(of_space(LITTLE_SPACE, Path::new("/")).state, State::Ok);
    }

    #[test]
    fn results_round_trip_and_the_embedded_images_are_complete() {
        assert_eq!(hdf5().state, State::Ok, "{:?}", hdf5());
        assert_eq!(embedded().state, State::Ok);
    }

    #[test]
    fn missing_sets_are_a_note_with_the_command_that_helps() {
        let check = of_data_sets(&SearchFolders::default());
        assert_eq!(check.state, State::Note);
        assert!(
            check.detail.contains("missing: mnist") && check.detail.contains("`agon data list`"),
            "{check:?}"
        );
        assert_eq!(data_sets(Some(Path::new("/dev/null/nonexistent"))).state, State::Note);
    }
}
