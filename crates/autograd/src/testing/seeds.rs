//! The random streams of property tests: a fixed one, one selected by `AGON_SEED`, and those that failed before.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::test_runner::{RngAlgorithm, TestRng};
use reliability::SEED;

/// A random stream of a test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// A stored seed that failed before, with the number of cases up to the failure.
    Kept { seed: u64, cases: u32 },
    /// The fixed stream of every run.
    Fixed,
    /// The seed selected by `AGON_SEED`.
    Chosen(u64),
}

impl Stream {
    /// The random number generator of the stream.
    pub(super) fn rng(self) -> TestRng {
        match self {
            Self::Fixed => TestRng::deterministic_rng(RngAlgorithm::ChaCha),
            Self::Kept { seed, .. } | Self::Chosen(seed) => {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&seed.to_le_bytes());
                TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
            }
        }
    }

    /// The number of cases of this stream in a run of `cases` cases.
    pub(super) fn cases(self, cases: u32) -> u32 {
        match self {
            Self::Kept { cases, .. } => cases,
            Self::Fixed | Self::Chosen(_) => cases,
        }
    }

    /// Handles a failure of the test `name`: stores a selected seed, and returns how to repeat the failure.
    pub(super) fn failed(self, name: &str, cases: u32) -> String {
        match self {
            Self::Fixed => String::new(),
            Self::Kept { seed, .. } => {
                format!("\nthe failure of seed {seed} in {} is reproduced", file().display())
            }
            Self::Chosen(seed) => {
                let repeat = format!("\n`{SEED}={seed}` reproduces this failure");
                match keep(&file(), seed, cases, name) {
                    Ok(()) => format!("{repeat}; the seed is saved in {}", file().display()),
                    Err(error) => {
                        format!("{repeat}; the seed could not be saved in {}: {error}", file().display())
                    }
                }
            }
        }
    }
}

/// The streams of the test `name`, stored ones first.
///
/// # Panics
/// If `AGON_SEED` is neither a number nor `random`, or the file of stored seeds is damaged.
pub(super) fn streams(name: &str) -> Vec<Stream> {
    let mut streams = match fs::read_to_string(file()) {
        Ok(text) => kept(&text, name).unwrap_or_else(|line| {
            panic!("{}: expected a seed, a number of cases and a name, got `{line}`", file().display())
        }),
        Err(_) => vec![],
    };
    streams.push(chosen().map_or(Stream::Fixed, Stream::Chosen));
    streams
}

/// The seed selected by `AGON_SEED`, if it is set; all random tests use the same variable.
fn chosen() -> Option<u64> {
    static CHOSEN: OnceLock<Option<u64>> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        env::var_os(SEED)?;
        let seed = reliability::seed(0);
        let _ = writeln!(io::stderr(), "{SEED}={seed}");
        Some(seed)
    })
}

/// The file of failing seeds, one per line, in the crate whose tests are running, which Cargo sets in the environment.
fn file() -> PathBuf {
    let tested = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&tested).join("tests/seeds.txt")
}

/// The stored streams of `name`, or the first invalid line.
fn kept<'t>(text: &'t str, name: &str) -> Result<Vec<Stream>, &'t str> {
    let mut streams = vec![];
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let seed = words.next().and_then(|seed| seed.parse().ok()).ok_or(line)?;
        let cases = words.next().and_then(|cases| cases.parse().ok()).ok_or(line)?;
        if words.next().ok_or(line)? == name {
            streams.push(Stream::Kept { seed, cases });
        }
    }
    Ok(streams)
}

fn keep(file: &Path, seed: u64, cases: u32, name: &str) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    // A single write, so that tests that fail concurrently do not interleave their lines.
    file.write_all(format!("{seed} {cases} {name}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Rng;

    use super::*;

    #[test]
    fn a_stored_seed_reproduces_its_random_numbers_and_other_seeds_differ() {
        let file = env::temp_dir().join(format!("agon-seeds-{}.txt", std::process::id()));
        let _ = fs::remove_file(&file);
        keep(&file, 7, 32, "Case<Add, 2>").unwrap();
        keep(&file, 8, 8, "Case<Sub, 2>").unwrap();
        let text = format!("# a comment\n\n{}", fs::read_to_string(&file).unwrap());
        fs::remove_file(&file).unwrap();
        let streams = kept(&text, "Case<Add, 2>").unwrap();
        assert_eq!(streams, [Stream::Kept { seed: 7, cases: 32 }]);
        assert_eq!(streams[0].cases(8), 32);
        let word = |stream: Stream| stream.rng().next_u64();
        assert_eq!(word(streams[0]), word(Stream::Chosen(7)));
        assert_ne!(word(streams[0]), word(Stream::Chosen(8)));
        assert_ne!(word(streams[0]), word(Stream::Fixed));
    }

    #[test]
    fn an_invalid_line_is_shown() {
        for bad in ["x 8 name", "7 name", "7 8"] {
            assert_eq!(kept(bad, "name"), Err(bad));
        }
    }

    #[test]
    fn the_file_of_the_repository_can_be_read() {
        assert!(kept(&fs::read_to_string(file()).unwrap(), "").is_ok());
    }
}
