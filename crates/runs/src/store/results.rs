//! Labelled arrays, the content of a results file.

use std::collections::BTreeMap;

use super::array::{Array, Values};
use super::error::{Error, Result};

/// The longest name of a dimension in bytes, as HDF5 stores it.
const LONGEST_NAME: usize = 63;

/// The results of an experiment or of a run.
///
/// Names may contain `/`, which creates groups in the file; a dimension is visible to the variables of its
/// own group and of the groups below, so dimension names are best without `/`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// A title in one line.
    pub title: String,
    /// Attributes of the whole file, by name.
    pub attributes: BTreeMap<String, String>,
    /// The provenance: commit, device, versions, hashes, config.
    pub provenance: BTreeMap<String, String>,
    /// The axes, by name.
    pub dimensions: BTreeMap<String, Dimension>,
    /// The arrays, by name.
    pub variables: BTreeMap<String, Variable>,
}

/// An axis and its coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// A description of the axis.
    pub description: String,
    /// The unit of the coordinates; `1` for dimensionless ones, empty for texts.
    pub unit: String,
    /// The coordinates, one for each position.
    pub coordinates: Coordinates,
}

/// The coordinates along an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Coordinates {
    /// Real coordinates, such as λ or epoch numbers.
    Numbers(Vec<f64>),
    /// Integer coordinates, such as seeds, which `f64` does not represent exactly above 2^53.
    Integers(Vec<u64>),
    /// Text coordinates, such as model names.
    Texts(Vec<String>),
}

/// An array with named axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The names of its dimensions, the slowest first; empty for a scalar.
    pub dimensions: Vec<String>,
    /// A description of the variable.
    pub description: String,
    /// The unit of the values; `1` for dimensionless ones.
    pub unit: String,
    /// The values, as many as the product of the dimensions.
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

    /// Whether the axis has length 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Results {
    /// The shape of `variable`, from its dimensions.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the variable, for an unknown dimension.
    pub fn shape(&self, name: &str, variable: &Variable) -> Result<Vec<usize>> {
        let length = |dimension: &String| match self.dimensions.get(dimension) {
            Some(dimension) => Ok(dimension.coordinates.len()),
            None => Err(Error::invalid(name, "declared dimensions", format!("`{dimension}`"))),
        };
        variable.dimensions.iter().map(length).collect()
    }

    /// The values of a variable with their shape; `None` if it does not exist.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown dimension.
    pub fn array(&self, name: &str) -> Result<Option<Array>> {
        let Some(variable) = self.variables.get(name) else { return Ok(None) };
        Ok(Some(Array { shape: self.shape(name, variable)?, values: variable.values.clone() }))
    }

    /// # Errors
    /// [`Error::Invalid`] for a name that a file can't hold, an unknown dimension, a
    /// dimension used twice, or values that do not match the dimensions.
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
