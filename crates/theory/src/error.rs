//! Errors of closed forms and measures.

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The errors of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are too few rows or no columns.
    #[error("{what}: expected a matrix of at least {expected} × 1, got {} × {}", .got[0], .got[1])]
    TooFew {
        /// The name of the input.
        what: &'static str,
        /// The required number of rows.
        expected: usize,
        /// Its number of rows and columns.
        got: [usize; 2],
    },
    /// The shapes of two inputs do not match.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// The name of the input or dimension.
        what: &'static str,
        /// The expected value.
        expected: String,
        /// The actual value.
        got: String,
    },
    /// A value is out of range.
    #[error("{what}: expected {expected}, got {got}")]
    OutOfRange {
        /// The name of the value.
        what: &'static str,
        /// The allowed range.
        expected: String,
        /// The actual value.
        got: String,
    },
    /// A value is not finite.
    #[error("{what}: expected finite values, got {got} in row {row}, column {column}")]
    NonFinite {
        /// The name of the matrix.
        what: &'static str,
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// The value as text, so that errors with NaN compare equal.
        got: String,
    },
    /// All samples are equal.
    #[error("{what}: expected at least two different rows, got {rows} identical ones")]
    Constant {
        /// The name of the input.
        what: &'static str,
        /// The number of samples.
        rows: usize,
    },
    /// The denominator of a ratio is not larger than its rounding error.
    #[error("{what}: expected {expected}, got {got:e}, which is within the rounding error {rounding:e}")]
    Undetermined {
        /// The name of the input.
        what: &'static str,
        /// The expected property.
        expected: &'static str,
        /// The computed denominator.
        got: f64,
        /// The bound of its rounding error.
        rounding: f64,
    },
    /// A symmetric matrix is not positive definite.
    #[error(
        "{what}: expected a positive definite {n} × {n} matrix, got one that is singular or indefinite; {hint}"
    )]
    NotPositiveDefinite {
        /// The name of the matrix.
        what: &'static str,
        /// The number of rows.
        n: usize,
        /// The next step.
        hint: &'static str,
    },
    /// The eigenvalue iteration of a symmetric matrix did not converge.
    #[error(
        "{what}: the eigenvalue iteration did not converge for a symmetric {n} × {n} matrix; rescale the \
         inputs"
    )]
    NoConvergence {
        /// The name of the matrix.
        what: &'static str,
        /// The number of rows.
        n: usize,
    },
}

impl Error {
    pub(crate) fn shape(what: &'static str, expected: impl ToString, got: impl ToString) -> Self {
        Self::Shape { what, expected: expected.to_string(), got: got.to_string() }
    }

    /// The same error, with column indices shifted by `first`, the first column of a block.
    pub(crate) fn columns_later(self, first: usize) -> Self {
        match self {
            Self::NonFinite { what, row, column, got } => {
                Self::NonFinite { what, row, column: column + first, got }
            }
            other => other,
        }
    }

    pub(crate) fn out_of_range(what: &'static str, expected: impl ToString, got: impl ToString) -> Self {
        Self::OutOfRange { what, expected: expected.to_string(), got: got.to_string() }
    }
}
