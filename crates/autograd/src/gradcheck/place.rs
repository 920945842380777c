//! Places of derivatives: the input or parameter, and the element or direction.

use std::fmt;

/// Where a derivative was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The index of the input or parameter, from 0.
    pub input: usize,
    /// What the input belongs to.
    pub kind: InputKind,
    /// The element or direction.
    pub along: Along,
}

/// What an input belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// The checked function.
    Function,
    /// A module: it is the parameter of this name.
    Parameter(String),
    /// The operation of this name, which is checked alone, as by `op_tests!`.
    Operation(&'static str),
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
        Variable { input: self.input, kind: self.kind.clone() }.fmt(f)?;
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
    kind: InputKind,
}

impl Variable {
    pub(crate) fn input(input: usize) -> Self {
        Self { input, kind: InputKind::Function }
    }

    pub(crate) fn named(input: usize, name: &str) -> Self {
        Self { input, kind: InputKind::Parameter(name.to_owned()) }
    }

    /// An input of an operation that is checked alone.
    #[cfg(feature = "testing")]
    pub(crate) fn of(op: &'static str, input: usize) -> Self {
        Self { input, kind: InputKind::Operation(op) }
    }

    pub(super) fn place(&self, along: &Along) -> Place {
        Place { input: self.input, kind: self.kind.clone(), along: along.clone() }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            InputKind::Function => write!(f, "input {}", self.input),
            InputKind::Parameter(name) => write!(f, "`{name}`"),
            InputKind::Operation(op) => write!(f, "input {} of {op}", self.input),
        }
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
