//! Runs the generic checks for every operation in the list.

use std::cell::Cell;
use std::sync::Mutex;

use agon_autograd::for_each_op;
use agon_autograd::gradcheck::cases::{Cases, for_all, for_each, for_many};
use agon_autograd::gradcheck::{checks, classes, directional, extremes, linear, routing};
use reliability::Measurement;
use tensor::DType;

/// Statistics of the comparisons with finite differences over all operations (row R1 of `book/reliability.md`).
static SEEN: Mutex<Seen> = Mutex::new(Seen { operations: 0, cases: 0, derivatives: 0, worst: 0.0 });

/// The numbers of operations and calls whose gradients were compared with directional differences (row R1 too).
static LARGE: Mutex<(usize, usize)> = Mutex::new((0, 0));

struct Seen {
    operations: usize,
    cases: usize,
    derivatives: usize,
    worst: f64,
}

fn finite_differences<O: Cases<N, M>, const N: usize, const M: usize>() {
    let measured = Measurement::of("R1", "every operation's gradient is what finite differences say");
    let resolved = Cell::new(0);
    for_many(O::cases(), |case| {
        let checked = checks::finite_differences(case)?;
        resolved.set(resolved.get() + checked.resolved);
        let mut seen = SEEN.lock().expect("no thread panics while holding the lock");
        seen.cases += 1;
        seen.derivatives += checked.elements;
        seen.worst = seen.worst.max(checked.worst);
        Ok(())
    });
    assert!(resolved.get() > 0, "{}: no derivative of any case rises above the noise", O::NAME);
    // The last operation leaves the figure of all.
    let mut seen = SEEN.lock().expect("no thread panics while holding the lock");
    seen.operations += 1;
    let Seen { operations, cases, derivatives, worst } = &*seen;
    let figure =
        format!("{operations} operations, {derivatives} derivatives, worst relative error {worst:.0e}");
    measured.passed(*cases, figure);
}

fn large_calls<O: Cases<N, M>, const N: usize, const M: usize>() {
    let measured = Measurement::of("R1", "every operation's gradient is what finite differences say");
    let calls = O::swept();
    let n = for_each(&calls, |case| {
        directional::directional(case, DType::F64)?;
        directional::directional(case, DType::F32)?;
        checks::precision(case, DType::F32)
    });
    let mut seen = LARGE.lock().expect("no thread panics while holding the lock");
    seen.0 += 1;
    seen.1 += n;
    let (operations, calls) = *seen;
    measured
        .part("large")
        .passed(calls, format!("{operations} operations, {calls} large calls along directions"));
}

fn precision<O: Cases<N, M>, const N: usize, const M: usize>(dtype: DType) {
    for_all(O::cases(), |case| checks::precision(case, dtype));
    for_all(O::long_cases(), |case| checks::precision(case, dtype));
}

fn shape_classes<O: Cases<N, M>, const N: usize, const M: usize>() {
    let disagreements = classes::disagreements::<O, N, M>();
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}

fn adjoint<O: Cases<N, M>, const N: usize, const M: usize>() {
    for_all(O::long_cases(), linear::adjoint);
    let straight = linear::straight_all_the_same::<O, N, M>();
    assert!(straight.is_empty(), "{} is linear in inputs {straight:?} and does not say so", O::NAME);
}

fn through_the_tape<O: Cases<N, M>, const N: usize, const M: usize>() {
    for_many(O::cases(), routing::no_silent_detach);
    for_many(O::cases(), routing::fan_out);
}

fn extreme_numbers<O: Cases<N, M>, const N: usize, const M: usize>() {
    for_all(O::cases(), extremes::large_magnitudes);
    extremes::kinks::<O, N, M>().expect("kinks have their documented derivatives");
}

macro_rules! checks_of {
    ($($module:ident::$op:ident $(<$($n_inputs:tt),+>)?,)*) => {$(
        mod $module {
            use agon_autograd::ops::$module::$op;
            use tensor::DType;

            #[test]
            fn gradients_agree_with_finite_differences_for_every_element_and_every_subset() {
                agon_autograd::for_each_arity!(super::finite_differences [$op $(<$($n_inputs),+>)?] ());
            }

            #[test]
            fn gradients_of_large_calls_are_the_slopes_along_directions() {
                agon_autograd::for_each_arity!(super::large_calls [$op $(<$($n_inputs),+>)?] ());
            }

            #[test]
            fn f32_agrees_with_f64() {
                agon_autograd::for_each_arity!(super::precision [$op $(<$($n_inputs),+>)?] (DType::F32));
            }

            #[test]
            fn f16_agrees_with_f64() {
                agon_autograd::for_each_arity!(super::precision [$op $(<$($n_inputs),+>)?] (DType::F16));
            }

            #[test]
            fn bf16_agrees_with_f64() {
                agon_autograd::for_each_arity!(super::precision [$op $(<$($n_inputs),+>)?] (DType::BF16));
            }

            #[test]
            fn every_shape_class_is_among_the_cases_or_does_not_apply() {
                agon_autograd::for_each_arity!(super::shape_classes [$op $(<$($n_inputs),+>)?] ());
            }

            #[test]
            fn the_adjoint_identity_holds_for_its_linear_inputs_and_there_are_no_others() {
                agon_autograd::for_each_arity!(super::adjoint [$op $(<$($n_inputs),+>)?] ());
            }

            #[test]
            fn every_recorded_input_gets_a_gradient_once_for_each_use() {
                agon_autograd::for_each_arity!(super::through_the_tape [$op $(<$($n_inputs),+>)?] ());
            }

            #[test]
            fn large_numbers_stay_finite_and_kinks_have_the_documented_derivative() {
                agon_autograd::for_each_arity!(super::extreme_numbers [$op $(<$($n_inputs),+>)?] ());
            }
        }
    )*};
}

for_each_op!(checks_of);
