//! What can go wrong while recording and differentiating.

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong while recording and differentiating.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A kernel refused its inputs.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// `backward` was called on something that is not a single number.
    #[error("backward wants a single number to start from, got shape {shape:?}; reduce it to a loss first")]
    NotALoss {
        /// The shape of what it was called on.
        shape: Vec<usize>,
    },
    /// A gradient was asked for that does not exist.
    #[error("no gradient: {why}")]
    NoGradient {
        /// Why it does not exist, and what to do.
        why: &'static str,
    },
    /// Two variables of different tapes met in one operation.
    #[error("{op}: the inputs were recorded on different tapes")]
    MixedTapes {
        /// The operation.
        op: &'static str,
    },
    /// The index lists of an operation do not fit its inputs.
    #[error("{op}: wanted {wanted}, got {got}")]
    Indices {
        /// The operation.
        op: &'static str,
        /// What it takes.
        wanted: String,
        /// What it was given.
        got: String,
    },
    /// A derivative does not agree with finite differences.
    #[error(
        "the gradient by input {input} at {element:?} is {analytic:e}, finite differences say {numeric:e}; \
         they differ by {difference:e}, allowed is {allowed:e}{hint}"
    )]
    WrongGradient {
        /// Which input, counted from 0.
        input: usize,
        /// The index of the element.
        element: Vec<usize>,
        /// What `backward` says.
        analytic: f64,
        /// What finite differences say.
        numeric: f64,
        /// How far they are apart.
        difference: f64,
        /// How far they may be apart.
        allowed: f64,
        /// A likely cause read off the values, such as a constant factor or a kink; empty if there is none.
        hint: String,
    },
    /// A gradient or its finite difference is infinite or NaN.
    #[error(
        "the gradient by input {input} at {element:?} is {analytic:e}, finite differences say {numeric:e}; both must be \
         finite, so move the input to where the function is finite or mend the operation's `backward`"
    )]
    NonFiniteGradient {
        /// Which input, counted from 0.
        input: usize,
        /// The index of the element.
        element: Vec<usize>,
        /// What `backward` says.
        analytic: f64,
        /// What finite differences say.
        numeric: f64,
    },
    /// Finite differences resolve no derivative, so that comparing proves nothing.
    #[error(
        "gradcheck: wanted a derivative that finite differences resolve to 0.1 %, got none of {elements}: the largest is \
         {largest:e}, and rounding alone may give {noise:e}; scale the function, or leave out what does not depend on \
         the inputs"
    )]
    Unresolved {
        /// The number of derivatives.
        elements: usize,
        /// The largest of their sizes, by finite differences.
        largest: f64,
        /// What rounding may add to it.
        noise: f64,
    },
    /// A function gave two results for the same inputs.
    #[error(
        "gradcheck: wanted the same output for the same inputs, got {first:e} and {second:e} at place {place}; fix the \
         random seed, and change no state inside the function"
    )]
    NonDeterministic {
        /// Where in the output, in row-major order.
        place: usize,
        /// The first result.
        first: f64,
        /// The second one.
        second: f64,
    },
    /// An operation's `backward` returned what cannot be the gradient by one of its inputs.
    #[error(
        "{op}: backward must give input {input} a gradient of {expected}, got {got}; mend the operation's `backward`"
    )]
    InvalidGradient {
        /// The operation.
        op: &'static str,
        /// Which input, counted from 0.
        input: usize,
        /// The shape, element type and device of the input.
        expected: String,
        /// What was returned.
        got: String,
    },
    /// An operation's `backward` did not return the gradients that it was asked for.
    #[error("{op}: backward was asked for the gradients {wanted:?} and returned {got:?}")]
    WrongGradients {
        /// The operation.
        op: &'static str,
        /// Which inputs were wanted.
        wanted: Vec<bool>,
        /// Which gradients came back.
        got: Vec<bool>,
    },
    /// A gradient changed with what else was asked for.
    #[error("{op}: the gradient by input {input} depends on which other gradients are wanted: {wanted:?}")]
    UnsteadyGradient {
        /// The operation.
        op: &'static str,
        /// Which input, counted from 0.
        input: usize,
        /// Which inputs were wanted.
        wanted: Vec<bool>,
    },
    /// An operation does not keep a promise that its line in the list makes.
    #[error("{op}: {promise}; {found}")]
    Broken {
        /// The operation.
        op: &'static str,
        /// What is promised of every operation.
        promise: &'static str,
        /// What was found instead.
        found: String,
    },
    /// A result in a narrow type is too far from the result in 64 bits.
    #[error(
        "{op} in {dtype}: {what} is {got:e} at place {place}, 64 bits say {expected:e}; \
         they differ by {difference:e}, allowed is {allowed:e}"
    )]
    Imprecise {
        /// The operation.
        op: &'static str,
        /// The narrow type.
        dtype: tensor::DType,
        /// Which output or gradient.
        what: String,
        /// Where in it, in row-major order.
        place: usize,
        /// The value in the narrow type.
        got: f64,
        /// The value in 64 bits.
        expected: f64,
        /// How far they are apart.
        difference: f64,
        /// How far they may be apart.
        allowed: f64,
    },
}
