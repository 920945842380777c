//! What keeps: the disk, the HDF5 library, and the data sets.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use data::{Place, Places, embedded};

use super::super::output::bytes;
use super::Check;
use runs::store::{Coordinates, Dimension, Results, Values, Variable, read_results, write_results};

/// Room that the quick profile fits into; with less, a longer job may stop.
const LITTLE_SPACE: u64 = 2 << 30;

/// With less room than this no job comes far.
const NO_SPACE: u64 = 64 << 20;

/// The first folder above, or the folder itself, that is there: what would be made below it lies on its disk.
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
            format!("the system does not say how much is free in {}: {error}", folder.display()),
        ),
        Ok(disk) => of_space(disk.f_bavail.saturating_mul(disk.f_frsize), &folder),
    }
}

fn of_space(free: u64, folder: &Path) -> Check {
    const WHAT: &str = "disk space";
    let said = format!("{} free in {}", bytes(free), folder.display());
    match free {
        free if free < NO_SPACE => {
            Check::problem(WHAT, said + ": free some, or name another folder with --out")
        }
        free if free < LITTLE_SPACE => {
            Check::note(WHAT, said + ": long jobs may stop; what is stored then stays")
        }
        _ => Check::ok(WHAT, said),
    }
}

/// Writes a file that goes again at once, and makes no folder.
pub(super) fn writable(out: &Path) -> Check {
    const WHAT: &str = "results folder";
    let folder = match existing(out) {
        Ok(folder) => folder,
        Err(why) => return Check::problem(WHAT, why),
    };
    match tempfile::tempfile_in(&folder).and_then(|mut file| file.write_all(b"this folder can be written")) {
        Ok(()) => Check::ok(WHAT, format!("{} can be written", folder.display())),
        Err(error) => {
            let said = format!("{} cannot be written: {error}; name another with --out", folder.display());
            Check::problem(WHAT, said)
        }
    }
}

/// Writes results to a temporary folder and reads them back.
pub(super) fn hdf5() -> Check {
    const WHAT: &str = "HDF5";
    let written = || -> Result<bool, String> {
        let folder = tempfile::tempdir()
            .map_err(|error| format!("no temporary folder: {error}; set TMPDIR to one"))?;
        let file = folder.path().join("doctor.h5");
        let results = small();
        write_results(&file, &results).map_err(|error| error.to_string())?;
        Ok(read_results(&file).map_err(|error| error.to_string())? == results)
    };
    match written() {
        Ok(true) => Check::ok(WHAT, "results were written, and came back as they were"),
        Ok(false) => {
            Check::problem(WHAT, "results came back changed; look for a fault of the disk, or report this")
        }
        Err(why) => Check::problem(WHAT, why),
    }
}

/// Results of every kind of coordinates.
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
        title: "a trial of the disk".into(),
        dimensions: BTreeMap::from([
            ("lambda".into(), dimension(Coordinates::Numbers(vec![0.0, 1.0]))),
            ("model".into(), dimension(Coordinates::Texts(vec!["FC-S".into(), "λ".into()]))),
        ]),
        variables: BTreeMap::from([("loss".into(), variable)]),
        ..Results::default()
    }
}

pub(super) fn embedded() -> Check {
    match data::open_in(embedded::NAME, &Places::default()) {
        Ok(set) => {
            let (train, test) = (set.train.len(), set.test.len());
            Check::ok("embedded data", format!("{}: {train} training and {test} test images", set.name))
        }
        Err(error) => Check::problem("embedded data", format!("{error}; build the program again")),
    }
}

/// Which of the known sets have their files here.
pub(super) fn data_sets(folder: Option<&Path>) -> Check {
    const WHAT: &str = "data sets";
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Check::note(WHAT, format!("{} is no folder; name another with --data", folder.display()));
    }
    of_data_sets(&Places::from_environment(folder))
}

fn of_data_sets(places: &Places) -> Check {
    const WHAT: &str = "data sets";
    let (mut here, mut incomplete, mut absent) = (vec![], vec![], vec![]);
    for set in data::catalogue(places) {
        match set.place {
            Place::Embedded => {}
            Place::Folder(_) => here.push(set.name),
            Place::Incomplete { .. } => incomplete.push(set.name),
            Place::Absent => absent.push(set.name),
        }
    }
    let part = |names: &[&str], of: &str| match names {
        [] => None,
        names => Some(format!("{of}: {}", names.join(", "))),
    };
    let parts = [part(&here, "here"), part(&incomplete, "incomplete"), part(&absent, "not here")];
    let said = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    match (incomplete.is_empty(), absent.is_empty()) {
        (true, true) => Check::ok(WHAT, said),
        _ => Check::note(WHAT, said + "; what needs others is not run: `agon data list` says what to do"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_folder_that_can_be_made_is_good_and_nothing_is_left_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        assert_eq!(writable(&out).state, State::Ok);
        assert_ne!(space(&out).state, State::Problem);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_way_and_a_full_disk_are_problems() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for check in [writable(&file.path().join("out")), space(file.path()), of_space(1_000, Path::new("/"))]
        {
            assert_eq!(check.state, State::Problem, "{check:?}");
            assert!(check.said.contains("--out"), "{check:?}");
        }
        assert_eq!(writable(Path::new("")).state, State::Problem);
        assert_eq!(of_space(LITTLE_SPACE - 1, Path::new("/")).state, State::Note);
        assert_eq!(of_space(LITTLE_SPACE, Path::new("/")).state, State::Ok);
    }

    #[test]
    fn results_come_back_and_the_embedded_images_are_whole() {
        assert_eq!(hdf5().state, State::Ok, "{:?}", hdf5());
        assert_eq!(embedded().state, State::Ok);
    }

    #[test]
    fn sets_that_are_not_here_are_a_note_with_the_command_that_helps() {
        let check = of_data_sets(&Places::default());
        assert_eq!(check.state, State::Note);
        assert!(
            check.said.contains("not here: mnist") && check.said.contains("`agon data list`"),
            "{check:?}"
        );
        assert_eq!(data_sets(Some(Path::new("/nonexistent"))).state, State::Note);
    }
}
