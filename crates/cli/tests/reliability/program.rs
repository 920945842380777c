//! Runs the program `agon` in a folder and reads everything it wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use runs::store::Results;

use crate::real::untimed;

pub(crate) const SMALL: &str =
    r#"families.*.data=[{name = "fashion-mnist-embedded", train = 100, validation = 20, test = 40}]"#;

pub(crate) const SWEEP: &str = "fc-lambda-sweep";

/// `agon` with these arguments, without data sets other than the embedded one, and without system fonts.
pub(crate) fn agon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agon"));
    command.args(arguments).env_remove("AGON_DATA").env_remove("XDG_CACHE_HOME");
    command.env("HOME", "/dev/null/nonexistent").env("FONTCONFIG_PATH", "/dev/null/nonexistent");
    command
}

/// The arguments of a reproduction of one experiment that takes about a second.
pub(crate) fn sweep(out: &Path) -> Vec<&str> {
    let out = out.to_str().unwrap();
    let kept = "--keep-parameters";
    ["reproduce", "--profile", "smoke", "--only", SWEEP, "--jobs", "2", kept, "-s", SMALL, "--out", out]
        .into()
}

pub(crate) fn reproduce(out: &Path) -> Output {
    agon(&sweep(out)).output().unwrap()
}

/// The output of a reproduction without times: results, figures, verdicts.
#[derive(Debug, PartialEq)]
pub(crate) struct Left {
    results: Results,
    files: BTreeMap<String, Vec<u8>>,
}

impl Left {
    pub(crate) fn read(out: &Path) -> Self {
        let folder = out.join("smoke").join(SWEEP);
        let results = untimed(&folder.join(format!("{SWEEP}.h5")));
        let drawn = files_below(&folder).into_iter().chain([out.join("smoke/verdicts.csv")]);
        let drawn = drawn.filter(|file| file.extension().is_some_and(|kind| kind != "h5"));
        let name = |file: &Path| file.file_name().unwrap().to_string_lossy().into_owned();
        let files = drawn.map(|file| (name(&file), std::fs::read(&file).unwrap())).collect();
        Self { results, files }
    }
}

/// All files in a folder, recursively.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Partial files left by a kill.
pub(crate) fn strays(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    files.retain(|file| file.extension().is_some_and(|kind| kind == "partial"));
    files
}
