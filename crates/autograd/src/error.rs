//! The error type of this crate.

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of recording, differentiation and gradient checks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A kernel failed.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// `backward` was called on a non-scalar.
    #[error("backward: expected a scalar loss, got shape {shape:?}; reduce it to a scalar first")]
    NotALoss {
        /// The shape of the value.
        shape: Vec<usize>,
    },
    /// A requested gradient does not exist.
    #[error("no gradient: {why}")]
    NoGradient {
        /// The reason, and the next step.
        why: &'static str,
    },
    /// An operation got variables of different tapes.
    #[error("{op}: the inputs were recorded on different tapes")]
    MixedTapes {
        /// The operation.
        op: &'static str,
    },
    /// The index lists of an operation do not fit its inputs.
    #[error("{op}: expected {expected}, got {got}")]
    Indices {
        /// The operation.
        op: &'static str,
        /// The expected indices.
        expected: String,
        /// The actual indices.
        got: String,
    },
    /// A derivative does not agree with finite differences.
    #[error(
        "the gradient of input {input} at {element:?} is {analytic:e}, finite differences give {numeric:e}; \
         they differ by {difference:e}, allowed is {allowed:e}{hint}"
    )]
    WrongGradient {
        /// The index of the input, from 0.
        input: usize,
        /// The index of the element.
        element: Vec<usize>,
        /// The derivative by `backward`.
        analytic: f64,
        /// The derivative by finite differences.
        numeric: f64,
        /// The absolute difference.
        difference: f64,
        /// The allowed difference.
        allowed: f64,
        /// A likely cause, such as a constant factor or a kink; empty if none was found.
        hint: String,
    },
    /// A gradient or its finite difference is infinite or NaN.
    #[error(
        "the gradient of input {input} at {element:?} is {analytic:e}, finite differences give {numeric:e}; both must be \
         finite, so move the input to where the function is finite or fix the operation's `backward`"
    )]
    NonFiniteGradient {
        /// The index of the input, from 0.
        input: usize,
        /// The index of the element.
        element: Vec<usize>,
        /// The derivative by `backward`.
        analytic: f64,
        /// The derivative by finite differences.
        numeric: f64,
    },
    /// Finite differences resolve no derivative, so the comparison is vacuous.
    #[error(
        "gradcheck: none of {elements} derivatives is large enough to check: the largest finite difference is {largest:e}, and \
         rounding alone may give {noise:e}; scale the function, or remove inputs that it does not depend on"
    )]
    Unresolved {
        /// The number of derivatives.
        elements: usize,
        /// The largest magnitude by finite differences.
        largest: f64,
        /// The rounding error of the difference.
        noise: f64,
    },
    /// A function gave two results for the same inputs.
    #[error(
        "gradcheck: expected the same output for the same inputs, got {first:e} and {second:e} at index {place}; fix the \
         random seed, and change no state inside the function"
    )]
    NonDeterministic {
        /// The position in the output, in row-major order.
        place: usize,
        /// The first result.
        first: f64,
        /// The second result.
        second: f64,
    },
    /// An operation's `backward` returned a tensor that cannot be the gradient of one of its inputs.
    #[error(
        "{op}: backward: expected a gradient of {expected} for input {input}, got {got}; fix the operation's `backward`"
    )]
    InvalidGradient {
        /// The operation.
        op: &'static str,
        /// The index of the input, from 0.
        input: usize,
        /// The shape, element type and device of the input.
        expected: String,
        /// The shape, element type and device of the returned gradient.
        got: String,
    },
    /// An operation's `backward` returned gradients for other inputs than requested.
    #[error("{op}: backward: expected gradients for the inputs {requested:?}, got {got:?}")]
    WrongGradients {
        /// The operation.
        op: &'static str,
        /// Which gradients were requested.
        requested: Vec<bool>,
        /// Which gradients were returned.
        got: Vec<bool>,
    },
    /// A gradient depends on which other gradients were requested.
    #[error(
        "{op}: the gradient of input {input} depends on which other gradients are requested: {requested:?}"
    )]
    UnsteadyGradient {
        /// The operation.
        op: &'static str,
        /// The index of the input, from 0.
        input: usize,
        /// Which gradients were requested.
        requested: Vec<bool>,
    },
    /// An operation violates a property that every operation must have.
    #[error("{op}: {promise}; {found}")]
    Broken {
        /// The operation.
        op: &'static str,
        /// The property.
        promise: &'static str,
        /// The violation.
        found: String,
    },
    /// A result in a narrow type differs too much from the result in 64 bits.
    #[error(
        "{op} in {dtype}: {what} is {got:e} at index {place}, but {expected:e} in f64; \
         they differ by {difference:e}, allowed is {allowed:e}"
    )]
    Imprecise {
        /// The operation.
        op: &'static str,
        /// The narrow type.
        dtype: tensor::DType,
        /// The name of the output or gradient.
        what: String,
        /// The position in it, in row-major order.
        place: usize,
        /// The value in the narrow type.
        got: f64,
        /// The value in 64 bits.
        expected: f64,
        /// The absolute difference.
        difference: f64,
        /// The allowed difference.
        allowed: f64,
    },
}
