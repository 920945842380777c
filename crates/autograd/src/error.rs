//! The error type of this crate.

use crate::gradcheck::{Cause, Place, Roughness};

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

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
    /// The inputs of an operation are variables of different tapes.
    #[error(
        "{op}: expected inputs of one tape, got inputs of different tapes; record all of them on the \
         same tape"
    )]
    MixedTapes {
        /// The operation.
        op: &'static str,
    },
    /// The indices of an operation do not match its inputs.
    #[error("{op}: expected {expected}, got {got}")]
    Indices {
        /// The operation.
        op: &'static str,
        /// The expected indices.
        expected: String,
        /// The actual indices.
        got: String,
    },
    /// An operation, layer or loss of another crate rejected its inputs.
    #[error("{op}: {message}")]
    Op {
        /// The operation.
        op: &'static str,
        /// The expected and the actual inputs.
        message: String,
    },
    /// A derivative does not agree with finite differences.
    #[error(
        "the gradient of {place} is {analytic:e}, finite differences give {numeric:e}; they differ by {difference:e}, allowed \
         is {allowed:e}{cause}"
    )]
    WrongGradient {
        /// The input and the element.
        place: Place,
        /// The derivative by `backward`.
        analytic: f64,
        /// The derivative by finite differences.
        numeric: f64,
        /// The absolute difference.
        difference: f64,
        /// The allowed difference.
        allowed: f64,
        /// A likely cause.
        cause: Cause,
    },
    /// A gradient is infinite or NaN where finite differences are not.
    #[error(
        "the gradient of {place} is {analytic:e}, finite differences give {numeric:e}; both must be finite, so fix the \
         operation's `backward`"
    )]
    NonFiniteGradient {
        /// The input and the element.
        place: Place,
        /// The derivative by `backward`.
        analytic: f64,
        /// The derivative by finite differences.
        numeric: f64,
    },
    /// The function is not smooth near an element, so finite differences do not determine its derivative.
    #[error(
        "gradcheck: expected a function that is smooth within four steps of {place}, got {roughness}: the gradient is \
         {analytic:e}, finite differences give {numeric:e}; {}", roughness.advice()
    )]
    NotSmooth {
        /// The input and the element.
        place: Place,
        /// The kind of non-smoothness.
        roughness: Roughness,
        /// The derivative by `backward`.
        analytic: f64,
        /// The derivative by finite differences.
        numeric: f64,
    },
    /// An input or the output of a gradient check is not in 64 bits.
    #[error("gradcheck: expected f64 for {what}, got {dtype}; convert it with `to_dtype(DType::F64)`")]
    NeedsF64 {
        /// The input, the parameter or the output.
        what: String,
        /// Its element type.
        dtype: tensor::DType,
    },
    /// An option of a gradient check is outside of its range.
    #[error("gradcheck: expected {expected}, got {got}")]
    CheckOption {
        /// The valid values.
        expected: &'static str,
        /// The actual value.
        got: String,
    },
    /// Finite differences resolve no derivative with respect to an input, so the comparison would be vacuous.
    #[error(
        "gradcheck: none of the {elements} derivatives with respect to {input} is large enough to check: the largest finite \
         difference is {largest:e}, and rounding alone may give {noise:e}; scale the function, or leave out inputs that it \
         does not depend on with `GradCheck::only`"
    )]
    Unresolved {
        /// The input or parameter.
        input: String,
        /// The number of derivatives.
        elements: usize,
        /// The largest derivative by finite differences, in magnitude.
        largest: f64,
        /// The rounding error of the difference.
        noise: f64,
    },
    /// A function gave two results for the same inputs.
    #[error(
        "gradcheck: expected a deterministic function, with the same {what} for the same inputs, got {first:e} and {second:e} at \
         index {place}; fix the random seed, and change no state inside the function"
    )]
    NonDeterministic {
        /// What differs: the output, or the gradient of an input.
        what: String,
        /// The position within it, in row-major order.
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
    /// An operation's `backward` returned gradients for another set of inputs than requested.
    #[error(
        "{op}: backward: expected gradients for the requested inputs {requested:?}, got {got:?}; fix the \
         operation's `backward`"
    )]
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
        "{op}: backward: expected the same gradient of input {input} whichever others are requested, got \
         another one for the requests {requested:?}; fix the operation's `backward`"
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
        /// The position within it, in row-major order.
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
