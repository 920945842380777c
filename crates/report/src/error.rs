//! Errors in descriptions of figures, grids and pages.

/// An invalid description; `of` names the figure, panel and series.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is NaN or infinite.
    #[error("{of}: {what}: expected a finite number, got {value}; omit values that were not measured")]
    NonFinite {
        /// The figure, panel and series, or the grid, row and column.
        of: String,
        /// The name of the value.
        what: String,
        /// The value.
        value: f64,
    },

    /// A list that must not be empty is empty.
    #[error("{of}: expected at least one {expected}, got none")]
    Empty {
        /// The figure, panel and series, or the grid.
        of: String,
        /// The missing element.
        expected: &'static str,
    },

    /// A point is outside its own spread, so a band would not contain its line.
    #[error("{of}: point {point}: expected {axis} within its interval {low} to {high}, got {value}")]
    OutsideSpread {
        /// The figure, panel and series.
        of: String,
        /// The index of the point.
        point: usize,
        /// `"x"`, `"y"`, or the measured quantity.
        axis: &'static str,
        /// The value of the point.
        value: f64,
        /// The lower end of the spread.
        low: f64,
        /// The upper end of the spread.
        high: f64,
    },

    /// Points have a spread that the note does not explain.
    #[error(
        "{of}: expected a `note` that explains the spread of the points, got none; set one, such as `bands: \
         lowest to highest of 5 seeds`"
    )]
    UnexplainedSpread {
        /// The figure.
        of: String,
    },

    /// A value is outside its axis.
    #[error("{of}: axis `{axis}`: got {value}, expected {expected}")]
    OffScale {
        /// The figure, panel and series.
        of: String,
        /// The label of the axis.
        axis: String,
        /// The value.
        value: f64,
        /// The values that the axis can show.
        expected: String,
    },

    /// An axis is inconsistent.
    #[error("{of}: axis `{axis}` {problem}")]
    Axis {
        /// The figure and panel.
        of: String,
        /// The label of the axis.
        axis: String,
        /// The problem and the expected value.
        problem: &'static str,
    },

    /// A required text is empty.
    #[error("{of}: {what}: expected some text, got none")]
    NoText {
        /// The figure, panel and series, or the grid.
        of: String,
        /// The name of the text.
        what: &'static str,
    },

    /// A name is not a valid file name and id.
    #[error("name `{name}`: expected a lower-case letter, then lower-case letters, digits, `_` or `-`")]
    Name {
        /// The name.
        name: String,
    },

    /// Two parts of one page have the same name.
    #[error(
        "name `{name}`: expected unique names on a page, got two equal ones; rename one, since names \
         become ids and file names"
    )]
    NameTwice {
        /// The name.
        name: String,
    },

    /// A count does not match.
    #[error("{of}: expected {expected}, got {got}")]
    Mismatch {
        /// The grid, row and column, or the figure.
        of: String,
        /// The expected value.
        expected: String,
        /// The actual value.
        got: String,
    },

    /// The drawing could not be rasterised.
    #[error("a drawing of {width} x {height} could not be rasterised: {reason}")]
    Raster {
        /// Width in units of the drawing.
        width: f64,
        /// Height in units of the drawing.
        height: f64,
        /// The error of the rasteriser or encoder.
        reason: String,
    },
}

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;
