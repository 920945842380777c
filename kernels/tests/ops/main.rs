//! Compares every kernel on the host emulator with the reference of its operation, using the generic checks.
//!
//! The launches are the same as on a GPU, because `tensor::run` dispatches to an emulated device.

mod products;
mod heads;
mod losses;
mod split_k;

mod gate;
mod on_gpu;

use autograd::for_each_op;
use autograd::testing::cases::{Case, Cases, for_all};
use autograd::testing::on_device::{OnDevice, kinks_on, on};
use autograd::testing::{checks, extremes};
use kernels::Setting;
use tensor::random::Stream;
use tensor::{DType, Tensor};

/// The element types of kernels.
const DTYPES: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// Uniform random values in [-1/2, 1/2), the same in every run.
fn random_values(shape: &[usize], purpose: &str) -> Tensor {
    let mut words = Stream::new(5, purpose).sequence(0);
    let values = (0..shape.iter().product()).map(|_| words.uniform() - 0.5).collect::<Vec<f64>>();
    Tensor::from_vec(values, shape).expect("the values fill the shape")
}

/// The case with its operation on a new emulated device.
fn on_device<O: Clone, const N: usize>(case: &Case<O, N>, setting: Setting) -> Case<OnDevice<O>, N> {
    on(case, &setting.device())
}

fn precision<O: Cases<N, M> + 'static, const N: usize, const M: usize>(setting: Setting) {
    for dtype in DTYPES {
        for_all(O::cases(), |case| checks::precision(&on_device(case, setting), dtype));
        for_all(O::long_cases(), |case| checks::precision(&on_device(case, setting), dtype));
    }
}

fn extreme_values<O: Cases<N, M> + 'static, const N: usize, const M: usize>() {
    for_all(O::cases(), |case| extremes::large_magnitudes(&on_device(case, Setting::ALL[0])));
    let kinks = kinks_on::<O, N, M>(&Setting::ALL[0].device());
    extremes::kinks(kinks).expect("kinks have their documented derivatives");
}

macro_rules! kernels_of {
    ($($module:ident::$op:ident $(<$($n_inputs:tt),+>)?,)*) => {$(
        mod $module {
            use autograd::ops::$module::$op;
            use kernels::Setting;

            #[test]
            fn the_kernels_agree_with_the_reference() {
                autograd::for_each_arity!(super::precision [$op $(<$($n_inputs),+>)?] (Setting::ALL[0]));
            }

            #[test]
            fn the_kernels_agree_with_the_reference_when_the_last_thread_runs_first() {
                autograd::for_each_arity!(super::precision [$op $(<$($n_inputs),+>)?] (Setting::ALL[1]));
            }

            #[test]
            fn the_kernels_agree_with_the_reference_when_threads_run_in_any_order() {
                autograd::for_each_arity!(super::precision [$op $(<$($n_inputs),+>)?] (Setting::ALL[2]));
            }

            #[test]
            fn the_kernels_keep_large_values_finite_and_give_kinks_their_documented_derivative() {
                autograd::for_each_arity!(super::extreme_values [$op $(<$($n_inputs),+>)?] ());
            }
        }
    )*};
}

for_each_op!(kernels_of);

/// The tests with the naive kernels.
mod plain {
    use autograd::ops::attention::Attention;
    use autograd::ops::conv_transpose2d::ConvTranspose2d;
    use autograd::ops::conv2d::Conv2d;
    use autograd::ops::matmul::MatMul;
    use kernels::Setting;

    #[test]
    fn the_plain_kernels_agree_with_the_reference() {
        super::precision::<Attention, _, _>(Setting::ALL[3]);
        super::precision::<MatMul, _, _>(Setting::ALL[3]);
        super::precision::<Conv2d<3>, _, _>(Setting::ALL[3]);
        super::precision::<ConvTranspose2d<3>, _, _>(Setting::ALL[3]);
    }
}
