//! Places of derivatives: the input or parameter, and the element or direction.

use std::fmt;

/// Where a derivative was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The index of the input or parameter, from 0.
    pub input: usize,
    /// The name, if it is a parameter.
    pub name: Option<String>,
    /// The operation, if it is an input of one that is checked alone, as by `op_tests!`.
    pub op: Option<&'static str>,
    /// The element or direction.
    pub along: Along,
}

/// The element or direction of a derivative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Along {
    /// The element at this index.
    Element(Vec<usize>),
    /// The random direction with this index.
    Direction(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Variable { input: self.input, name: self.name.clone(), op: self.op }.fmt(f)?;
        match &self.along {
            Along::Element(element) => write!(f, " at {element:?}"),
            Along::Direction(number) => write!(f, " along direction {number}"),
        }
    }
}

/// An input or parameter of the checked function.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    input: usize,
    name: Option<String>,
    op: Option<&'static str>,
}

impl Variable {
    pub(crate) fn input(input: usize) -> Self {
        Self { input, name: None, op: None }
    }

    pub(crate) fn named(input: usize, name: &str) -> Self {
        Self { input, name: Some(name.to_owned()), op: None }
    }

    /// An input of an operation that is checked alone.
    #[cfg(feature = "testing")]
    pub(crate) fn of(op: &'static str, input: usize) -> Self {
        Self { input, name: None, op: Some(op) }
    }

    pub(super) fn place(&self, along: &Along) -> Place {
        Place { input: self.input, name: self.name.clone(), op: self.op, along: along.clone() }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "`{name}`")?,
            None => write!(f, "input {}", self.input)?,
        }
        self.op.map_or(Ok(()), |op| write!(f, " of {op}"))
    }
}

impl Along {
    /// The element at index `place` in row-major order.
    pub(super) fn element(mut place: usize, shape: &[usize]) -> Self {
        let mut index = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            index[axis] = place % shape[axis];
            place /= shape[axis];
        }
        Self::Element(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_positions_become_indices() {
        assert_eq!(Along::element(7, &[2, 3, 2]), Along::Element(vec![1, 0, 1]));
        assert_eq!(Along::element(0, &[]), Along::Element(vec![]));
    }

    #[test]
    fn a_place_names_the_input_or_the_parameter() {
        let element = Along::element(3, &[2, 2]);
        assert_eq!(Variable::input(1).place(&element).to_string(), "input 1 at [1, 1]");
        let direction = Variable::named(0, "0.weight").place(&Along::Direction(2));
        assert_eq!(direction.to_string(), "`0.weight` along direction 2");
    }
}
