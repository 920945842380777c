//! Results of reliability tests, for rows R1 to R22 of `book/reliability.md`.
//!
//! If the environment variable `AGON_RELIABILITY` names a folder, as set by `cargo xtask prove`, a passing test writes one
//! file there; otherwise nothing is written. A failing test writes no file.
//!
//! ```
//! # use agon_reliability::{Measurement, size};
//! let measured = Measurement::of("R10", "a run killed at any instant resumes with the same bits");
//! let n = size(100, 1_000);
//! // … n kills …
//! measured.passed(n, format!("{n} kills, 0 epochs lost"));
//! ```
#![forbid(unsafe_code)]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;
use std::{env, fs, io};

use serde_json::{Value, json};

/// The environment variable with the folder of the results.
pub const FOLDER: &str = "AGON_RELIABILITY";

/// The environment variable for the number of cases: `long`, or unset for the size of CI.
pub const SIZE: &str = "AGON_PROVE";

/// The environment variable with the seed of random cases, a number or `random`. If it is unset, the cases are the same
/// in every run.
pub const SEED: &str = "AGON_SEED";

/// The seed of a test's random cases: `fixed`, unless `AGON_SEED` is set.
///
/// # Panics
/// If `AGON_SEED` is neither a number nor `random`.
pub fn seed(fixed: u64) -> u64 {
    match env::var(SEED).as_deref() {
        Err(_) => fixed,
        Ok("random") => random_seed(),
        Ok(text) => {
            text.parse().unwrap_or_else(|_| panic!("{SEED}: expected a number or `random`, got `{text}`"))
        }
    }
}

/// A new random seed, constant within the process, derived from the random keys of a hash map.
pub fn random_seed() -> u64 {
    static DRAWN: OnceLock<u64> = OnceLock::new();
    *DRAWN.get_or_init(|| RandomState::new().build_hasher().finish())
}

/// The number of cases of a test: `ci`, or `long` if `AGON_PROVE=long`.
pub fn size(ci: usize, long: usize) -> usize {
    if env::var(SIZE).is_ok_and(|size| size == "long") { long } else { ci }
}

/// A running measurement.
#[derive(Debug)]
pub struct Measurement {
    id: &'static str,
    what: &'static str,
    part: Option<&'static str>,
    begin: Instant,
}

impl Measurement {
    /// Starts a measurement for a row, such as `R10`; `what` is the tested property as one sentence.
    pub fn of(id: &'static str, what: &'static str) -> Self {
        Self { id, what, part: None, begin: Instant::now() }
    }

    /// Marks the measurement as one of several parts of a row, which `cargo xtask prove` combines.
    #[must_use]
    pub fn part(self, part: &'static str) -> Self {
        Self { part: Some(part), ..self }
    }

    /// Ends the measurement as passed: `n` cases without failure, and a short summary of the result.
    ///
    /// # Panics
    /// If the result cannot be written.
    pub fn passed(self, n: usize, figure: impl Into<String>) {
        self.leave(n as u64, Some(figure.into()), None);
    }

    /// Ends the measurement without a result, because this machine does not meet a requirement.
    ///
    /// # Panics
    /// If the result cannot be written.
    pub fn not_run(self, reason: impl Into<String>) {
        self.leave(0, None, Some(reason.into()));
    }

    fn leave(self, n: u64, figure: Option<String>, not_run: Option<String>) {
        let Some(folder) = env::var_os(FOLDER) else { return };
        let figure = Figure {
            id: self.id.into(),
            what: self.what.into(),
            n,
            failures: 0,
            figure: figure.unwrap_or_default(),
            seconds: self.begin.elapsed().as_secs_f64(),
            not_run,
        };
        let file = Path::new(&folder).join(match self.part {
            Some(part) => format!("{}-{part}.json", self.id),
            None => format!("{}.json", self.id),
        });
        figure.write(&file).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
    }
}

/// The result of one test.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The row, such as `R10`.
    pub id: String,
    /// The tested property, as one sentence.
    pub what: String,
    /// The number of cases.
    pub n: u64,
    /// The number of failed cases.
    pub failures: u64,
    /// A short summary of the result.
    pub figure: String,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// The reason if the test was not run.
    pub not_run: Option<String>,
}

impl Figure {
    fn write(&self, file: &Path) -> io::Result<()> {
        let Self { id, what, n, failures, figure, seconds, not_run } = self;
        let mut value = json!({
            "id": id, "what": what, "n": n, "failures": failures, "figure": figure, "seconds": seconds,
        });
        if let (Some(reason), Some(fields)) = (not_run, value.as_object_mut()) {
            fields.insert("not_run".into(), reason.as_str().into());
        }
        fs::write(file, format!("{value:#}\n"))
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Some(Self {
            id: text("id")?,
            what: text("what")?,
            n: value["n"].as_u64()?,
            failures: value["failures"].as_u64()?,
            figure: text("figure")?,
            seconds: value["seconds"].as_f64()?,
            not_run: text("not_run"),
        })
    }

    /// Reads all results in a folder, in the order of their file names.
    ///
    /// # Errors
    /// If the folder or a file cannot be read, or a file has another format; the error names it.
    pub fn read_all(folder: &Path) -> io::Result<Vec<Self>> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|kind| kind == "json"));
        files.sort();
        let read = |file: &PathBuf| {
            let holds = || format!("{}: expected a stored result, got other text", file.display());
            Self::parse(&fs::read_to_string(file)?).ok_or_else(|| io::Error::other(holds()))
        };
        files.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

    use super::*;

    #[test]
    fn results_round_trip_and_other_texts_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let figure = |id: &str, not_run| Figure {
            id: id.into(),
            what: "λ \"holds\"".into(),
            n: 3,
            failures: 0,
            figure: "3 of 3".into(),
            seconds: 0.25,
            not_run,
        };
        let figures = [figure("R1", None), figure("R2", Some("no GPU".into()))];
        for figure in &figures {
            figure.write(&folder.path().join(format!("{}.json", figure.id))).unwrap();
        }
        assert_eq!(Figure::read_all(folder.path()).unwrap(), figures);
        fs::write(folder.path().join("R3.json"), "{\"id\": 3}").unwrap();
        assert!(Figure::read_all(folder.path()).unwrap_err().to_string().contains("R3.json"));
    }
}
