//! The checks that follow from an operation's line in the list.

use tensor::{DType, Tensor};

use super::cases::{Case, Cases};
use super::{Checked, compare, weights};
use crate::op::Layout;
use crate::{Error, Op, Result};

/// Compares every element of every gradient with finite differences, and asks for every subset of them.
///
/// # Errors
/// The first thing that is wrong.
pub fn finite_differences<O, const N: usize, const M: usize>(case: &Case<O, N>) -> Result<Checked>
where
    O: Cases<N, M>,
{
    let inputs = case.inputs.each_ref();
    let (outputs, saved) = case.op.forward(inputs)?;
    let weights = numbered(&outputs);
    let all = gradients(&case.op, inputs, &saved, &weights, [true; N])?;
    for subset in 0..1u32 << N {
        let wanted = std::array::from_fn(|input| subset >> input & 1 == 1);
        let some = gradients(&case.op, inputs, &saved, &weights, wanted)?;
        for (input, gradient) in some.iter().enumerate() {
            let alone = gradient.as_ref().map(Tensor::to_f64_vec);
            if alone.is_some() && alone != all[input].as_ref().map(Tensor::to_f64_vec) {
                return Err(Error::UnsteadyGradient { op: O::NAME, input, wanted: wanted.into() });
            }
        }
    }
    let analytic = all.map(|gradient| gradient.map_or_else(Vec::new, |gradient| gradient.to_f64_vec()));
    let value = |inputs: [&Tensor; N]| Ok(flat(&case.op.differentiated(inputs)?));
    Ok(compare(value, &flat(&weights), inputs, &analytic)?.checked)
}

/// The numbers of all tensors, one after the other.
pub(super) fn flat(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().flat_map(Tensor::to_f64_vec).collect()
}

/// Asks for gradients and compares which came with which were wanted, and each with its input.
pub(super) fn gradients<O, const N: usize, const M: usize>(
    op: &O,
    inputs: [&Tensor; N],
    saved: &O::Saved,
    douts: &[Tensor; M],
    wanted: [bool; N],
) -> Result<[Option<Tensor>; N]>
where
    O: Op<N, M>,
{
    let mut gradients = op.backward(saved, douts.each_ref(), wanted)?;
    let got = gradients.each_ref().map(Option::is_some);
    if got != wanted {
        return Err(Error::WrongGradients { op: O::NAME, wanted: wanted.into(), got: got.into() });
    }
    for (input, gradient) in gradients.iter_mut().enumerate().filter(|(_, gradient)| gradient.is_some()) {
        *gradient = Some(Layout::of(inputs[input]).admit(O::NAME, input, gradient.take())?);
    }
    Ok(gradients)
}

/// Compares the outputs and gradients in `dtype` with those in 64 bits, for the same rounded inputs.
///
/// **What is allowed.** A sum of `n` terms is rounded `n` times, each time by at most half an epsilon of
/// the accumulator times the partial sum, which is taken to be no larger than four times the largest number
/// of the result: `2 n epsilon`. Inputs, gradients handed down and results are rounded to the stored type:
/// four roundings of it are allowed. A gradient that reads a stored output moves with that output's rounding
/// by [`Cases::OUTPUT_SENSITIVITY`]. Where terms cancel, their sums are larger than what is left of them: a result
/// that is further off is compared again with what it moves by when each number that goes in moves by its own size.
/// A number that is as close as the type can be is right, also where it overflows, and below the smallest normal
/// number a fast path may give zero.
///
/// # Errors
/// [`Error::Imprecise`] with the place and both numbers.
pub fn precision<O, const N: usize, const M: usize>(case: &Case<O, N>, dtype: DType) -> Result<()>
where
    O: Cases<N, M>,
{
    let narrow = case.inputs.each_ref().map(|input| input.to_dtype(dtype));
    let wide = narrow.each_ref().map(|input| input.to_dtype(DType::F64));
    let (narrow_outputs, narrow_saved) = case.op.forward(narrow.each_ref())?;
    let (wide_outputs, wide_saved) = case.op.forward(wide.each_ref())?;
    let within = |what: String, got: &Tensor, expected: &Tensor, (from_output, size): (f64, f64)| {
        let largest = largest(expected).max(size);
        let roundings = 2.0 * case.reduced as f64 * dtype.accumulator().epsilon() + 4.0 * dtype.epsilon();
        let allowed = roundings * largest + from_output + f64::from(f32::MIN_POSITIVE);
        let rounded = expected.to_dtype(got.dtype()).to_f64_vec();
        let numbers = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
        for (place, (got, expected)) in numbers.enumerate() {
            let difference = if got == rounded[place] { 0.0 } else { (got - expected).abs() };
            // In 64 bits every result is finite: the inputs are no larger than 10,000.
            if !(expected.is_finite() && super::within(difference, allowed)) {
                let op = O::NAME;
                return Err(Error::Imprecise { op, dtype, what, place, got, expected, difference, allowed });
            }
        }
        Ok(())
    };
    for (output, (got, expected)) in narrow_outputs.iter().zip(&wide_outputs).enumerate() {
        let judge = |size| within(format!("output {output}"), got, expected, (0.0, size));
        let outputs =
            |inputs: [&Tensor; N], _: &[Tensor; M]| Ok(case.op.forward(inputs)?.0[output].to_f64_vec());
        judge(0.0).or_else(|_| judge(moved(outputs, wide.each_ref(), &numbered(&wide_outputs))?))?;
    }
    // The weights are rounded first, so that both sides differentiate in the same direction.
    let weights = numbered(&wide_outputs);
    let narrow_weights: [Tensor; M] =
        std::array::from_fn(|output| weights[output].to_dtype(narrow_outputs[output].dtype()));
    let wide_weights = narrow_weights.each_ref().map(|weight| weight.to_dtype(DType::F64));
    let got = gradients(&case.op, narrow.each_ref(), &narrow_saved, &narrow_weights, [true; N])?;
    let expected = gradients(&case.op, wide.each_ref(), &wide_saved, &wide_weights, [true; N])?;
    let from_output: f64 =
        wide_outputs.iter().zip(&wide_weights).map(|(output, dout)| largest(output) * largest(dout)).sum();
    let from_output = O::OUTPUT_SENSITIVITY * dtype.epsilon() / 2.0 * from_output;
    for (input, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let (Some(got), Some(expected)) = (got, expected) else { continue };
        let judge =
            |size| within(format!("the gradient by input {input}"), got, expected, (from_output, size));
        let gradient = |inputs: [&Tensor; N], douts: &[Tensor; M]| {
            let (_, saved) = case.op.forward(inputs)?;
            let gradients = gradients(&case.op, inputs, &saved, douts, [true; N])?;
            Ok(gradients[input].as_ref().map_or_else(Vec::new, Tensor::to_f64_vec))
        };
        judge(0.0).or_else(|_| judge(moved(gradient, wide.each_ref(), &wide_weights)?))?;
    }
    Ok(())
}

/// The most that a result moves, per unit, when each number that goes into it moves by a small share of its size, up or
/// down: about the size of the terms that it is a sum of, also where they cancel. Where it jumps, as at a tie, it says
/// nothing: zero.
pub(super) fn moved<const N: usize, const M: usize>(
    result: impl Fn([&Tensor; N], &[Tensor; M]) -> Result<Vec<f64>>,
    inputs: [&Tensor; N],
    douts: &[Tensor; M],
) -> Result<f64> {
    let steps = [1.0 / 1_048_576.0, 1.0 / 4_194_304.0];
    let here = result(inputs, douts)?;
    let mut most: f64 = 0.0;
    for pattern in 0..4 {
        let shaken = |tensor: &Tensor, number: usize, step: f64| {
            let signs = weights(tensor.shape(), (pattern * (N + M) + number) as u64).to_f64_vec();
            let numbers = tensor.to_f64_vec().into_iter().zip(signs);
            let numbers = numbers.map(|(x, sign)| x * (1.0 + step * sign.signum())).collect();
            Tensor::from_vec::<f64>(numbers, tensor.shape())
        };
        let mut slopes = [0.0f64; 2];
        for (slope, step) in slopes.iter_mut().zip(steps) {
            let mut near = Vec::with_capacity(N + M);
            for (number, tensor) in inputs.into_iter().chain(douts).enumerate() {
                near.push(shaken(tensor, number, step)?);
            }
            let douts = std::array::from_fn(|output| near[N + output].clone());
            let there = result(std::array::from_fn(|input| &near[input]), &douts)?;
            let gaps = here.iter().zip(&there).map(|(here, there)| (here - there).abs());
            *slope = gaps.fold(0.0, f64::max) / step;
        }
        if slopes[1] < 2.0 * slopes[0] {
            most = most.max(slopes[0]);
        }
    }
    Ok(most)
}

/// The largest size of a number in the tensor.
pub(super) fn largest(tensor: &Tensor) -> f64 {
    tensor.to_f64_vec().into_iter().fold(0.0, |largest: f64, x| largest.max(x.abs()))
}

/// A direction for each output.
pub(super) fn numbered<const M: usize>(outputs: &[Tensor; M]) -> [Tensor; M] {
    std::array::from_fn(|output| weights(outputs[output].shape(), output as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gradcheck::cases::values;
    use crate::gradcheck::classes::{self, Claim, ShapeClass};
    use crate::gradcheck::{directional, extremes, linear, routing};

    /// `x + y` with a planted mistake.
    #[derive(Debug, Clone, Copy)]
    struct Planted(Mistake);

    #[derive(Debug, Clone, Copy)]
    enum Mistake {
        None,
        TooLarge,
        IgnoresWanted,
        ForgetsOne,
        DependsOnTheOther,
        NarrowSum,
        Infinite,
        Nan,
        Zero,
        WrongShape,
        WrongType,
        OffAbove100,
    }

    fn mapped(x: &Tensor, f: fn(f64) -> f64) -> Tensor {
        let numbers = x.to_f64_vec().into_iter().map(f).collect();
        Tensor::from_vec::<f64>(numbers, x.shape()).unwrap().to_dtype(x.dtype())
    }

    impl Op<2> for Planted {
        const NAME: &'static str = "planted";
        type Saved = ();

        fn forward(&self, [x, y]: [&Tensor; 2]) -> Result<([Tensor; 1], ())> {
            let mut sum = crate::ops::add::sum(x, y)?;
            if matches!(self.0, Mistake::NarrowSum) && sum.dtype() == DType::F32 {
                sum = sum.to_dtype(DType::BF16).to_dtype(DType::F32);
            }
            Ok(([sum], ()))
        }

        fn backward(&self, (): &(), [dz]: [&Tensor; 1], wanted: [bool; 2]) -> Result<[Option<Tensor>; 2]> {
            let factor = match self.0 {
                Mistake::TooLarge => 1.001,
                Mistake::DependsOnTheOther if wanted != [true; 2] => 2.0,
                _ => 1.0,
            };
            let scaled = dz.to_f64_vec().iter().map(|dz| factor * dz).collect();
            let scaled = Tensor::from_vec::<f64>(scaled, dz.shape())?.to_dtype(dz.dtype());
            let scaled = match self.0 {
                Mistake::Infinite => mapped(&scaled, |dz| dz / 0.0),
                Mistake::Nan => mapped(&scaled, |dz| 0.0 * dz / 0.0),
                Mistake::Zero => mapped(&scaled, |dz| 0.0 * dz),
                Mistake::WrongShape => scaled.reshape(&[scaled.len()])?,
                Mistake::WrongType => scaled.to_dtype(DType::F16),
                Mistake::OffAbove100 if scaled.len() > 100 => mapped(&scaled, |dz| 1.001 * dz),
                _ => scaled,
            };
            Ok(match self.0 {
                Mistake::IgnoresWanted => [Some(scaled.clone()), Some(scaled)],
                Mistake::ForgetsOne => [wanted[0].then_some(scaled), None],
                _ => wanted.map(|wanted| wanted.then(|| scaled.clone())),
            })
        }
    }

    impl Cases<2> for Planted {
        const LINEAR: [bool; 2] = [true; 2];

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::BatchOfOne => Claim::Never("of a slip of the pen"),
                _ => classes::of_any_shape(class),
            }
        }
        fn cases() -> BoxedStrategy<Case<Self, 2>> {
            (1..3usize, 2..4usize)
                .prop_flat_map(|(n, d)| (values(&[n, d]), values(&[n, d])))
                .prop_map(|(x, y)| Case { op: Planted(Mistake::None), inputs: [x, y], reduced: 1 })
                .boxed()
        }
        fn long_cases() -> BoxedStrategy<Case<Self, 2>> {
            Self::cases()
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 2>>> {
            vec![Self::cases()]
        }
    }

    fn case(mistake: Mistake) -> Case<Planted, 2> {
        case_of(mistake, &[3, 2])
    }

    fn case_of(mistake: Mistake, shape: &[usize]) -> Case<Planted, 2> {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut tensor = || values(shape).new_tree(&mut runner).unwrap().current();
        Case { op: Planted(mistake), inputs: [tensor(), tensor()], reduced: 1 }
    }

    #[test]
    fn what_cancels_counts_by_the_size_of_its_terms_and_a_jump_by_nothing() {
        let [x, y] = [3.0, -2.999].map(|value| Tensor::from_vec::<f64>(vec![value], &[1]).unwrap());
        let first = |tensor: &Tensor| tensor.to_f64_vec()[0];
        let sum = |[x, y]: [&Tensor; 2], _: &[Tensor; 0]| Ok(vec![first(x) + first(y)]);
        assert!((moved(sum, [&x, &y], &[]).unwrap() - 5.999).abs() < 1e-6);
        let jump = |[x, _]: [&Tensor; 2], _: &[Tensor; 0]| Ok(vec![f64::from(first(x) > 3.0)]);
        assert_eq!(moved(jump, [&x, &y], &[]).unwrap(), 0.0);
    }

    #[test]
    fn an_operation_without_a_mistake_passes() {
        assert_eq!(finite_differences(&case(Mistake::None)).unwrap().elements, 12);
        assert!(DType::ALL.iter().all(|&dtype| precision(&case(Mistake::None), dtype).is_ok()));
    }

    #[test]
    fn a_derivative_off_by_a_tenth_of_a_percent_is_refused() {
        assert!(matches!(finite_differences(&case(Mistake::TooLarge)), Err(Error::WrongGradient { .. })));
    }

    #[test]
    fn infinite_missing_and_misshapen_gradients_are_refused_by_every_check() {
        for mistake in [Mistake::Infinite, Mistake::Nan, Mistake::Zero, Mistake::WrongShape, Mistake::WrongType] {
            let case = case(mistake);
            let outcomes = [
                finite_differences(&case).map(drop),
                linear::adjoint(&case),
                directional::directional(&case, DType::F64),
                directional::directional(&case, DType::F32),
            ];
            assert!(outcomes.iter().all(Result::is_err), "{mistake:?}: {outcomes:?}");
            // Wrong in both types alike, a gradient of zero is as precise as any.
            assert_eq!(precision(&case, DType::F32).is_ok(), matches!(mistake, Mistake::Zero), "{mistake:?}");
        }
    }

    #[test]
    fn directions_see_what_is_wrong_in_large_calls_only() {
        for (shape, found) in [(&[10, 10][..], false), (&[101], true), (&[300, 200], true)] {
            for dtype in [DType::F64, DType::F32] {
                let right = directional::directional(&case_of(Mistake::None, shape), dtype);
                assert_eq!(right, Ok(()));
                let off = directional::directional(&case_of(Mistake::OffAbove100, shape), dtype);
                assert_eq!(matches!(off, Err(Error::Broken { .. })), found, "{shape:?} in {dtype}");
            }
        }
    }

    #[test]
    fn an_ignored_wanted_and_a_forgotten_gradient_are_refused() {
        for mistake in [Mistake::IgnoresWanted, Mistake::ForgetsOne] {
            let outcome = finite_differences(&case(mistake));
            assert!(matches!(outcome, Err(Error::WrongGradients { .. })), "{mistake:?}");
        }
    }

    #[test]
    fn a_gradient_that_depends_on_what_else_is_wanted_is_refused() {
        let outcome = finite_differences(&case(Mistake::DependsOnTheOther));
        assert!(matches!(outcome, Err(Error::UnsteadyGradient { .. })));
    }

    #[test]
    fn arithmetic_in_a_narrow_type_is_refused() {
        let outcome = precision(&case(Mistake::NarrowSum), DType::F32);
        assert!(matches!(outcome, Err(Error::Imprecise { .. })));
    }

    #[test]
    fn an_adjoint_off_by_a_tenth_of_a_percent_is_refused() {
        assert_eq!(linear::adjoint(&case(Mistake::None)), Ok(()));
        assert!(matches!(linear::adjoint(&case(Mistake::TooLarge)), Err(Error::Broken { .. })));
        assert_eq!(linear::straight_all_the_same::<Planted, 2, 1>(), [] as [usize; 0]);
    }

    #[test]
    fn a_gradient_that_gets_lost_on_the_tape_is_refused() {
        assert_eq!(routing::no_silent_detach(&case(Mistake::None)), Ok(()));
        assert_eq!(routing::fan_out(&case(Mistake::None)), Ok(()));
        let detached = routing::no_silent_detach(&case(Mistake::ForgetsOne));
        assert!(matches!(detached, Err(Error::InvalidGradient { op: "planted", input: 1, .. })));
    }

    #[test]
    fn a_narrow_sum_of_large_numbers_is_refused() {
        assert_eq!(extremes::large_magnitudes(&case(Mistake::None)), Ok(()));
        let narrow = extremes::large_magnitudes(&case(Mistake::NarrowSum));
        assert!(matches!(narrow, Err(Error::Imprecise { .. })));
    }

    #[test]
    fn a_class_that_is_claimed_and_not_generated_or_denied_and_generated_is_found() {
        let found = classes::disagreements::<Planted, 2, 1>().join(", ");
        for class in ["no case of EmptyAxis", "no case of TileStraddler", "there is BatchOfOne"] {
            assert!(found.contains(class), "{found}");
        }
        assert!(!found.contains("UnitAxis"), "{found}");
    }
}
