//! Test cases: strategies for valid calls of each operation, and functions that run property tests.

use std::ffi::OsStr;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tensor::Tensor;

use super::classes::{self, Claim, ShapeClass};
use super::seeds::streams;
use super::shrink::Then;
use super::strategies::{long_shape, shape, swept_lengths, values};
use crate::{Op, Result};

/// A valid call of an operation.
#[derive(Debug, Clone)]
pub struct Case<O, const N: usize> {
    /// The operation with the values of its fields.
    pub op: O,
    /// Inputs of `f64`, farther from kinks than the finite-difference step.
    pub inputs: [Tensor; N],
    /// The maximum number of terms summed in one element of the output or of a gradient.
    pub reduced: usize,
}

/// A call exactly at a discontinuity of the derivative.
#[derive(Debug, Clone)]
pub struct Kink<O, const N: usize> {
    /// The operation with the values of its fields.
    pub op: O,
    /// Inputs that every element type represents exactly.
    pub inputs: [Tensor; N],
    /// The documented gradients for a `grad_output` of ones.
    pub gradients: [Vec<f64>; N],
}

/// An operation with strategies that generate its valid calls. An element-wise operation implements [`AnyShape`] instead;
/// any other one chooses its shapes itself, and says in [`Cases::claim`] which shape classes its cases contain. The
/// functions of [`classes`], such as [`classes::of_even_rank`], have the claims of common kinds of operations.
///
/// ```
/// use agon_autograd::ops::broadcast_to::BroadcastTo;
/// use agon_autograd::testing::cases::{Case, Cases};
/// use agon_autograd::testing::classes::{self, Claim, ShapeClass};
/// use agon_autograd::testing::proptest::prelude::*;
/// use agon_autograd::testing::shrink::Then;
/// use agon_autograd::testing::strategies::{LENGTHS, length, swept, tile, values};
/// use agon_autograd::{Op, Result, run_if};
/// use ndarray::{ArrayD, ArrayViewD, Axis};
/// use tensor::{Kernel, Real, Tensor};
///
/// /// The sum of each row of `[n, d]`.
/// #[derive(Debug, Clone, Copy)]
/// struct RowSum;
///
/// impl Kernel<1, 1> for RowSum {
///     fn name(&self) -> &'static str {
///         "row_sum"
///     }
///
///     fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
///         match *x {
///             [n, _] => Ok([vec![n]]),
///             _ => Err(tensor::Error::shape("row_sum", "[n, d]", &[x])),
///         }
///     }
///
///     fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
///         [x.map_axis(Axis(1), |row| row.iter().copied().sum())]
///     }
/// }
///
/// impl Op<1> for RowSum {
///     const NAME: &'static str = "row_sum";
///     /// The shape `[n, d]` of the input.
///     type Saved = Vec<usize>;
///
///     fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Vec<usize>)> {
///         Ok((tensor::run(self, [x])?, x.shape().to_vec()))
///     }
///
///     /// `dx[i, j] = dy[i]`
///     fn backward(&self, shape: &Vec<usize>, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
///         Ok([run_if(needed, &BroadcastTo { shape: shape.clone() }, [&dy.reshape(&[shape[0], 1])?])?])
///     }
/// }
///
/// /// A call with a matrix of this size; a sum of `d` terms.
/// fn of_size(n: usize, d: usize) -> BoxedStrategy<Case<RowSum, 1>> {
///     values(&[n, d]).prop_map(move |x| Case { op: RowSum, inputs: [x], reduced: d.max(1) }).boxed()
/// }
///
/// impl Cases<1> for RowSum {
///     const LINEAR: [bool; 1] = [true];
///
///     // Matrices: no broadcasting, no windows, no odd rank; all other classes are among the cases.
///     fn claim(class: ShapeClass) -> Claim {
///         classes::of_even_rank(class)
///     }
///
///     // Small, sometimes without rows or columns: every element is compared with finite differences.
///     fn cases() -> BoxedStrategy<Case<Self, 1>> {
///         (length(1..4), length(1..5)).prop_then(|(n, d)| of_size(n, d)).boxed()
///     }
///
///     // Long sums, and lengths around the sizes of tiles.
///     fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
///         (tile(), prop_oneof![tile(), 2_000..3_000usize]).prop_then(|(n, d)| of_size(n, d)).boxed()
///     }
///
///     fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
///         swept([&LENGTHS, &LENGTHS], &[3, 7], |[n, d]| of_size(n, d))
///     }
/// }
///
/// agon_autograd::op_tests!(row_sum: RowSum);
/// # fn main() {
/// # use agon_autograd::testing::suite;
/// # suite::gradients::<RowSum, _, _>();
/// # suite::shape_classes::<RowSum, _, _>();
/// # suite::adjoint::<RowSum, _, _>();
/// # suite::planted_mistakes::<RowSum, _, _>();
/// # }
/// ```
pub trait Cases<const N: usize, const M: usize = 1>: Op<N, M> + Clone {
    /// A bound on the derivative of a gradient, for a `grad_output` of one, with respect to a saved output that
    /// `backward` reads. Rounding that output changes the gradient by this factor. Zero if `backward` reads no output.
    const OUTPUT_SENSITIVITY: f64 = 0.0;

    /// Whether the operation is linear or affine in each input while the others are fixed.
    const LINEAR: [bool; N];

    /// The magnitudes to which the inputs are scaled for the check of large values.
    const LARGE: [f64; 2] = [80.0, 1e4];

    /// The inputs in which this call is linear: those of [`Cases::LINEAR`], unless a ReLU follows.
    fn linear(&self) -> [bool; N] {
        Self::LINEAR
    }

    /// The claim about calls of a shape class: whether and how they are generated.
    fn claim(class: ShapeClass) -> Claim;

    /// Whether a case belongs to a shape class.
    fn shows(case: &Case<Self, N>, class: ShapeClass) -> bool {
        class.in_shapes(case.inputs.each_ref())
    }

    /// Calls exactly at kinks and ties; empty if there are none.
    fn kinks() -> Vec<Kink<Self, N>> {
        vec![]
    }

    /// Small calls, including edge-case shapes. Every element is compared with finite differences.
    fn cases() -> BoxedStrategy<Case<Self, N>>;

    /// Calls with long sums and enough elements for several threads. Short sums cannot reveal an accumulator that is
    /// too narrow, and small inputs do not reach every branch of a fast path.
    fn long_cases() -> BoxedStrategy<Case<Self, N>>;

    /// Calls of listed sizes, usually from [`swept`]: every remainder of a tile and a vector, equal sides, batches and
    /// offsets of more than one block. Their gradients are compared with directional differences, so the function must
    /// be smooth within 0.001 of the inputs.
    fn swept() -> Vec<BoxedStrategy<Case<Self, N>>>;

    /// The function whose derivative `backward` computes; by default `forward`.
    ///
    /// # Errors
    /// The errors of `forward`.
    fn differentiated(&self, inputs: [&Tensor; N]) -> Result<[Tensor; M]> {
        Ok(self.forward(inputs)?.0)
    }
}

/// An element-wise operation on inputs of any shape; it implements [`Cases`].
pub trait AnyShape<const N: usize>: Op<N> + Clone + 'static {
    /// See [`Cases::OUTPUT_SENSITIVITY`].
    const OUTPUT_SENSITIVITY: f64 = 0.0;

    /// See [`Cases::LINEAR`].
    const LINEAR: [bool; N];

    /// See [`Cases::LARGE`].
    const LARGE: [f64; 2] = [80.0, 1e4];

    /// A strategy for the values of the operation's fields.
    fn op() -> BoxedStrategy<Self>;

    /// An input of this shape, away from kinks and from jumps of the second derivative, as of `x |x|` at 0; for functions that
    /// have them there, [`values_away_from_zero`](super::strategies::values_away_from_zero) is one.
    fn input(shape: &[usize]) -> BoxedStrategy<Tensor> {
        values(shape)
    }

    /// All inputs of this shape, away from kinks.
    fn inputs(shape: &[usize]) -> BoxedStrategy<[Tensor; N]> {
        std::array::from_fn::<_, N, _>(|_| Self::input(shape)).boxed()
    }

    /// See [`Cases::kinks`].
    fn kinks() -> Vec<Kink<Self, N>> {
        vec![]
    }
}

impl<O: AnyShape<N>, const N: usize> Cases<N> for O {
    const OUTPUT_SENSITIVITY: f64 = O::OUTPUT_SENSITIVITY;

    const LINEAR: [bool; N] = O::LINEAR;

    const LARGE: [f64; 2] = O::LARGE;

    fn claim(class: ShapeClass) -> Claim {
        match class {
            ShapeClass::KinkOrTie if !O::kinks().is_empty() => Claim::Generated,
            _ => classes::of_any_shape(class),
        }
    }

    fn kinks() -> Vec<Kink<Self, N>> {
        O::kinks()
    }

    fn cases() -> BoxedStrategy<Case<Self, N>> {
        of_shape(shape(0..=3, 1..4))
    }

    fn long_cases() -> BoxedStrategy<Case<Self, N>> {
        of_shape(long_shape())
    }

    fn swept() -> Vec<BoxedStrategy<Case<Self, N>>> {
        swept_lengths(|n| of_shape(Just(vec![n]).boxed()))
    }
}

fn of_shape<O: AnyShape<N>, const N: usize>(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<O, N>> {
    let inputs = shape.prop_then(|shape| O::inputs(&shape));
    (O::op(), inputs).prop_map(|(op, inputs)| Case { op, inputs, reduced: 1 }).boxed()
}

/// Tests `property` on random cases and panics with the smallest failing case.
///
/// The cases are the same in every run unless `AGON_SEED` is set, to a number or to `random`: then failing seeds are
/// stored in `tests/seeds.txt` of the tested crate, and later runs test them first. `AGON_CASES` sets the number of
/// cases, 8 by default.
pub fn for_all<C: std::fmt::Debug>(cases: BoxedStrategy<C>, property: impl Fn(&C) -> Result<()>) {
    for_some(cases, 1, property);
}

/// How many times as many cases [`for_many`] tests as [`for_all`].
pub(super) const MANY: u32 = 4;

/// [`for_all`] with four times as many cases, which is enough to include every shape class; for small cases.
pub fn for_many<C: std::fmt::Debug>(cases: BoxedStrategy<C>, property: impl Fn(&C) -> Result<()>) {
    for_some(cases, MANY, property);
}

/// [`for_all`] with `times` as many cases.
pub(super) fn for_some<C: std::fmt::Debug>(
    cases: BoxedStrategy<C>,
    times: u32,
    property: impl Fn(&C) -> Result<()>,
) {
    attempt(cases, times, property).unwrap_or_else(|failure| panic!("{failure}"));
}

/// [`for_some`] that returns the message of a failure instead of a panic.
pub(super) fn attempt<C: std::fmt::Debug>(
    cases: BoxedStrategy<C>,
    times: u32,
    property: impl Fn(&C) -> Result<()>,
) -> std::result::Result<(), String> {
    let count = count(std::env::var_os("AGON_CASES").as_deref()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let name = std::any::type_name::<C>();
    for stream in streams(name) {
        let count = stream.cases(count.saturating_mul(times));
        let config = Config { cases: count, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new_with_rng(config, stream.rng())
            .run(&cases, |case| property(&case).map_err(|error| TestCaseError::fail(error.to_string())));
        outcome.map_err(|failure| format!("{failure}{}", stream.failed(name, count)))?;
    }
    Ok(())
}

/// The number of cases set by `AGON_CASES`, or an error message. Zero is an error, because every test would pass.
fn count(set: Option<&OsStr>) -> std::result::Result<u32, String> {
    let Some(set) = set else { return Ok(8) };
    let count = set.to_str().and_then(|set| set.parse().ok()).filter(|&count| count > 0);
    count.ok_or_else(|| format!("AGON_CASES: expected a positive number of cases, got `{}`", set.display()))
}

/// Tests `property` on one case of each strategy, in order, and panics with the first failing case; returns the number
/// of cases.
pub fn for_each<C: std::fmt::Debug>(
    kinds: &[BoxedStrategy<C>],
    property: impl Fn(&C) -> Result<()>,
) -> usize {
    let name = std::any::type_name::<C>();
    for stream in streams(name) {
        let mut runner = TestRunner::new_with_rng(Config::default(), stream.rng());
        for kind in kinds {
            let case = kind.new_tree(&mut runner).expect("the strategy generates a case").current();
            if let Err(error) = property(&case) {
                panic!("{error}\nfor {case:?}{}", stream.failed(name, 1));
            }
        }
    }
    kinds.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_cases_and_texts_that_are_not_numbers_are_refused() {
        let count = |set: &str| count(Some(set.as_ref()));
        assert_eq!((super::count(None), count("256")), (Ok(8), Ok(256)));
        for bad in ["0", "", "-1", "many", "4294967296"] {
            let wrong = count(bad).unwrap_err();
            assert_eq!(wrong, format!("AGON_CASES: expected a positive number of cases, got `{bad}`"));
        }
    }
}
