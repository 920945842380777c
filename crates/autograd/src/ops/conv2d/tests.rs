//! Tests of the convolution: hand-computed results, invalid shapes, and extreme strides and paddings.

use tensor::{DType, FusedActivation, Tensor};

use super::{Conv2d, Geometry};
use crate::Tape;

#[test]
fn the_kernel_is_not_flipped_and_padding_is_zero() {
    let tape = Tape::new();
    let x = tape.input(&Tensor::from_slice(&[1.0f64, 2.0, 3.0], &[1, 1, 1, 3]).unwrap());
    let weight = tape.input(&Tensor::from_slice(&[10.0f64, 1.0], &[1, 1, 1, 2]).unwrap());
    let bias = tape.input(&Tensor::full(0.5, &[1], DType::F64));
    let y = x.conv2d(&weight, &bias, Geometry { stride: [1, 1], padding: [0, 1] }).unwrap();
    assert_eq!(y.value().to_f64_vec(), [1.5, 12.5, 23.5, 30.5]);
}

#[test]
fn a_kernel_that_does_not_fit_is_an_error_with_the_expected_shapes() {
    let [x, bias] = [&[2, 3, 4, 4][..], &[5]].map(|shape| Tensor::zeros(shape, DType::F32));
    let message = |weight: [usize; 4], geometry| {
        let weight = Tensor::zeros(&weight, DType::F32);
        let op = Conv2d { geometry, activation: FusedActivation::Identity };
        tensor::run(&op, [&x, &weight, &bias]).unwrap_err().to_string()
    };
    assert_eq!(
        message([5, 3, 7, 1], Geometry::square(1, 1)),
        "conv2d: expected [n, c, h, w] and [o, c, kh, kw] with a kernel that fits into the padded image \
         (stride 1 x 1, padding 1 x 1) and a bias [o], got [2, 3, 4, 4] and [5, 3, 7, 1] and [5]"
    );
    for (weight, geometry) in [
        ([5, 2, 3, 3], Geometry::square(1, 1)),
        ([5, 3, 3, 3], Geometry::square(0, 1)),
        ([5, 3, 0, 3], Geometry::square(1, 1)),
        ([5, 3, 3, 3], Geometry::square(1, usize::MAX)),
        ([4, 3, 3, 3], Geometry::square(1, 1)),
    ] {
        assert!(message(weight, geometry).starts_with("conv2d: expected [n, c, h, w]"));
    }
}

#[test]
fn a_stride_and_a_padding_far_longer_than_the_image_are_legal_and_sizes_that_overflow_are_not() {
    for dtype in [DType::F32, DType::F64] {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(1.0, &[1, 1, 3, 3], dtype));
        let [weight, bias] =
            [&[1, 1, 1, 1][..], &[1]].map(|shape| tape.input(&Tensor::full(2.0, shape, dtype)));
        let y = x.conv2d(&weight, &bias, Geometry::square(1 << 30, 1 << 31)).unwrap();
        // Output 2 of 5 along each axis reads the first pixel of the image.
        let expected: Vec<f64> = (0..25).map(|place| if place == 12 { 4.0 } else { 2.0 }).collect();
        assert_eq!((y.shape(), y.value().to_f64_vec()), (&[1, 1, 5, 5][..], expected));
        let gradients = tape.backward_from(&y, Tensor::full(1.0, &[1, 1, 5, 5], dtype)).unwrap();
        assert_eq!(gradients.of(&weight).unwrap().item(), Ok(1.0));
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [[2.0].as_slice(), &[0.0; 8]].concat());
        assert!(x.conv2d(&weight, &bias, Geometry::square(1, 1 << 40)).is_err());
        assert!(x.conv2d(&weight, &bias, Geometry::square(1, 1 << 62)).is_err());
    }
}

#[test]
fn empty_batches_and_zero_channels_are_valid() {
    for (n, c, o) in [(0, 2, 3), (2, 0, 3), (2, 2, 0)] {
        for dtype in DType::ALL {
            let tape = Tape::new();
            let input = |shape: &[usize]| tape.input(&Tensor::full(1.0, shape, dtype));
            let (x, weight, bias) = (input(&[n, c, 4, 3]), input(&[o, c, 3, 2]), input(&[o]));
            let y = x.conv2d(&weight, &bias, Geometry::square(1, 1)).unwrap();
            assert_eq!(y.shape(), [n, o, 4, 4]);
            assert!(c > 0 || y.value().to_f64_vec().iter().all(|&y| y == 1.0));
            let gradients = tape.backward_from(&y, Tensor::full(1.0, y.shape(), dtype)).unwrap();
            assert_eq!(gradients.of(&x).unwrap().shape(), x.shape());
            assert!(gradients.of(&bias).unwrap().to_f64_vec().iter().all(|&db| db == (n * 16) as f64));
        }
    }
}
