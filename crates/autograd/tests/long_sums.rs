//! Tests of long sums. The tolerance does not grow with the number of terms, so that a running sum is detected.
//!
//! A running sum of half a million times 0.1 in 32 bits has an error of ten thousand epsilons, which is within the
//! tolerance `2 n epsilon` of the precision checks in `every_op`.

use agon_autograd::ops::conv2d::Geometry;
use agon_autograd::{Result, Tape, Var};
use tensor::{DType, Indices, Tensor};

/// The number of terms of each sum.
const N: usize = 1 << 19;

/// The maximum number of 32-bit additions that a term takes part in: a GEMM sums blocks of up to 512 steps, and up to
/// 512 blocks of a span.
const ADDITIONS: f64 = 1024.0;

/// The output of `f` and all gradients for a `grad_output` of ones. The inputs have these shapes and values of 0.1, 0.2
/// and 0.3.
fn results(dtype: DType, shapes: &[&[usize]], f: &Function<'_>) -> Vec<Vec<f64>> {
    let tape = Tape::new();
    let tenths = |shape: &&[usize]| {
        let values = (0..shape.iter().product::<usize>()).map(|i| 0.1 * (1 + i % 3) as f64).collect();
        // The same rounded values in every type.
        let values =
            Tensor::from_vec::<f64>(values, shape).expect("the values fill the shape").to_dtype(DType::BF16);
        tape.input(&values.to_dtype(dtype))
    };
    let inputs: Vec<Var<'_>> = shapes.iter().map(tenths).collect();
    let y = f(&inputs.iter().collect::<Vec<_>>()).expect("the shapes fit");
    let ones = Tensor::full(1.0, y.shape(), y.value().dtype());
    let gradients = tape.backward_from(&y, ones).expect("the kernels run");
    let of_inputs = inputs.iter().map(|input| gradients.of(input).expect("all are used").to_f64_vec());
    std::iter::once(y.value().to_f64_vec()).chain(of_inputs).collect()
}

type Function<'f> = dyn for<'t> Fn(&[&Var<'t>]) -> Result<Var<'t>> + 'f;

/// Compares a function in 32 bits, by its fast paths and by its references, with 64 bits.
fn check(what: &str, shapes: &[&[usize]], f: &Function<'_>) {
    check_of_sizes(what, shapes, &[0.0; 4], f);
}

/// Checks sums whose terms cancel: `sizes` are the sums of the magnitudes of the terms of each result.
fn check_of_sizes(what: &str, shapes: &[&[usize]], sizes: &[f64], f: &Function<'_>) {
    let expected = results(DType::F64, shapes, f);
    let in_32_bits = || results(DType::F32, shapes, f);
    for (path, got) in [("fast", in_32_bits()), ("reference", tensor::with_references(in_32_bits))] {
        for (which, (got, expected)) in got.into_iter().zip(&expected).enumerate() {
            let largest = expected.iter().fold(sizes[which], |largest, x| largest.max(x.abs()));
            // Each addition, and the loads, stores and a few maps around them, have a rounding error of at most half an
            // epsilon.
            let allowed = (ADDITIONS / 2.0 + 4.0) * f64::from(f32::EPSILON) * largest;
            for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
                let off = (got - expected).abs();
                assert!(
                    off <= allowed,
                    "{what}, {path}, result {which} at {place}: {got:e}, not {expected:e}"
                );
            }
        }
    }
}

#[test]
fn the_mean_of_twenty_million_ones_is_one() {
    let tape = Tape::without_gradients();
    let ones = tape.constant(&Tensor::full(1.0, &[20_000_000, 2], DType::F32));
    assert_eq!(ones.mean_axes(&[0], false).unwrap().value().to_f64_vec(), [1.0, 1.0]);
    assert_eq!(ones.sum_axes(&[0, 1], false).unwrap().value().to_f64_vec(), [4e7]);
}

#[test]
fn long_sums_over_any_axes_are_accurate() {
    check("the leading axis", &[&[N, 2]], &|x| x[0].sum_axes(&[0], false));
    check("the last axis", &[&[2, N]], &|x| x[0].mean_axes(&[1], true));
    check("axes apart", &[&[N / 4, 2, 4]], &|x| x[0].sum_axes(&[2, 0], false));
    check("the middle axis", &[&[2, N, 1, 2]], &|x| x[0].mean_axes(&[1], false));
}

#[test]
fn long_sums_in_gradients_of_broadcasts_are_accurate() {
    check("a row", &[&[N, 2], &[2]], &|x| x[0].add(x[1]));
    check("a row in the middle", &[&[2, N, 2], &[2, 1, 2]], &|x| x[0].add(x[1]));
    check("a scalar", &[&[N], &[1]], &|x| x[0].mul(x[1]));
}

#[test]
fn long_sums_in_matrix_products_and_biases_are_accurate() {
    check("a layer over many rows", &[&[N, 2], &[3, 2], &[3]], &|x| x[0].linear(x[1], x[2]));
    check("a layer over many columns", &[&[2, N], &[3, N], &[3]], &|x| x[0].linear(x[1], x[2]));
    check("a layer with ReLU", &[&[N, 1], &[2, 1], &[2]], &|x| x[0].linear_relu(x[1], x[2]));
}

#[test]
fn long_sums_in_convolutions_biases_and_pooling_are_accurate() {
    let geometry = Geometry::square(1, 0);
    for images in [[N / 1024, 1, 32, 32], [1, 1, 1024, N / 1024]] {
        check("a convolution", &[&images, &[2, 1, 1, 1], &[2]], &|x| x[0].conv2d(x[1], x[2], geometry));
    }
    check("a pooling", &[&[1, 2, 1024, N / 1024]], &|x| x[0].global_avg_pool());
}

#[test]
fn long_sums_in_norms_are_accurate() {
    // The terms of outputs and input gradients are below 1; weight gradients sum over all rows.
    let n = N as f64;
    let norm: &Function<'_> = &|x| x[0].layer_norm(x[1], x[2], 0.5);
    check_of_sizes("layer norm", &[&[N, 2], &[2], &[2]], &[1.0, 1.0, n, n], norm);
    check_of_sizes("layer norm of a long row", &[&[1, N], &[N], &[N]], &[1.0; 4], norm);
    for images in [&[N, 2][..], &[N / 1024, 2, 32, 32], &[1, 2, N]] {
        let norm: &Function<'_> = &|x| {
            let [y, ..] = x[0].batch_norm(Some([x[1], x[2]]), 0.5)?;
            Ok(y)
        };
        check_of_sizes("batch norm", &[images, &[2], &[2]], &[1.0, 1.0, n, n], norm);
        let mean: &Function<'_> = &|x| {
            let [_, mean, variance] = x[0].batch_norm(None, 0.5)?;
            mean.add(&variance)
        };
        check("statistics of batch norm", &[images], mean);
    }
}

#[test]
fn long_sums_in_losses_are_accurate() {
    check("mse", &[&[N], &[N]], &|x| x[0].mse(&x[1].scale(3.0)?));
    let labels =
        |classes: usize| Indices::new((0..(N / classes) as u32).map(|row| row % classes as u32).collect());
    check("mse to labels", &[&[N / 4, 4]], &|x| x[0].one_hot_mse(&labels(4)));
    check("cross-entropy of many rows", &[&[N / 4, 4]], &|x| x[0].softmax_cross_entropy(&labels(4)));
    check("cross-entropy of many classes", &[&[1, N]], &|x| {
        x[0].softmax_cross_entropy(&Indices::new(vec![7]))
    });
}

#[test]
fn long_sums_of_gathered_and_scattered_rows_are_accurate() {
    let rows = Indices::new(vec![1; N]);
    check("one row for all", &[&[1, 2, 2]], &|x| x[0].gather_rows(&rows));
    check("all to one row", &[&[1, N, 2]], &|x| x[0].scatter_rows(&rows, 2));
}
