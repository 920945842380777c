//! The test functions of an operation, one for each test that [`op_tests!`](crate::op_tests) generates.

use std::cell::{Cell, RefCell};

use tensor::{DType, Device};

use super::cases::{Cases, MANY, attempt, for_all, for_each, for_many};
use super::on_device::{kinks_on, on};
use super::{checks, classes, directional, extremes, linear, planted, routing};
use crate::gradcheck::Checked;

/// Statistics of the comparisons of an operation's gradients with finite differences.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Compared {
    /// The number of calls.
    pub cases: usize,
    /// The number of derivatives.
    pub derivatives: usize,
    /// The largest difference, relative to the largest derivative with respect to the same input.
    pub worst: f64,
}

/// Checks that every element of every gradient agrees with finite differences, for every subset of requested gradients.
pub fn gradients<O: Cases<N, M>, const N: usize, const M: usize>() -> Compared {
    let (seen, resolved) = (RefCell::new(Compared::default()), Cell::new([false; N]));
    unmodified::<O, N, M>(|checked| {
        let before = resolved.get();
        resolved.set(std::array::from_fn(|input| before[input] || !checked.unresolved.contains(&input)));
        let mut seen = seen.borrow_mut();
        seen.cases += 1;
        seen.derivatives += checked.elements;
        seen.worst = seen.worst.max(checked.worst);
    });
    for (input, resolved) in resolved.get().into_iter().enumerate() {
        assert!(
            resolved,
            "{}: no derivative with respect to input {input} exceeds the rounding error",
            O::NAME
        );
    }
    seen.into_inner()
}

/// Compares `backward`, without a planted mistake, with finite differences in all cases.
fn unmodified<O: Cases<N, M>, const N: usize, const M: usize>(seen: impl Fn(Checked)) {
    let outcome = attempt(O::cases(), MANY, |case| checks::finite_differences(case).map(&seen));
    outcome.unwrap_or_else(|failure| {
        panic!("{}: the unmodified backward pass fails, before any mistake is planted\n{failure}", O::NAME)
    });
}

/// Checks that the gradients of large calls agree with directional differences in 64 and 32 bits; returns the number of
/// calls.
pub fn large_calls<O: Cases<N, M>, const N: usize, const M: usize>() -> usize {
    for_each(&O::swept(), |case| {
        directional::directional(case, DType::F64)?;
        directional::directional(case, DType::F32)?;
        checks::precision(case, DType::F32)
    })
}

/// Checks that outputs and gradients in `dtype` agree with those in 64 bits.
pub fn precision<O: Cases<N, M>, const N: usize, const M: usize>(dtype: DType) {
    for_all(O::cases(), |case| checks::precision(case, dtype));
    for_all(O::long_cases(), |case| checks::precision(case, dtype));
}

/// Checks the CUDA kernels of an operation on a GPU or on the emulator: outputs and gradients of 16 and 32 bits agree with
/// those of the CPU in 64 bits, large values stay finite, and kinks have their documented derivatives. The
/// [module](super) says how to open the emulator.
pub fn on_device<O, const N: usize, const M: usize>(device: &Device)
where
    O: Cases<N, M> + 'static,
{
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for_all(O::cases(), |case| checks::precision(&on(case, device), dtype));
        for_all(O::long_cases(), |case| checks::precision(&on(case, device), dtype));
    }
    for_all(O::cases(), |case| extremes::large_magnitudes(&on(case, device)));
    extremes::kinks(kinks_on::<O, N, M>(device)).unwrap_or_else(|error| panic!("{error}"));
}

/// Checks that the cases contain every [shape class](classes::ShapeClass), unless the operation gives a reason why not.
pub fn shape_classes<O: Cases<N, M>, const N: usize, const M: usize>() {
    let disagreements = classes::disagreements::<O, N, M>();
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}

/// Checks that `backward` is the adjoint for each input declared linear, and that no other input is linear.
pub fn adjoint<O: Cases<N, M>, const N: usize, const M: usize>() {
    for_all(O::long_cases(), linear::adjoint);
    let undeclared = linear::undeclared::<O, N, M>();
    assert!(
        undeclared.is_empty(),
        "{} is linear in the inputs {undeclared:?}; declare them in `LINEAR`",
        O::NAME
    );
}

/// Checks that on a tape every recorded input gets its gradient, once for each use.
pub fn through_the_tape<O: Cases<N, M>, const N: usize, const M: usize>() {
    for_many(O::cases(), routing::no_silent_detach);
    for_many(O::cases(), routing::fan_out);
}

/// Checks that results for large values stay finite, and that kinks have their documented derivatives.
pub fn extreme_values<O: Cases<N, M>, const N: usize, const M: usize>() {
    for_all(O::cases(), extremes::large_magnitudes);
    extremes::kinks(O::kinks()).unwrap_or_else(|error| panic!("{error}"));
}

/// Checks that the cases reveal [mistakes](planted::Mistake) planted in the gradient of each input, if `backward` is
/// right without them.
pub fn planted_mistakes<O: Cases<N, M>, const N: usize, const M: usize>() {
    unmodified::<O, N, M>(drop);
    let undetected = planted::undetected::<O, N, M>();
    assert!(
        undetected.is_empty(),
        "{}: planted mistakes that no case detects, by input: {undetected:?}",
        O::NAME
    );
}
