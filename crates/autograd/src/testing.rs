//! Tests of operations: one line runs all tests of this crate's operations for an operation of any crate.
//!
//! An operation implements [`cases::Cases`], or [`cases::AnyShape`] if it is element-wise, with strategies for its
//! valid calls. [`op_tests!`](crate::op_tests) generates its tests. [`strategies`] has shapes and values for them and
//! for other property tests; [`proptest`] is re-exported in the version that they use.
//!
//! Random cases are the same in every run unless `AGON_SEED` is set, to a number or to `random`. Seeds that fail are
//! stored in `tests/seeds.txt` of the tested crate and run first from then on. `AGON_CASES` sets the number of cases,
//! at least 1.
//!
//! # CUDA kernels
//!
//! [`suite::on_device`] compares the CUDA kernels of an operation with its reference, on a GPU or on the emulator, which
//! runs them on the CPU and finds invalid memory accesses, unwritten memory and missing barriers. The emulator is the
//! package `kernels` of the repository, which is not published: it compiles C++ and is for tests only. A project with a
//! clone of the repository at `../agon` and kernels in its folder `cuda` has the emulator for its own kernels with
//!
//! ```toml
//! # Cargo.toml
//! [dev-dependencies]
//! agon = { path = "../agon/crates/agon", features = ["testing"] }
//! kernels = { path = "../agon/kernels" }
//!
//! # .cargo/config.toml
//! [env]
//! AGON_KERNELS = { value = "cuda", relative = true }
//! ```
//!
//! and one test. Each `Setting` is another order of threads.
//!
//! ```ignore
//! #[test]
//! fn the_kernels_agree_with_the_reference() {
//!     for setting in kernels::Setting::ALL {
//!         suite::on_device::<Softplus, _, _>(&setting.device());
//!     }
//! }
//! ```
//!
//! The kernels are written with the macros of `kernels/common.cuh`, as those of `kernels/examples/custom_cuda_op.cu`.

pub use proptest;
#[doc(hidden)]
pub use tensor::DType;

pub mod cases;
pub mod strategies;
pub mod shrink;
pub mod checks;
pub mod directional;
pub mod linear;
pub mod routing;
pub mod on_device;
pub mod extremes;
pub mod classes;
pub mod planted;
mod seeds;
pub mod suite;

/// Generates the tests of operations: finite differences for every element and every subset of gradients, large calls,
/// precision in every element type, shape classes, the adjoint identity, the tape, large values and kinks, and planted
/// mistakes.
///
/// `op_tests!(Square)` generates them in the current module; `op_tests!(square: Square, cube: Cube)` generates a module
/// for each operation. Several types in one list, such as `op_tests!(Conv<2>, Conv<3>)`, share the tests.
///
/// ```
/// use agon_autograd::testing::cases::AnyShape;
/// use agon_autograd::testing::proptest::prelude::*;
/// use agon_autograd::{Op, Result};
/// use tensor::{Map, Map2, Real, Tensor};
///
/// /// `y = x^2`, element-wise.
/// #[derive(Debug, Clone, Copy)]
/// struct Square;
///
/// impl Map for Square {
///     const NAME: &'static str = "square";
///
///     fn formula<A: Real>(&self, x: A) -> A {
///         x * x
///     }
/// }
///
/// /// `dx = 2 x dy`
/// #[derive(Clone, Copy)]
/// struct SquareGrad;
///
/// impl Map2 for SquareGrad {
///     const NAME: &'static str = "square_grad";
///
///     fn formula<A: Real>(&self, x: A, dy: A) -> A {
///         (x + x) * dy
///     }
/// }
///
/// impl Op<1> for Square {
///     const NAME: &'static str = "square";
///     type Saved = Tensor;
///
///     fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
///         Ok((tensor::run(self, [x])?, x.clone()))
///     }
///
///     fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
///         let dx = || -> Result<Tensor> {
///             let [dx] = tensor::run(&SquareGrad, [x, dy])?;
///             Ok(dx)
///         };
///         Ok([needed.then(dx).transpose()?])
///     }
/// }
///
/// impl AnyShape<1> for Square {
///     const LINEAR: [bool; 1] = [false];
///
///     fn op() -> BoxedStrategy<Self> {
///         Just(Square).boxed()
///     }
/// }
///
/// agon_autograd::op_tests!(square: Square);
/// # fn main() {
/// # agon_autograd::testing::suite::gradients::<Square, _, _>();
/// # }
/// ```
#[macro_export]
macro_rules! op_tests {
    // With another module that has the functions of `testing::suite`.
    ([$($suite:tt)+] $($op:ty),+) => {
        use $($suite)+ as suite;

        #[test]
        fn gradients_agree_with_finite_differences_for_every_element_and_every_subset() {
            $(suite::gradients::<$op, _, _>();)+
        }

        #[test]
        fn gradients_of_large_calls_agree_with_directional_derivatives() {
            $(suite::large_calls::<$op, _, _>();)+
        }

        #[test]
        fn f32_agrees_with_f64() {
            $(suite::precision::<$op, _, _>($crate::testing::DType::F32);)+
        }

        #[test]
        fn f16_agrees_with_f64() {
            $(suite::precision::<$op, _, _>($crate::testing::DType::F16);)+
        }

        #[test]
        fn bf16_agrees_with_f64() {
            $(suite::precision::<$op, _, _>($crate::testing::DType::BF16);)+
        }

        #[test]
        fn every_shape_class_is_among_the_cases_or_does_not_apply() {
            $(suite::shape_classes::<$op, _, _>();)+
        }

        #[test]
        fn the_adjoint_identity_holds_for_exactly_the_declared_linear_inputs() {
            $(suite::adjoint::<$op, _, _>();)+
        }

        #[test]
        fn every_recorded_input_gets_a_gradient_once_for_each_use() {
            $(suite::through_the_tape::<$op, _, _>();)+
        }

        #[test]
        fn large_values_stay_finite_and_kinks_have_the_documented_derivative() {
            $(suite::extreme_values::<$op, _, _>();)+
        }

        #[test]
        fn mistakes_planted_in_backward_are_detected_by_the_cases() {
            $(suite::planted_mistakes::<$op, _, _>();)+
        }
    };
    ($($module:ident: $op:ty),+ $(,)?) => {$(
        mod $module {
            use super::*;

            $crate::op_tests!([$crate::testing::suite] $op);
        }
    )+};
    ($($op:ty),+ $(,)?) => {
        $crate::op_tests!([$crate::testing::suite] $($op),+);
    };
}
