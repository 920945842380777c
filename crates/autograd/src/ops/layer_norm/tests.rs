//! Edge cases of layer normalisation: constant rows, huge values, rows of one element.

use tensor::{DType, Tensor};

use crate::Tape;

#[test]
fn a_row_far_from_zero_keeps_its_precision() {
    let tape = Tape::new();
    let x = tape.input(&Tensor::from_slice(&[10_001.0f32, 9_999.0, 10_001.0, 9_999.0], &[1, 4]).unwrap());
    let (one, zero) = (Tensor::full(1.0, &[4], DType::F32), Tensor::zeros(&[4], DType::F32));
    let y = x.layer_norm(&tape.input(&one), &tape.input(&zero), 1e-12).unwrap();
    assert_eq!(y.value().to_f64_vec(), [1.0, -1.0, 1.0, -1.0]);
}

#[test]
fn a_row_of_one_element_gives_the_bias_and_a_zero_gradient() {
    let tape = Tape::new();
    let x = tape.input(&Tensor::from_slice(&[3.0f32, -7.0], &[2, 1]).unwrap());
    let weight = tape.input(&Tensor::full(2.0, &[1], DType::F32));
    let bias = tape.input(&Tensor::full(0.25, &[1], DType::F32));
    let y = x.layer_norm(&weight, &bias, 1e-5).unwrap();
    assert_eq!(y.value().to_f64_vec(), [0.25, 0.25]);
    let gradients = tape.backward_from(&y, Tensor::full(1.0, &[2, 1], DType::F32)).unwrap();
    assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [0.0, 0.0]);
}

#[test]
fn equal_values_give_the_bias_and_huge_ones_keep_their_proportions() {
    for dtype in [DType::F64, DType::F32, DType::BF16] {
        let normed = |row: &[f64]| {
            let tape = Tape::new();
            let of = |row: &[f64], shape: &[usize]| Tensor::from_slice(row, shape).unwrap().to_dtype(dtype);
            let x = tape.input(&of(row, &[1, row.len()]));
            let [one, zero] = [1.0, 0.0].map(|value| tape.input(&Tensor::full(value, &[row.len()], dtype)));
            let y = x.layer_norm(&one, &zero, 1e-5).unwrap();
            let dy = Tensor::full(1.0, &[1, row.len()], dtype);
            let gradients = tape.backward_from(&y.mul(&y).unwrap(), dy).unwrap();
            (y.value().to_f64_vec(), gradients.of(&one).unwrap().to_f64_vec())
        };
        for n in [3, 7, 1000] {
            assert_eq!(normed(&vec![3.3e7; n]).0, vec![0.0; n], "{n} equal values in {dtype}");
        }
        for size in [1e20, 1e30] {
            let (y, dweight) = normed(&[size, 0.0, 0.0, 0.0]);
            // Deviations of 3/4 and -1/4 of the size, divided by the standard deviation, sqrt(3)/4 of it.
            let expected = [3f64.sqrt(), -1.0 / 3f64.sqrt(), -1.0 / 3f64.sqrt(), -1.0 / 3f64.sqrt()];
            for ((y, dweight), expected) in y.iter().zip(dweight).zip(expected) {
                assert!((y - expected).abs() <= 8.0 * dtype.epsilon(), "{size:e} in {dtype}: {y}");
                // The gradient of the sum of y^2 with respect to the weight is 2 y^2, at most 6.
                let off = (dweight - 2.0 * expected * expected).abs();
                assert!(off <= 6.0 * 8.0 * dtype.epsilon(), "{size:e} in {dtype}: {dweight}");
            }
        }
    }
}

#[test]
fn an_eps_of_zero_or_below_is_refused() {
    let tape = Tape::new();
    let of = |shape: &[usize]| tape.input(&Tensor::zeros(shape, DType::F32));
    for eps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let message = of(&[2, 3]).layer_norm(&of(&[3]), &of(&[3]), eps).unwrap_err().to_string();
        assert!(message.starts_with("layer_norm: expected an eps in"), "{message}");
    }
}

#[test]
fn wrong_shapes_are_an_error_with_the_expected_ones() {
    let tape = Tape::new();
    let of = |shape: &[usize]| tape.input(&Tensor::zeros(shape, DType::F32));
    let message = of(&[2, 3]).layer_norm(&of(&[2]), &of(&[3]), 1e-5).unwrap_err().to_string();
    let expected = "layer_norm: expected rows [.., d] with d > 0, a weight [d] and a bias [d]";
    assert_eq!(message, format!("{expected}, got [2, 3] and [2] and [3]"));
    assert!(of(&[2, 0]).layer_norm(&of(&[0]), &of(&[0]), 1e-5).is_err());
    assert!(of(&[]).layer_norm(&of(&[]), &of(&[]), 1e-5).is_err());
}
