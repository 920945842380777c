//! A matrix in row-major order.

use crate::check::{Random, text};

/// A matrix `[rows, columns]`; element `[i, j]` is `data[i * columns + j]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
    /// The elements.
    pub data: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![0.0; rows * columns] }
    }

    /// A matrix of random values.
    pub fn random(rows: usize, columns: usize, random: &mut Random) -> Self {
        Self { rows, columns, data: random.values(rows * columns) }
    }

    /// Element `[i, j]`.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        assert!(
            i < self.rows && j < self.columns,
            "no element [{i}, {j}] in [{}, {}]",
            self.rows,
            self.columns
        );
        self.data[i * self.columns + j]
    }

    /// Element `[i, j]`, to be written.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn at_mut(&mut self, i: usize, j: usize) -> &mut f64 {
        assert!(
            i < self.rows && j < self.columns,
            "no element [{i}, {j}] in [{}, {}]",
            self.rows,
            self.columns
        );
        &mut self.data[i * self.columns + j]
    }

    /// Shape and elements as text.
    pub fn text(&self) -> String {
        format!("[{}, {}] {}", self.rows, self.columns, text(&self.data))
    }
}
