//! Tests of FLOP counts against counts by hand.

use agon_autograd::ops::conv_transpose2d::Transposed;
use agon_autograd::ops::conv2d::Geometry;
use agon_autograd::ops::matmul::MatMul;
use agon_autograd::{Result, Tape, Var};
use tensor::flops::count;
use tensor::{DType, Indices, Kernel, Tensor, run};

/// The FLOPs of the forward and the backward pass of a function of recorded inputs with these shapes.
fn there_and_back<const N: usize>(
    shapes: [&[usize]; N],
    dtype: DType,
    function: impl for<'t> Fn([Var<'t>; N]) -> Result<Var<'t>>,
) -> [u64; 2] {
    let tape = Tape::new();
    let inputs = shapes.map(|shape| tape.input(&Tensor::full(0.5, shape, dtype)));
    let (y, forward) = count(|| function(inputs).expect("the shapes fit"));
    let dy = Tensor::full(1.0, y.shape(), dtype);
    let (_, back) = count(|| tape.backward_from(&y, dy).expect("the gradients exist"));
    [forward, back]
}

#[test]
fn the_flops_of_a_matrix_multiplication_are_two_m_k_n_in_every_layout_and_type() {
    let (m, k, n) = (5, 7, 3);
    for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let product = MatMul { transpose_a, transpose_b };
        let a = if transpose_a { [k, m] } else { [m, k] };
        let b = if transpose_b { [n, k] } else { [k, n] };
        for dtype in DType::ALL {
            let [a, b] = [a, b].map(|shape| Tensor::zeros(&shape, dtype));
            let (outcome, flops) = count(|| run(&product, [&a, &b]));
            assert!(outcome.is_ok());
            assert_eq!(flops, (2 * m * k * n) as u64);
        }
    }
}

#[test]
fn the_flops_of_an_affine_layer_are_two_for_each_weight_and_row_and_again_for_each_gradient() {
    let (n, inputs, outputs) = (6, 5, 4);
    let one = (2 * n * inputs * outputs) as u64;
    let shapes: [&[usize]; 3] = [&[n, inputs], &[outputs, inputs], &[outputs]];
    for dtype in DType::ALL {
        let flops = there_and_back(shapes, dtype, |[x, weight, bias]| x.linear_relu(&weight, &bias)?.tanh());
        assert_eq!(flops, [one, 2 * one]);
    }
    // The gradient of the data is not needed, so the first layer counts 4 and not 6 FLOPs per weight and example.
    let tape = Tape::new();
    let [x, weight, bias] = shapes.map(|shape| Tensor::full(0.5, shape, DType::F32));
    let step = || -> Result<()> {
        let y = tape.constant(&x).linear(&tape.input(&weight), &tape.input(&bias))?;
        let loss = y.mse(&tape.constant(&Tensor::zeros(&[n, outputs], DType::F32)))?;
        tape.backward(&loss).map(drop)
    };
    assert_eq!(count(step), (Ok(()), 2 * one));
}

/// Images of 5 x 5 with a padding of 1, a kernel of 3 x 3 and a stride of 2 have 3 x 3 output pixels. Of their 81
/// kernel offsets, 32 read padding; all are counted.
#[test]
fn the_flops_of_a_convolution_count_every_kernel_offset_and_are_the_same_for_both_gradients() {
    let (n, c, o, geometry) = (2, 3, 4, Geometry::square(2, 1));
    let one = (2 * n * c * o * 81) as u64;
    let shapes: [&[usize]; 3] = [&[n, c, 5, 5], &[o, c, 3, 3], &[o]];
    for dtype in [DType::F32, DType::F64] {
        let flops = there_and_back(shapes, dtype, |[x, weight, bias]| x.conv2d(&weight, &bias, geometry));
        assert_eq!(flops, [one, 2 * one]);
        let shapes = [shapes[0], shapes[1]];
        let flops = there_and_back(shapes, dtype, |[x, weight]| x.conv2d_no_bias(&weight, geometry));
        assert_eq!(flops, [one, 2 * one]);
    }
}

/// Every pixel of the 3 x 3 input contributes to the nine kernel offsets of its window.
#[test]
fn the_flops_of_a_transposed_convolution_are_those_of_the_convolution_that_it_is_the_gradient_of() {
    let (n, c, o, attributes) = (2, 4, 3, Transposed::square(2, 1, 0));
    let one = (2 * n * c * o * 81) as u64;
    let shapes: [&[usize]; 3] = [&[n, c, 3, 3], &[c, o, 3, 3], &[o]];
    for dtype in [DType::F32, DType::F64] {
        let flops =
            there_and_back(shapes, dtype, |[x, weight, bias]| x.conv_transpose2d(&weight, &bias, attributes));
        assert_eq!(flops, [one, 2 * one]);
        let shapes = [shapes[0], shapes[1]];
        let flops =
            there_and_back(shapes, dtype, |[x, weight]| x.conv_transpose2d_no_bias(&weight, attributes));
        assert_eq!(flops, [one, 2 * one]);
    }
}

/// For each pair of tokens: forward, a score and a weighted value; backward, the score again and four gradients.
#[test]
fn the_flops_of_attention_are_two_products_forward_and_five_back_over_all_pairs_of_tokens() {
    let (n, t, n_heads, width) = (2, 5, 3, 4);
    let one = (2 * n * n_heads * t * t * width) as u64;
    for dtype in [DType::F32, DType::F64] {
        let flops = there_and_back([&[n, t, 3 * n_heads * width]], dtype, |[x]| x.attention(n_heads));
        assert_eq!(flops, [2 * one, 5 * one]);
    }
}

#[test]
fn element_wise_work_and_refused_calls_add_no_flops() {
    let labels = Indices::new(vec![0, 1, 2, 3, 0, 1]);
    let flops = there_and_back([&[6, 4], &[4], &[4]], DType::F32, |[x, scale, shift]| {
        x.relu()?.add(&x.tanh()?)?.layer_norm(&scale, &shift, 1e-5)?.softmax_cross_entropy(&labels)
    });
    assert_eq!(flops, [0, 0]);
    let (a, b) = (Tensor::zeros(&[2, 3], DType::F32), Tensor::zeros(&[2, 3], DType::F32));
    let (outcome, flops) = count(|| run(&MatMul::default(), [&a, &b]));
    assert!(outcome.is_err());
    assert_eq!((flops, MatMul::default().flops([a.shape(), b.shape()])), (0, 0));
}
