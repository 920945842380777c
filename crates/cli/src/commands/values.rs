//! Parsers of option values shared by several commands.

use std::path::{Path, PathBuf};

/// Parses an existing folder: searching a missing one would find nothing and report every set as missing.
pub(super) fn existing_folder(text: &str) -> Result<PathBuf, String> {
    match Path::new(text) {
        path if path.is_dir() => Ok(path.to_owned()),
        path if path.exists() => Err("expected a folder, got a file".into()),
        _ => Err("no such folder".into()),
    }
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "expected an integer of at least 1".into())
}

/// Parses a positive number of seconds.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    positive(text).ok_or_else(|| "expected a number of seconds above 0".into())
}

/// Parses a positive number of minutes.
pub(super) fn minutes(text: &str) -> Result<f64, String> {
    positive(text).ok_or_else(|| "expected a number of minutes above 0".into())
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

/// Parses the side of images.
pub(super) fn side(text: &str) -> Result<usize, String> {
    let expected = || format!("expected an integer from 1 to {}", data::MAX_SIDE);
    text.parse().ok().filter(|side| (1..=data::MAX_SIDE).contains(side)).ok_or_else(expected)
}
