//! Tests of the gradient check: incorrect derivatives of many kinds, for small, ordinary and large values.

use tensor::DType;

use super::*;
use crate::Op;
use crate::op::if_needed;

mod hidden;

fn row(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, &[values.len()]).unwrap()
}

/// `x + x`, with a function applied to its gradient.
#[derive(Debug)]
struct Double(fn(Vec<f64>) -> Vec<f64>);

impl Op<1> for Double {
    const NAME: &'static str = "double";
    type Saved = ();
    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        Ok(([crate::ops::add::sum(x, x)?], ()))
    }
    fn backward(&self, (): &(), [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        let doubled = dy.to_f64_vec().iter().map(|dy| 2.0 * dy).collect();
        Ok([if_needed(needed, || Ok(Tensor::from_vec::<f64>(self.0(doubled), dy.shape())?))?])
    }
}

fn check_double(backward: fn(Vec<f64>) -> Vec<f64>, x: &[f64]) -> Result<Checked> {
    gradcheck(|[x]| Ok(x.tape().apply(Double(backward), [&x])?[0].clone()), [&row(x)])
}

/// Changes the gradient of the last element.
fn last(mut dx: Vec<f64>, change: fn(f64) -> f64) -> Vec<f64> {
    dx.iter_mut().rev().take(1).for_each(|dx| *dx = change(*dx));
    dx
}

#[test]
fn a_right_derivative_is_accepted() {
    for x in [&[0.2, -0.4][..], &[1e8, -0.4], &[1e-9, 3.0], &[1e-300, 1e300]] {
        let checked = check_double(|dx| dx, x).unwrap();
        assert_eq!((checked.elements, checked.resolved), (2, 2), "{x:?}");
        assert!(checked.worst < 1e-10, "{x:?} {}", checked.worst);
    }
}

#[test]
fn wrong_derivatives_are_refused() {
    type Change = fn(Vec<f64>) -> Vec<f64>;
    let planted: [(&str, Change); 9] = [
        ("zero", |dx| last(dx, |_| 0.0)),
        ("all zero", |dx| vec![0.0; dx.len()]),
        ("twice", |dx| last(dx, |dx| 2.0 * dx)),
        ("5 % off", |dx| last(dx, |dx| 1.05 * dx)),
        ("0.1 % off", |dx| last(dx, |dx| 1.001 * dx)),
        ("of the wrong sign", |dx| last(dx, |dx| -dx)),
        ("huge", |dx| last(dx, |_| 1e300)),
        ("in the wrong order", |dx| dx.into_iter().rev().collect()),
        ("a millionth off", |dx| last(dx, |dx| dx * 1.000_001)),
    ];
    // Ordinary, tiny and large values, because the tolerance is per element.
    for x in [&[0.2, 0.3, -0.4][..], &[1e8, 0.3, -0.4], &[-1e12, 1e8, 0.1], &[1e-9, 1e-12, 1e-9]] {
        for (how, backward) in planted {
            let error = check_double(backward, x);
            assert!(matches!(error, Err(Error::WrongGradient { .. })), "{how} at {x:?}: {error:?}");
        }
        let infinite: [fn(Vec<f64>) -> Vec<f64>; 3] = [
            |dx| last(dx, |_| f64::INFINITY),
            |dx| last(dx, |_| f64::NEG_INFINITY),
            |dx| last(dx, |_| f64::NAN),
        ];
        for backward in infinite {
            let error = check_double(backward, x);
            assert!(matches!(error, Err(Error::NonFiniteGradient { .. })), "{x:?}: {error:?}");
        }
    }
}

/// A function of each element, with its derivative.
#[derive(Debug)]
struct Each([fn(f64) -> f64; 2]);

impl Op<1> for Each {
    const NAME: &'static str = "each";
    type Saved = Tensor;
    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let values = x.to_f64_vec().into_iter().map(self.0[0]).collect();
        Ok(([Tensor::from_vec::<f64>(values, x.shape())?], x.clone()))
    }
    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        let slopes = x.to_f64_vec().into_iter().zip(dy.to_f64_vec()).map(|(x, dy)| self.0[1](x) * dy);
        Ok([if_needed(needed, || Ok(Tensor::from_vec::<f64>(slopes.collect(), dy.shape())?))?])
    }
}

#[test]
fn steep_neighbours_do_not_loosen_the_tolerance() {
    // The step is 1/1024; unresolved curvature along y must not increase the tolerance along x.
    let inverse: [fn(f64) -> f64; 2] = [|y| 1.0 / y, |y| -1.0 / (y * y)];
    let steep: [fn(f64) -> f64; 2] = [|y| (50.0 * y).exp(), |y| 50.0 * (50.0 * y).exp()];
    let planted: [fn(Vec<f64>) -> Vec<f64>; 4] = [
        |dx| vec![0.0; dx.len()],
        |dx| last(dx, |dx| 1.05 * dx),
        |dx| last(dx, |dx| 1.03 * dx),
        |dx| last(dx, |dx| 1.001 * dx),
    ];
    for (each, y) in [(inverse, 0.02), (inverse, 0.025), (steep, 0.3)] {
        // One or more steep elements next to smooth ones.
        for (x, y) in [(&[0.2, -0.4][..], &[y][..]), (&[0.2], &[y, y]), (&[0.3], &[y, y, y, y])] {
            let sum = |backward: fn(Vec<f64>) -> Vec<f64>| {
                gradcheck(
                    move |[x, y]| {
                        let [x] = x.tape().apply(Double(backward), [&x])?;
                        let [y] = y.tape().apply(Each(each), [&y])?;
                        x.sum_axes(&[0], false)?.add(&y.sum_axes(&[0], false)?)
                    },
                    [&row(x), &row(y)],
                )
            };
            let checked = sum(|dx| dx).unwrap();
            assert_eq!((checked.elements, checked.resolved), (x.len() + y.len(), x.len() + y.len()), "{y:?}");
            for backward in planted {
                let error = sum(backward);
                assert!(
                    matches!(error, Err(Error::WrongGradient { place: Place { input: 0, .. }, .. })),
                    "{y:?}: {error:?}"
                );
            }
        }
    }
}

#[test]
fn a_refusal_has_the_element_both_values_and_a_cause() {
    let cause_of = |backward| match check_double(backward, &[0.2, -0.4]) {
        Err(Error::WrongGradient { place, analytic, numeric, cause, .. }) => {
            assert_eq!(place.to_string(), "input 0 at [1]");
            (analytic / numeric, cause)
        }
        other => panic!("the planted error was not found: {other:?}"),
    };
    let (ratio, cause) = cause_of(|dx| last(dx, |dx| 1.001 * dx));
    assert!((ratio - 1.001).abs() < 1e-6 && cause.to_string().contains("1.0010 times"), "{cause}");
    assert_eq!(cause_of(|dx| last(dx, |_| 0.0)).1, Cause::Zero);
    assert_eq!(cause_of(|dx| last(dx, |dx| -dx)).1, Cause::Sign);
    let error = gradcheck(|[x]| x.relu(), [&row(&[0.5, 0.0])]).unwrap_err();
    assert!(error.to_string().contains("kink"), "{error}");
}

#[test]
fn slopes_far_below_one_are_compared_too() {
    // The largest slope is 1e-12; a tolerance relative to 1 + |f| would accept any derivative.
    let small = |scale: f64, x: &[f64]| {
        gradcheck(
            move |[x]| {
                let [y] = x.tape().apply(Double(|dx| last(dx, |_| 0.0)), [&x])?;
                y.scale(scale)
            },
            [&row(x)],
        )
    };
    for scale in [1.0, 1e-6, 1e-12, 1e-100, 1e12] {
        let error = small(scale, &[0.2, -0.4]);
        assert!(matches!(error, Err(Error::WrongGradient { .. })), "{scale}: {error:?}");
    }
}

#[test]
fn an_error_of_five_per_cent_is_found_in_a_sum_of_1e8() {
    fn summed(backward: fn(Vec<f64>) -> Vec<f64>) -> Result<Checked> {
        gradcheck(
            move |[x, large]| {
                let [y] = x.tape().apply(Double(backward), [&x])?;
                y.sum_axes(&[0], false)?.add(&large)
            },
            [&row(&[0.2, -0.4]), &Tensor::full(1e8, &[], DType::F64)],
        )
    }
    assert_eq!(summed(|dx| dx).unwrap().resolved, 3);
    let error = summed(|dx| last(dx, |dx| 1.05 * dx));
    assert!(matches!(error, Err(Error::WrongGradient { place: Place { input: 0, .. }, .. })), "{error:?}");
}

#[test]
fn a_check_that_resolves_nothing_is_refused() {
    let far_above = row(&[1e17]);
    let hidden = gradcheck(
        move |[x]| {
            let [y] = x.tape().apply(Double(|dx| vec![0.0; dx.len()]), [&x])?;
            y.scale(1e-6)?.add(&x.tape().constant(&far_above))
        },
        [&row(&[0.2])],
    );
    assert!(matches!(hidden, Err(Error::Unresolved { elements: 1, .. })), "{hidden:?}");
    // The correct gradient must not be reported as wrong.
    let far_above = row(&[1e17]);
    let right = gradcheck(move |[x]| x.scale(1e-6)?.add(&x.tape().constant(&far_above)), [&row(&[0.2])]);
    assert!(matches!(right, Err(Error::Unresolved { elements: 1, .. })), "{right:?}");
    let constant = gradcheck(|[x]| x.scale(0.0), [&row(&[0.2, 0.3])]);
    assert!(matches!(constant, Err(Error::Unresolved { elements: 2, .. })), "{constant:?}");
    let empty = gradcheck(|[x]| x.tanh(), [&row(&[])]);
    assert!(matches!(empty, Err(Error::Unresolved { elements: 0, .. })), "{empty:?}");
}

#[test]
fn a_non_deterministic_function_is_refused() {
    let calls = std::cell::Cell::new(0.0);
    let changing = gradcheck(
        |[x]| {
            calls.set(calls.get() + 1.0);
            x.scale(calls.get())
        },
        [&row(&[1.0])],
    );
    let what = "output".into();
    assert_eq!(changing, Err(Error::NonDeterministic { what, place: 0, first: 1.0, second: 2.0 }));
}

#[test]
fn a_missing_accumulation_is_refused() {
    fn used_twice<'t>(vars: &[Var<'t>]) -> Result<Var<'t>> {
        vars[0].tanh()?.add(&vars[0])
    }
    let x = row(&[0.3, 1.5]);
    assert!(GradCheck::new().check_with(used_twice, &[&x], crate::ops::add::sum).is_ok());
    let forgetful = GradCheck::new().check_with(used_twice, &[&x], |_, new| Ok(new.clone()));
    assert!(matches!(forgetful, Err(Error::WrongGradient { .. })));
}

#[test]
fn a_silent_detach_is_refused() {
    let detached = gradcheck(|[x]| x.detach().tanh(), [&row(&[0.3])]);
    assert!(matches!(detached, Err(Error::WrongGradient { analytic: 0.0, .. })));
    assert!(gradcheck(|[x, _unused]| x.tanh(), [&row(&[0.3]), &row(&[1.0])]).is_ok());
}

#[test]
fn a_narrow_input_or_output_is_refused() {
    let narrow = Tensor::zeros(&[1], DType::F32);
    let message = gradcheck(|[x]| x.tanh(), [&narrow]).unwrap_err().to_string();
    assert!(message.starts_with("gradcheck: expected f64 for input 0, got f32"), "{message}");
    let message = gradcheck(|[x]| x.to_dtype(DType::F32), [&row(&[1.0])]).unwrap_err().to_string();
    assert!(message.starts_with("gradcheck: expected f64 for the output"), "{message}");
}

#[test]
fn a_check_counts_what_it_compared_and_lists_what_it_did_not() {
    fn product<'t>([x, _unused]: [Var<'t>; 2]) -> Result<Var<'t>> {
        x.mul(&x)?.scale(0.5)
    }
    let checked = gradcheck(product, [&row(&[3.0, 0.25, 0.0]), &row(&[1.0])]).unwrap();
    assert_eq!((checked.elements, checked.resolved), (4, 2));
    // The weights are below 1 and fixed.
    assert!(checked.largest <= 3.0 && checked.smallest <= 0.25 && checked.smallest < checked.largest);
    assert_eq!(checked.untested.iter().map(Place::to_string).collect::<Vec<_>>(), ["input 1 at [0]"]);
}

#[test]
fn options_out_of_range_are_refused() {
    let check = |options: GradCheck| options.check(|vars| vars[0].tanh(), &[&row(&[0.3])]);
    for options in [
        GradCheck::new().step(0.0),
        GradCheck::new().step(f64::NAN),
        GradCheck::new().tolerance(0.001),
        GradCheck::new().tolerance(f64::INFINITY),
        GradCheck::new().tolerance(-1.0),
        GradCheck::new().directions(0),
        GradCheck::new().only(&[1]),
    ] {
        let outcome = check(options.clone());
        assert!(matches!(outcome, Err(Error::CheckOption { .. })), "{options:?}: {outcome:?}");
    }
    assert!(check(GradCheck::new().step(1e-4).tolerance(1e-4).directions(3).only(&[0])).is_ok());
}

#[test]
fn a_smaller_step_resolves_a_steep_function_and_a_tolerance_accepts_a_small_error() {
    fn steep<'t>(vars: &[Var<'t>]) -> Result<Var<'t>> {
        vars[0].scale(1e5)?.tanh()
    }
    let x = row(&[1e-6, 2e-6]);
    let outcome = GradCheck::new().check(steep, &[&x]);
    assert!(matches!(outcome, Err(Error::NotSmooth { roughness: Roughness::TooSteep, .. })), "{outcome:?}");
    assert_eq!(GradCheck::new().step(1e-8).check(steep, &[&x]).unwrap().resolved, 2);
    fn off<'t>(vars: &[Var<'t>]) -> Result<Var<'t>> {
        let [y] = vars[0].tape().apply(Double(|dx| last(dx, |dx| 1.0001 * dx)), [&vars[0]])?;
        Ok(y)
    }
    let x = row(&[0.2, 0.3]);
    assert!(matches!(GradCheck::new().check(off, &[&x]), Err(Error::WrongGradient { .. })));
    assert!(GradCheck::new().tolerance(2e-4).check(off, &[&x]).is_ok());
}

#[test]
fn errors_of_any_type_are_returned() {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Engine(Error),
        Own,
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Engine(error)
        }
    }
    let x = row(&[0.3]);
    let checked: Result<Checked, Mine> = gradcheck(|[x]| Ok(x.tanh()?), [&x]);
    assert_eq!(checked.unwrap().resolved, 1);
    assert_eq!(gradcheck(|[_x]| Err(Mine::Own), [&x]), Err(Mine::Own));
    let detached: Result<Checked, Mine> = gradcheck(|[x]| Ok(x.detach().tanh()?), [&x]);
    assert!(matches!(detached, Err(Mine::Engine(Error::WrongGradient { .. }))));
}

#[test]
fn tied_parameters_are_moved_together_and_an_error_restores_them() {
    let weight = Param::new(row(&[0.5, -0.25]));
    let params = [("first".to_owned(), &weight), ("second".to_owned(), &weight)];
    let checked = GradCheck::new()
        .check_params(&params, |tape| tape.param(&weight)?.mul(&tape.param(&weight)?))
        .unwrap();
    assert_eq!((checked.elements, weight.value().to_f64_vec()), (2, vec![0.5, -0.25]));
    let calls = std::cell::Cell::new(0);
    let failing = GradCheck::new().check_params(&params, |tape| {
        calls.set(calls.get() + 1);
        match calls.get() {
            ..8 => tape.param(&weight)?.tanh(),
            _ => Err(Error::NotALoss { shape: vec![] }),
        }
    });
    assert_eq!(
        (failing, weight.value().to_f64_vec()),
        (Err(Error::NotALoss { shape: vec![] }), vec![0.5, -0.25])
    );
}
