//! `agon inspect`: prints the content of a results file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use system::files::folder_of;
use system::text::line;

use super::columns::columns;
use super::limited;
use super::values::at_least_one;
use crate::error::{Error, Result};
use crate::output::print_result;
use runs::store::{Coordinates, Results, Variable, read_sealed};
use system::nearest::nearest;

/// The maximum number of characters printed of an attribute.
const SHORT: usize = 72;

/// The maximum number of text coordinates printed of an axis.
const MAX_WORDS: usize = 4;

/// The arguments of `agon inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A results file of an experiment, or the `run.h5` of a run
    #[arg(value_name = "FILE.h5")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The time limit for reading the file
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = at_least_one)]
    time_limit: usize,
}

/// A results file, without its arrays.
#[derive(Debug, Serialize)]
struct Inspected {
    title: String,
    /// The verified SHA-256 in the file; none in files of older versions.
    sha256: Option<String>,
    attributes: Vec<(String, String)>,
    provenance: Vec<(String, String)>,
    dimensions: Vec<Axis>,
    variables: Vec<Described>,
}

#[derive(Debug, Serialize)]
struct Axis {
    name: String,
    length: usize,
    unit: String,
    description: String,
    coordinates: Range,
}

/// The coordinates of an axis.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Range {
    /// The minimum and maximum; none on an empty axis.
    Numbers(Option<[f64; 2]>),
    /// The minimum and maximum of integers.
    Integers(Option<[u64; 2]>),
    /// All texts.
    Texts(Vec<String>),
}

#[derive(Debug, Serialize)]
struct Described {
    name: String,
    dimensions: Vec<String>,
    shape: Vec<usize>,
    unit: String,
    description: String,
    nan: usize,
    /// Minimum, mean and maximum of the values other than NaN; none without any.
    spread: Option<[f64; 3]>,
}

pub(crate) fn command(args: &Inspect) -> Result<ExitCode> {
    let file = is_there(&args.file)?;
    if let Some(code) = limited::run_in_child(file, Duration::from_secs(args.time_limit as u64))? {
        return Ok(code);
    }
    let inspected = Inspected::of(file)?;
    print_result(args.json, &inspected, || inspected.text())
}

fn is_there(file: &Path) -> Result<&Path> {
    if file.is_file() { Ok(file) } else { Err(Error::Usage(no_file(file))) }
}

/// The error for a missing file, with the nearest name in its folder.
fn no_file(file: &Path) -> String {
    if file.is_dir() {
        return format!("{} is a folder; name a results file in it", file.display());
    }
    if file.exists() {
        return format!("{} is not a regular file; name a results file", file.display());
    }
    let entries = std::fs::read_dir(folder_of(file)).into_iter().flatten().flatten();
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let name = file.file_name().unwrap_or(OsStr::new("")).to_string_lossy();
    format!("no file {}{}", file.display(), nearest(&name, &names))
}

impl Inspected {
    fn of(file: &Path) -> Result<Self> {
        let (results, sha256) = read_sealed(file)?;
        Self::new(&results, sha256)
    }

    fn new(results: &Results, sha256: Option<String>) -> Result<Self> {
        let pairs = |map: &std::collections::BTreeMap<String, String>| {
            map.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        let axis = |(name, dimension): (&String, &runs::store::Dimension)| Axis {
            name: name.clone(),
            length: dimension.coordinates.len(),
            unit: dimension.unit.clone(),
            description: dimension.description.clone(),
            coordinates: match &dimension.coordinates {
                Coordinates::Numbers(values) => {
                    Range::Numbers(spread(values).map(|[least, _, greatest]| [least, greatest]))
                }
                Coordinates::Integers(values) => {
                    Range::Integers(values.iter().min().zip(values.iter().max()).map(|(&a, &b)| [a, b]))
                }
                Coordinates::Texts(texts) => Range::Texts(texts.clone()),
            },
        };
        let variables = results.variables.iter().map(|(name, variable)| {
            let shape = results.shape(name, variable)?;
            Ok(Described::new(name, variable, shape))
        });
        Ok(Self {
            title: results.title.clone(),
            sha256,
            attributes: pairs(&results.attributes),
            provenance: pairs(&results.provenance),
            dimensions: results.dimensions.iter().map(axis).collect(),
            variables: variables.collect::<Result<_>>()?,
        })
    }

    fn text(&self) -> String {
        let title = line(&self.title);
        let mut text = match &self.sha256 {
            Some(sha256) => format!("{title}\nverified: SHA-256 {sha256}\n"),
            None => format!(
                "{title}\nthe file has no checksum, since an older version wrote it: damage may be \
                 undetected\n"
            ),
        };
        for (head, pairs) in [("attribute", &self.attributes), ("provenance", &self.provenance)] {
            if !pairs.is_empty() {
                let rows: Vec<_> = pairs.iter().map(|(name, value)| [name.clone(), short(value)]).collect();
                text += &format!("\n{}", columns([head, "value"], &rows));
            }
        }
        if !self.dimensions.is_empty() {
            let rows: Vec<_> = self.dimensions.iter().map(Axis::row).collect();
            let header = ["dimension", "length", "coordinates", "unit", "description"];
            text += &format!("\n{}", columns(header, &rows));
        }
        if !self.variables.is_empty() {
            let rows: Vec<_> = self.variables.iter().map(Described::row).collect();
            let header = ["variable", "dimensions", "unit", "NaN", "min", "mean", "max", "description"];
            text += &format!("\n{}", columns(header, &rows));
        }
        text
    }
}

impl Axis {
    fn row(&self) -> [String; 5] {
        let range = match &self.coordinates {
            Range::Numbers(Some([one, other])) if one == other => number(*one),
            Range::Numbers(Some([least, greatest])) => format!("{} to {}", number(*least), number(*greatest)),
            Range::Integers(Some([one, other])) if one == other => one.to_string(),
            Range::Integers(Some([least, greatest])) => format!("{least} to {greatest}"),
            Range::Numbers(None) | Range::Integers(None) => "none".to_owned(),
            Range::Texts(texts) => {
                let more = if texts.len() > MAX_WORDS { ", …" } else { "" };
                short(&(texts[..texts.len().min(MAX_WORDS)].join(", ") + more))
            }
        };
        [self.name.clone(), self.length.to_string(), range, self.unit.clone(), self.description.clone()]
    }
}

impl Described {
    fn new(name: &str, variable: &Variable, shape: Vec<usize>) -> Self {
        let values = variable.values.to_f64();
        Self {
            name: name.to_owned(),
            dimensions: variable.dimensions.clone(),
            shape,
            unit: variable.unit.clone(),
            description: variable.description.clone(),
            nan: values.iter().filter(|value| value.is_nan()).count(),
            spread: spread(&values),
        }
    }

    fn row(&self) -> [String; 8] {
        let [least, mean, greatest] =
            self.spread.map_or(["-", "-", "-"].map(String::from), |spread| spread.map(number));
        let dimensions = match self.dimensions.is_empty() {
            true => "(scalar)".to_owned(),
            false => self.dimensions.join(" x "),
        };
        let nan = match self.nan {
            0 => "0".to_owned(),
            n => format!("{n} of {}", self.shape.iter().product::<usize>()),
        };
        let unit = self.unit.clone();
        [self.name.clone(), dimensions, unit, nan, least, mean, greatest, self.description.clone()]
    }
}

/// Minimum, mean and maximum of the values other than NaN.
fn spread(values: &[f64]) -> Option<[f64; 3]> {
    let numbers = || values.iter().copied().filter(|value| !value.is_nan());
    let n = numbers().count();
    let [least, greatest] = [numbers().reduce(f64::min)?, numbers().reduce(f64::max)?];
    Some([least, numbers().sum::<f64>() / n as f64, greatest])
}

/// Formats a number with four or five significant digits.
fn number(x: f64) -> String {
    match x.abs() {
        _ if x == x.trunc() && x.abs() < 1e6 => format!("{x:.0}"),
        size if (1e-3..1e5).contains(&size) => format!("{x:.4}"),
        _ => format!("{x:.3e}"),
    }
}

/// The first line of a text, shortened if it is long.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.len() < text.len() => format!("{line}…"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests;
