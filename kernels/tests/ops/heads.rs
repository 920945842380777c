//! Tests of attention with head widths for each of its kernels.

use autograd::ops::attention::Attention;
use autograd::testing::cases::Case;
use autograd::testing::checks;
use kernels::Setting;
use tensor::Tensor;

use crate::{DTYPES, on_device};

#[test]
fn wide_heads_over_several_tiles_agree_with_the_reference() {
    // Values below 1/2 keep the sensitivity of the gradients to the saved output below the declared one, which is
    // derived for heads of width 33 and values below 2.
    let number = |i: usize| ((i * 37) % 101) as f64 / 101.0 - 0.5;
    // The maximum widths of the kernels for 64 and for 128, one width in between, and one for the naive kernel.
    for (t, width) in [(69, 64), (70, 100), (69, 128), (68, 130)] {
        let values = (0..t * 6 * width).map(number).collect();
        let qkv = Tensor::from_vec(values, &[1, t, 6 * width]).unwrap();
        let case = Case { op: Attention { n_heads: 2 }, inputs: [qkv], reduced: t + width };
        for (dtype, setting) in DTYPES.into_iter().zip(Setting::ALL) {
            checks::precision(&on_device(&case, setting), dtype).unwrap();
        }
    }
}
