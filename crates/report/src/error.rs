//! What can be wrong with a description of a figure, a grid or a page.

/// A description that cannot be drawn; `of` says which figure, panel and series it is about.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is NaN or infinite.
    #[error("{of}: {what} is {value}, expected a finite number; leave out what was not measured")]
    NonFinite {
        /// The figure, panel and series, or the grid, row and column.
        of: String,
        /// Which value.
        what: String,
        /// The value.
        value: f64,
    },

    /// Something that must hold at least one thing holds none.
    #[error("{of}: nothing to draw, expected at least one {expected}")]
    Empty {
        /// The figure, panel and series, or the grid.
        of: String,
        /// What is missing.
        expected: &'static str,
    },

    /// A point lies outside its own spread, so a band would not contain its line.
    #[error("{of}: point {point} has {axis} = {value} outside its spread {low} to {high}")]
    OutsideSpread {
        /// The figure, panel and series.
        of: String,
        /// The index of the point.
        point: usize,
        /// `"x"`, `"y"`, or what was measured.
        axis: &'static str,
        /// The value of the point.
        value: f64,
        /// The lower end of the spread.
        low: f64,
        /// The upper end of the spread.
        high: f64,
    },

    /// Points have a spread and nobody says what it means.
    #[error(
        "{of}: points have a spread; say in `note` what it is, such as `bands: lowest to highest of 5 seeds`"
    )]
    UnexplainedSpread {
        /// The figure.
        of: String,
    },

    /// A value has no place on its axis.
    #[error("{of}: {value} has no place on axis `{axis}`, expected {expected}")]
    OffScale {
        /// The figure, panel and series.
        of: String,
        /// The label of the axis.
        axis: String,
        /// The value.
        value: f64,
        /// What the axis can show.
        expected: String,
    },

    /// An axis contradicts itself.
    #[error("{of}: axis `{axis}` {problem}")]
    Axis {
        /// The figure and panel.
        of: String,
        /// The label of the axis.
        axis: String,
        /// What is wrong and what was expected.
        problem: &'static str,
    },

    /// A text that a reader needs is empty.
    #[error("{of}: {what} is empty, expected a text")]
    NoText {
        /// The figure, panel and series, or the grid.
        of: String,
        /// Which text.
        what: &'static str,
    },

    /// A name that cannot be a file name and an id.
    #[error("name `{name}`: expected a lower-case letter, then lower-case letters, digits, `_` or `-`")]
    Name {
        /// The name.
        name: String,
    },

    /// Two parts of one page have the same name.
    #[error("the name `{name}` is used twice on one page; rename one, since names become ids and file names")]
    NameTwice {
        /// The name.
        name: String,
    },

    /// A count does not match.
    #[error("{of}: expected {expected}, got {got}")]
    Mismatch {
        /// The grid, row and column, or the figure.
        of: String,
        /// What was expected.
        expected: String,
        /// What was given.
        got: String,
    },

    /// The drawing could not be turned into pixels.
    #[error("a drawing of {width} x {height} could not be rasterised: {reason}")]
    Raster {
        /// Width in units of the drawing.
        width: f64,
        /// Height in units of the drawing.
        height: f64,
        /// What the rasteriser or encoder said.
        reason: String,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
