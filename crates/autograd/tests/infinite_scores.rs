//! Attention with scores of minus infinity: such keys have probability zero, and a row with only such keys is NaN, on
//! every code path.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use agon_autograd::Tape;
use tensor::{DType, Tensor};

/// Attention over `t` tokens in one head of `width`. The keys of the first `masked` tokens are infinite; the value of
/// each token is its index.
fn attended(t: usize, width: usize, masked: usize, dtype: DType) -> Vec<f64> {
    let number = |i: usize| match (i / (3 * width), i % (3 * width)) {
        (token, place) if place == width && token < masked => f64::NEG_INFINITY,
        (_, 0) => 1.0,
        (token, place) if place >= 2 * width => token as f64,
        _ => 0.0,
    };
    let qkv = Tensor::from_vec((0..t * 3 * width).map(number).collect(), &[1, t, 3 * width]).unwrap();
    let tape = Tape::new();
    tape.input(&qkv.to_dtype(dtype)).attention(1).unwrap().value().to_f64_vec()
}

#[test]
fn keys_with_a_score_of_minus_infinity_have_no_weight_and_a_row_of_only_these_is_nan() {
    // Few narrow heads, and tiles of 288 keys, the first of which may be fully masked.
    for (t, width) in [(5, 2), (32, 16), (7, 20), (300, 20), (700, 17)] {
        for dtype in [DType::F64, DType::F32, DType::BF16] {
            for masked in [1, t / 2, t - 1] {
                // All other tokens have equal probability.
                let expected = (masked + t - 1) as f64 / 2.0;
                for y in attended(t, width, masked, dtype) {
                    // Values of at most t, a sum of t terms, and the rounding of the stored result.
                    let allowed = t as f64 * (t as f64 * f64::from(f32::EPSILON) + 2.0 * dtype.epsilon());
                    assert!((y - expected).abs() <= allowed, "{masked} of {t} x {width} in {dtype}: {y}");
                }
            }
            let none = attended(t, width, t, dtype);
            assert!(none.iter().all(|y| y.is_nan()), "{t} x {width} in {dtype}: {none:?}");
        }
    }
}
