//! The checks that each operation gets from its line in the list.

use autograd::for_each_op;
use autograd::gradcheck::cases::{Cases, for_all};
use autograd::gradcheck::checks;
use tensor::DType;

fn finite_differences<O: Cases<N, M>, const N: usize, const M: usize>() {
    for_all(O::cases(), |case| checks::finite_differences(case).map(drop));
}

fn precision<O: Cases<N, M>, const N: usize, const M: usize>(dtype: DType) {
    for_all(O::cases(), |case| checks::precision(case, dtype));
    for_all(O::long_cases(), |case| checks::precision(case, dtype));
}

macro_rules! checks_of {
    ($($module:ident::$op:ident,)*) => {$(
        mod $module {
            use autograd::ops::$module::$op;
            use tensor::DType;

            #[test]
            fn gradients_agree_with_finite_differences_for_every_element_and_every_subset() {
                super::finite_differences::<$op, _, _>();
            }

            #[test]
            fn f32_agrees_with_f64() {
                super::precision::<$op, _, _>(DType::F32);
            }

            #[test]
            fn f16_agrees_with_f64() {
                super::precision::<$op, _, _>(DType::F16);
            }

            #[test]
            fn bf16_agrees_with_f64() {
                super::precision::<$op, _, _>(DType::BF16);
            }
        }
    )*};
}

for_each_op!(checks_of);
