//! Tests of the fused batch normalisation, max-pooling and ReLU against the three separate operations.

use tensor::random::Stream;
use tensor::{DType, Tensor, with_references};

use crate::ops::max_pool2d::MaxPool2d;
use crate::{Result, Tape, Var};

const EPS: f64 = 1e-5;

/// The bits of the outputs and gradients of a function of `x`, `weight` and `bias`.
fn bits(
    inputs: &[Tensor; 3],
    f: impl for<'t> Fn(&Var<'t>, [&Var<'t>; 2]) -> Result<[Var<'t>; 3]>,
) -> Vec<Vec<u64>> {
    let tape = Tape::new();
    let inputs = inputs.each_ref().map(|input| tape.input(input));
    let outputs = f(&inputs[0], [&inputs[1], &inputs[2]]).unwrap();
    let y = &outputs[0];
    let mut words = Stream::new(3, "dy").sequence(0);
    let dy: Vec<f64> = (0..y.value().len()).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let dy = Tensor::from_vec(dy, y.shape()).unwrap().to_dtype(y.value().dtype());
    let gradients = tape.backward_from(y, dy).unwrap();
    let gradients = inputs.iter().map(|input| gradients.of(input).unwrap().clone());
    let all = outputs.iter().map(|output| output.value().clone()).chain(gradients);
    all.map(|tensor| tensor.to_f64_vec().into_iter().map(f64::to_bits).collect()).collect()
}

/// Images with ties; one channel is constant.
fn inputs(shape: [usize; 4], dtype: DType) -> [Tensor; 3] {
    let (c, plane) = (shape[1], shape[2] * shape[3]);
    let mut words = Stream::new(1, "pixels").sequence(0);
    let x = (0..shape.iter().product()).map(|place| {
        let pixel = (words.uniform() * 9.0).floor() / 4.0 - 1.0;
        if place / plane % c == 1 { 0.25 } else { pixel }
    });
    let x: Vec<f64> = x.collect();
    let affine = |scale: f64, offset: f64| {
        let values: Vec<f64> = (0..c).map(|channel| offset + scale * channel as f64).collect();
        Tensor::from_vec(values, &[c]).unwrap().to_dtype(dtype)
    };
    [Tensor::from_vec(x, &shape).unwrap().to_dtype(dtype), affine(-0.75, 1.0), affine(0.25, -0.25)]
}

#[test]
fn the_fused_operations_have_the_bits_of_those_that_they_replace() {
    for dtype in [DType::F32, DType::F64] {
        for [n, c, h, w] in [[3, 4, 8, 8], [2, 3, 7, 37], [5, 2, 4, 4], [1, 3, 64, 66], [4, 2, 33, 16]] {
            let inputs = inputs([n, c, h, w], dtype);
            let fused = bits(&inputs, |x, affine| x.batch_norm_relu(Some(affine), EPS));
            let apart = bits(&inputs, |x, affine| {
                let [y, mean, variance] = x.batch_norm(Some(affine), EPS)?;
                Ok([y.relu()?, mean, variance])
            });
            assert_eq!(fused, apart, "a norm and a ReLU of {:?} in {dtype}", [n, c, h, w]);
            for pool in [MaxPool2d::square(2, 2, 0), MaxPool2d::square(3, 2, 1), MaxPool2d::square(2, 1, 1)] {
                let fused = bits(&inputs, |x, affine| x.batch_norm_pool(Some(affine), EPS, pool));
                for relu_is_last in [true, false] {
                    let apart = bits(&inputs, |x, affine| {
                        let [y, mean, variance] = x.batch_norm(Some(affine), EPS)?;
                        let y = if relu_is_last {
                            y.max_pool2d(pool)?.relu()?
                        } else {
                            y.relu()?.max_pool2d(pool)?
                        };
                        Ok([y, mean, variance])
                    });
                    assert_eq!(fused, apart, "{pool:?} of {:?} in {dtype}", [n, c, h, w]);
                }
            }
        }
    }
}

#[test]
fn a_nan_reaches_the_outputs_and_the_gradients_of_its_channel_alone() {
    let pool = MaxPool2d::square(2, 2, 0);
    for place in [0, 5] {
        let mut x: Vec<f32> = (0..32).map(|i| (i * 7 % 16) as f32).collect();
        x[place] = f32::NAN;
        let x = Tensor::from_vec(x, &[1, 2, 4, 4]).unwrap();
        let one = |value: f64| Tensor::full(value, &[2], DType::F32);
        let inputs = [x, one(1.0), one(0.5)];
        let fused = || bits(&inputs, |x, affine| x.batch_norm_pool(Some(affine), EPS, pool));
        for results in [fused(), with_references(fused)] {
            for (which, result) in results.into_iter().enumerate() {
                let half = result.len() / 2;
                for (place, bits) in result.into_iter().enumerate() {
                    assert_eq!(
                        f64::from_bits(bits).is_nan(),
                        place < half,
                        "result {which}, element {place}"
                    );
                }
            }
        }
    }
}

#[test]
fn images_into_which_the_windows_do_not_fit_and_single_values_are_refused() {
    let tape = Tape::new();
    let x = tape.input(&Tensor::zeros(&[1, 2, 1, 1], DType::F32));
    let message = |pool| x.batch_norm_pool(None, EPS, pool).unwrap_err().to_string();
    assert!(message(MaxPool2d::square(2, 2, 0)).starts_with("max_pool2d: expected [n, c, h, w] into which"));
    assert!(message(MaxPool2d::square(1, 1, 0)).starts_with("batch_norm: expected at least two values"));
    let x = tape.input(&Tensor::zeros(&[4, 2], DType::F32));
    assert!(x.batch_norm_pool(None, EPS, MaxPool2d::square(1, 1, 0)).is_err());
}
