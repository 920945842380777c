//! Tests of the checks with incorrect operations: each check detects its own kind of mistake.

use proptest::prelude::*;

use super::*;
use crate::testing::classes::{self, Claim, ShapeClass};
use crate::testing::strategies::values;
use crate::testing::{directional, extremes, linear, routing};

/// `x + y` with a mistake in its gradient.
#[derive(Debug, Clone, Copy)]
struct Planted(Mistake);

#[derive(Debug, Clone, Copy)]
enum Mistake {
    None,
    TooLarge,
    IgnoresNeeded,
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
    let elements = x.to_f64_vec().into_iter().map(f).collect();
    Tensor::from_vec::<f64>(elements, x.shape()).unwrap().to_dtype(x.dtype())
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

    fn backward(&self, (): &(), [dz]: [&Tensor; 1], needed: [bool; 2]) -> Result<[Option<Tensor>; 2]> {
        let factor = match self.0 {
            Mistake::TooLarge => 1.001,
            Mistake::DependsOnTheOther if needed != [true; 2] => 2.0,
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
            Mistake::IgnoresNeeded => [Some(scaled.clone()), Some(scaled)],
            Mistake::ForgetsOne => [needed[0].then_some(scaled), None],
            _ => needed.map(|needed| needed.then(|| scaled.clone())),
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
fn sensitivity_is_the_magnitude_of_cancelling_terms_and_zero_at_a_jump() {
    let [x, y] = [3.0, -2.999].map(|value| Tensor::from_vec::<f64>(vec![value], &[1]).unwrap());
    let first = |tensor: &Tensor| tensor.to_f64_vec()[0];
    let sum = |[x, y]: [&Tensor; 2], _: &[Tensor; 0]| Ok(vec![first(x) + first(y)]);
    assert!((moved(&sum, [&x, &y], &[]).unwrap() - 5.999).abs() < 1e-6);
    let jump = |[x, _]: [&Tensor; 2], _: &[Tensor; 0]| Ok(vec![f64::from(first(x) > 3.0)]);
    assert_eq!(moved(&jump, [&x, &y], &[]).unwrap(), 0.0);
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
        // A zero gradient is equally wrong in both types, so the precision check accepts it.
        assert_eq!(precision(&case, DType::F32).is_ok(), matches!(mistake, Mistake::Zero), "{mistake:?}");
    }
}

#[test]
fn directional_checks_detect_mistakes_in_large_calls_only() {
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
fn an_unrequested_and_a_missing_gradient_are_refused() {
    for mistake in [Mistake::IgnoresNeeded, Mistake::ForgetsOne] {
        let outcome = finite_differences(&case(mistake));
        assert!(matches!(outcome, Err(Error::WrongGradients { .. })), "{mistake:?}");
    }
}

#[test]
fn a_gradient_that_depends_on_other_requests_is_refused() {
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
    assert_eq!(linear::undeclared::<Planted, 2, 1>(), [] as [usize; 0]);
}

#[test]
fn a_gradient_lost_on_the_tape_is_refused() {
    assert_eq!(routing::no_silent_detach(&case(Mistake::None)), Ok(()));
    assert_eq!(routing::fan_out(&case(Mistake::None)), Ok(()));
    let detached = routing::no_silent_detach(&case(Mistake::ForgetsOne));
    assert!(matches!(detached, Err(Error::InvalidGradient { op: "planted", input: 1, .. })));
}

#[test]
fn a_narrow_sum_of_large_values_is_refused() {
    assert_eq!(extremes::large_magnitudes(&case(Mistake::None)), Ok(()));
    let narrow = extremes::large_magnitudes(&case(Mistake::NarrowSum));
    assert!(matches!(narrow, Err(Error::Imprecise { .. })));
}

#[test]
fn declared_shape_classes_that_disagree_with_the_generated_cases_are_found() {
    let found = classes::disagreements::<Planted, 2, 1>().join(", ");
    for class in ["no case of EmptyAxis", "no case of TileStraddler", "a case of BatchOfOne is generated"] {
        assert!(found.contains(class), "{found}");
    }
    assert!(!found.contains("UnitAxis"), "{found}");
}
