//! What can be wrong with the input of a closed form.

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with the input of a closed form.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are too few samples, or they have no columns.
    #[error("{what}: wanted a matrix of at least {wanted} × 1, got {} × {}", .got[0], .got[1])]
    TooFew {
        /// The input.
        what: &'static str,
        /// The least number of rows.
        wanted: usize,
        /// Its rows and columns.
        got: [usize; 2],
    },
    /// Two inputs do not fit each other.
    #[error("{what}: wanted {wanted}, got {got}")]
    Shape {
        /// What does not fit.
        what: &'static str,
        /// What would.
        wanted: String,
        /// What was given.
        got: String,
    },
    /// A number is not among those that are allowed.
    #[error("{what}: wanted {wanted}, got {got}")]
    OutOfRange {
        /// The number.
        what: &'static str,
        /// What is allowed.
        wanted: String,
        /// What was given.
        got: String,
    },
    /// A value is not finite.
    #[error("{what}: wanted finite values, got {got} in row {row}, column {column}")]
    NonFinite {
        /// The matrix.
        what: &'static str,
        /// Where it stands.
        row: usize,
        /// Where it stands.
        column: usize,
        /// The value, as it is printed, since no NaN equals another.
        got: String,
    },
    /// All samples are the same, so nothing can be compared.
    #[error("{what}: wanted samples that differ, got {rows} equal rows")]
    Constant {
        /// The input.
        what: &'static str,
        /// Their number.
        rows: usize,
    },
    /// What a ratio would be divided by is no more than the rounding errors of its computation.
    #[error("{what}: wanted {wanted}, got {got:e}, which rounding alone can be (up to {rounding:e})")]
    Undetermined {
        /// The input.
        what: &'static str,
        /// What would be determined.
        wanted: &'static str,
        /// What was computed.
        got: f64,
        /// The most that rounding makes of zero.
        rounding: f64,
    },
    /// A symmetric matrix that must be positive definite is not.
    #[error(
        "{what}: wanted a positive definite {n} × {n} matrix, got one that is singular or indefinite; {hint}"
    )]
    NotPositiveDefinite {
        /// The matrix.
        what: &'static str,
        /// Its size.
        n: usize,
        /// What to do.
        hint: &'static str,
    },
    /// The iteration for the eigenvalues of a symmetric matrix did not come to an end.
    #[error("{what}: wanted the eigenvalues of a symmetric {n} × {n} matrix, got no convergence")]
    NoConvergence {
        /// The matrix.
        what: &'static str,
        /// Its size.
        n: usize,
    },
}

impl Error {
    pub(crate) fn shape(what: &'static str, wanted: impl ToString, got: impl ToString) -> Self {
        Self::Shape { what, wanted: wanted.to_string(), got: got.to_string() }
    }

    /// The same, of a block of columns that begins with this one.
    pub(crate) fn columns_later(self, first: usize) -> Self {
        match self {
            Self::NonFinite { what, row, column, got } => {
                Self::NonFinite { what, row, column: column + first, got }
            }
            other => other,
        }
    }

    pub(crate) fn out_of_range(what: &'static str, wanted: impl ToString, got: impl ToString) -> Self {
        Self::OutOfRange { what, wanted: wanted.to_string(), got: got.to_string() }
    }
}
