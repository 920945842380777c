//! Labelled arrays: what a results file holds, before it is a file.

use std::collections::BTreeMap;

use super::array::{Array, Values};
use super::error::{Error, Result};

/// The longest name of a dimension in bytes, as HDF5 stores it.
const LONGEST_NAME: usize = 63;

/// The results of an experiment or of a run.
///
/// A name may hold `/`, which makes groups in the file; a dimension is seen by the variables of its
/// own group and of the groups below, so dimensions are best named without.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// One line for a person.
    pub title: String,
    /// Texts about the whole, by name.
    pub attributes: BTreeMap<String, String>,
    /// What made it: commit, device, versions, hashes, config.
    pub provenance: BTreeMap<String, String>,
    /// The axes, by name.
    pub dimensions: BTreeMap<String, Dimension>,
    /// The arrays, by name.
    pub variables: BTreeMap<String, Variable>,
}

/// An axis: what its positions mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// A sentence for a person.
    pub description: String,
    /// The unit of the coordinates; `1` for plain numbers, empty for texts.
    pub unit: String,
    /// One for each position.
    pub coordinates: Coordinates,
}

/// The coordinates along an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Coordinates {
    /// Such as values of λ, or numbers of epochs.
    Numbers(Vec<f64>),
    /// Such as seeds: whole numbers that `f64` does not hold exactly above 2^53.
    Integers(Vec<u64>),
    /// Such as names of models.
    Texts(Vec<String>),
}

/// An array whose axes are named.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The names of its dimensions, the slowest first; empty for a single number.
    pub dimensions: Vec<String>,
    /// A sentence for a person.
    pub description: String,
    /// The unit of the values; `1` for plain numbers.
    pub unit: String,
    /// As many values as its dimensions say.
    pub values: Values,
}

impl Coordinates {
    /// The length of the axis.
    pub fn len(&self) -> usize {
        match self {
            Coordinates::Numbers(values) => values.len(),
            Coordinates::Integers(values) => values.len(),
            Coordinates::Texts(values) => values.len(),
        }
    }

    /// Whether it has no position.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Results {
    /// The shape that the dimensions of `variable` give it.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the variable, for a dimension that is not there.
    pub fn shape(&self, name: &str, variable: &Variable) -> Result<Vec<usize>> {
        let length = |dimension: &String| match self.dimensions.get(dimension) {
            Some(dimension) => Ok(dimension.coordinates.len()),
            None => Err(Error::invalid(name, "dimensions that are in the results", format!("`{dimension}`"))),
        };
        variable.dimensions.iter().map(length).collect()
    }

    /// The values of a variable with their shape; `None` if there is no such variable.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a dimension that is not there.
    pub fn array(&self, name: &str) -> Result<Option<Array>> {
        let Some(variable) = self.variables.get(name) else { return Ok(None) };
        Ok(Some(Array { shape: self.shape(name, variable)?, values: variable.values.clone() }))
    }

    /// # Errors
    /// [`Error::Invalid`] for a name that a file can't hold, a dimension that is not there, a
    /// dimension used twice, or another number of values than the dimensions say.
    pub(super) fn check(&self) -> Result<()> {
        let names = || self.dimensions.keys().chain(self.variables.keys());
        for name in names() {
            if name.split('/').any(|part| part.is_empty() || part == "." || part.contains('\0')) {
                return Err(Error::invalid(name, "a name such as `loss` or `train/loss`", "this one"));
            }
            let inside =
                |other: &String| other.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/'));
            if let Some(other) = names().find(|other| inside(other)) {
                return Err(Error::invalid(
                    other,
                    format!("`{name}` to be a group"),
                    "an array of that name",
                ));
            }
        }
        if let Some(name) = self.dimensions.keys().find(|name| name.len() > LONGEST_NAME) {
            let got = format!("{} bytes", name.len());
            return Err(Error::invalid(
                name,
                format!("at most {LONGEST_NAME} bytes in a dimension's name"),
                got,
            ));
        }
        for (name, variable) in &self.variables {
            if self.dimensions.contains_key(name) {
                return Err(Error::invalid(name, "one array of this name", "a dimension and a variable"));
            }
            let shape = self.shape(name, variable)?;
            if shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n))
                != Some(variable.values.len())
            {
                let got = format!("{} values", variable.values.len());
                return Err(Error::invalid(name, format!("as many values as the shape {shape:?}"), got));
            }
            let twice = |(i, dimension)| variable.dimensions[..i].contains(dimension);
            if variable.dimensions.iter().enumerate().any(twice) {
                let got = format!("{:?}", variable.dimensions);
                return Err(Error::invalid(name, "each dimension once", got));
            }
        }
        Ok(())
    }
}
