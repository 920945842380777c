//! Test cases: strategies for valid calls of each operation, and the runner of property tests.

use std::ops::{Range, RangeInclusive};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tensor::Tensor;

use super::classes::{self, Claim, ShapeClass};
use super::seeds::streams;
use crate::{Op, Result};

/// One valid call of an operation.
#[derive(Debug, Clone)]
pub struct Case<O, const N: usize> {
    /// The operation with its fields.
    pub op: O,
    /// Inputs of `f64`, farther from kinks than the finite-difference step.
    pub inputs: [Tensor; N],
    /// The maximum number of terms summed in one element of the output or of a gradient.
    pub reduced: usize,
}

/// A call exactly at a discontinuity of the derivative.
#[derive(Debug, Clone)]
pub struct Kink<O, const N: usize> {
    /// The operation with its fields.
    pub op: O,
    /// Inputs that every element type represents exactly.
    pub inputs: [Tensor; N],
    /// The documented gradients for a `grad_output` of ones.
    pub gradients: [Vec<f64>; N],
}

/// An operation with strategies for its valid calls.
pub trait Cases<const N: usize, const M: usize = 1>: Op<N, M> + Clone {
    /// The derivative of a gradient, for a `grad_output` of one, with respect to a saved output that `backward` reads:
    /// rounding the output changes the gradient. Zero where `backward` reads no output.
    const OUTPUT_SENSITIVITY: f64 = 0.0;

    /// The inputs in which the operation is linear or affine while the others are fixed.
    const LINEAR: [bool; N];

    /// The magnitudes to which the inputs are scaled for the check of large values.
    const LARGE: [f64; 2] = [80.0, 1e4];

    /// The inputs in which this call is linear: all of [`Cases::LINEAR`] unless a ReLU follows.
    fn linear(&self) -> [bool; N] {
        Self::LINEAR
    }

    /// Whether calls of a shape class are generated.
    fn claim(class: ShapeClass) -> Claim;

    /// Whether a case belongs to a shape class.
    fn shows(case: &Case<Self, N>, class: ShapeClass) -> bool {
        class.in_shapes(case.inputs.each_ref())
    }

    /// Calls exactly at kinks and ties, if there are any.
    fn kinks() -> Vec<Kink<Self, N>> {
        vec![]
    }

    /// Small calls, including edge-case shapes: every element is compared with finite differences.
    fn cases() -> BoxedStrategy<Case<Self, N>>;

    /// Calls with long sums and enough elements for several threads: short sums cannot reveal a narrow
    /// accumulator, and small inputs do not reach every branch of a fast path.
    fn long_cases() -> BoxedStrategy<Case<Self, N>>;

    /// Calls of listed sizes, usually from [`swept`]: every remainder of a tile and a vector, equal sides, batches and
    /// offsets of more than one block. Their gradients are compared with directional differences, so the function must
    /// be smooth within 0.001 of the inputs.
    fn swept() -> Vec<BoxedStrategy<Case<Self, N>>>;

    /// The function that `backward` differentiates; by default `forward`.
    ///
    /// # Errors
    /// As `forward`.
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

    /// The operation with its fields.
    fn op() -> BoxedStrategy<Self>;

    /// An input of this shape, away from kinks.
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
    let inputs = shape.prop_flat_map(|shape| O::inputs(&shape));
    (O::op(), inputs).prop_map(|(op, inputs)| Case { op, inputs, reduced: 1 }).boxed()
}

/// Shapes with a rank in `ranks` and lengths in `lengths`; occasionally an axis is empty.
pub fn shape(ranks: RangeInclusive<usize>, lengths: Range<usize>) -> BoxedStrategy<Vec<usize>> {
    vec(length(lengths), ranks).boxed()
}

/// A length of an axis; occasionally zero.
pub fn length(lengths: Range<usize>) -> BoxedStrategy<usize> {
    prop_oneof![1 => Just(0), 7 => lengths].boxed()
}

/// Lengths around the powers of two used as tile sizes.
pub const TILES: [usize; 6] = [31, 32, 33, 127, 128, 129];

/// A length around the size of a tile.
pub fn tile() -> BoxedStrategy<usize> {
    proptest::sample::select(&TILES[..]).boxed()
}

/// Shapes with enough elements for several threads, and matrices that straddle tiles.
pub fn long_shape() -> BoxedStrategy<Vec<usize>> {
    prop_oneof![shape(1..=1, 65_000..70_000), vec(tile(), 2)].boxed()
}

/// Values in [-2, 2).
pub fn values(shape: &[usize]) -> BoxedStrategy<Tensor> {
    filled(shape, (-2.0..2.0f64).boxed())
}

/// Values in [-2, 2) at least 0.05 from zero: ten times the reach of finite differences.
pub fn values_away_from_zero(shape: &[usize]) -> BoxedStrategy<Tensor> {
    filled(shape, (0.05..2.0f64, any::<bool>()).prop_map(|(x, sign)| if sign { x } else { -x }).boxed())
}

/// Values in [0.25, 4): the domain of roots and logarithms, away from its edge.
pub fn positive_values(shape: &[usize]) -> BoxedStrategy<Tensor> {
    filled(shape, (0.25..4.0f64).boxed())
}

/// Two tensors of values in [-4, 4) that differ by at least 0.05 in each element, so that no comparison changes within
/// the reach of finite differences.
pub fn values_apart(shape: &[usize]) -> BoxedStrategy<[Tensor; 2]> {
    (values(shape), values_away_from_zero(shape))
        .prop_map(|(x, difference)| {
            let sums = x.to_f64_vec().into_iter().zip(difference.to_f64_vec());
            let y = sums.map(|(x, difference)| x + difference).collect();
            let y = Tensor::from_vec(y, x.shape()).expect("as many values as before");
            [x, y]
        })
        .boxed()
}

fn filled(shape: &[usize], number: BoxedStrategy<f64>) -> BoxedStrategy<Tensor> {
    let shape = shape.to_vec();
    vec(number, shape.iter().product::<usize>())
        .prop_map(move |values| Tensor::from_vec(values, &shape).expect("the values fill the shape"))
        .boxed()
}

/// Lengths with every remainder by the sizes of tiles (13 x 32, 6 x 16) and of vectors (8, 16), below and above one of
/// them, and around the sizes of blocks and of sums above 1,000.
pub const LENGTHS: [usize; 79] = {
    let mut lengths = [0; 79];
    let mut length = 0;
    while length < 66 {
        lengths[length] = length + 1;
        length += 1;
    }
    let long = [95, 96, 97, 127, 128, 129, 130, 255, 256, 257, 1000, 1001, 1025];
    while length < lengths.len() {
        lengths[length] = long[length - 66];
        length += 1;
    }
    lengths
};

/// Numbers of images and of channels: around the block sizes, and one tile plus every remainder of a second.
pub const BATCHES: [usize; 12] = [1, 2, 31, 32, 33, 34, 63, 64, 65, 66, 128, 130];

/// Calls of listed sizes: each axis in turn takes all of `lengths`, while the others take some of `others`; then all axes
/// are equal.
pub fn swept<const D: usize, C>(
    lengths: [&[usize]; D],
    others: &[usize],
    of: impl Fn([usize; D]) -> BoxedStrategy<C>,
) -> Vec<BoxedStrategy<C>> {
    let mut cases = vec![];
    for (axis, lengths) in lengths.iter().enumerate() {
        for (number, &length) in lengths.iter().enumerate() {
            // Strides coprime to the lengths of short lists, so that all combinations of neighbouring values occur.
            let other = |place: usize| others[(number + 5 * place + number / others.len()) % others.len()];
            cases.push(of(std::array::from_fn(|place| if place == axis { length } else { other(place) })));
        }
    }
    let equal = [2, 3, 8, 13, 16, 17, 33].iter().filter(|&side| lengths.iter().all(|all| all.contains(side)));
    cases.extend(equal.map(|&side| of([side; D])));
    cases
}

/// [`swept`] of one axis and all of [`LENGTHS`].
pub fn swept_lengths<C>(of: impl Fn(usize) -> BoxedStrategy<C>) -> Vec<BoxedStrategy<C>> {
    swept([&LENGTHS], &[1], |[length]| of(length))
}

/// Tests `property` on random cases and panics with the smallest failing case.
///
/// The cases are the same in every run unless `AGON_SEED` is set, to a number or to `random`: then failing seeds are kept
/// in `crates/autograd/tests/seeds.txt`, and later runs test them first. `AGON_CASES` sets the number of cases (default
/// 8).
pub fn for_all<C: std::fmt::Debug>(cases: BoxedStrategy<C>, property: impl Fn(&C) -> Result<()>) {
    for_some(cases, 1, property);
}

/// [`for_all`] with four times as many cases, enough to include every shape class: for small cases.
pub fn for_many<C: std::fmt::Debug>(cases: BoxedStrategy<C>, property: impl Fn(&C) -> Result<()>) {
    for_some(cases, 4, property);
}

/// [`for_all`] with `times` as many cases.
pub(super) fn for_some<C: std::fmt::Debug>(
    cases: BoxedStrategy<C>,
    times: u32,
    property: impl Fn(&C) -> Result<()>,
) {
    let count: u32 = std::env::var("AGON_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(8);
    let name = std::any::type_name::<C>();
    for stream in streams(name) {
        let count = stream.cases(count.saturating_mul(times));
        let config = Config { cases: count, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new_with_rng(config, stream.rng())
            .run(&cases, |case| property(&case).map_err(|error| TestCaseError::fail(error.to_string())));
        if let Err(failure) = outcome {
            panic!("{failure}{}", stream.failed(name, count));
        }
    }
}

/// Tests `property` on one case of each kind, in order, and panics with the first failing case; returns the number of
/// cases.
pub fn for_each<C: std::fmt::Debug>(
    kinds: &[BoxedStrategy<C>],
    property: impl Fn(&C) -> Result<()>,
) -> usize {
    let name = std::any::type_name::<C>();
    for stream in streams(name) {
        let mut runner = TestRunner::new_with_rng(Config::default(), stream.rng());
        for kind in kinds {
            let case = kind.new_tree(&mut runner).expect("a case of listed sizes can be drawn").current();
            if let Err(error) = property(&case) {
                panic!("{error}\nfor {case:?}{}", stream.failed(name, 1));
            }
        }
    }
    kinds.len()
}
