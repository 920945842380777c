//! Tests of extreme sizes: sizes that overflow, exceed the memory, or are too long to iterate over give errors or empty
//! results; none aborts the process.

use agon_autograd::ops::conv_transpose2d::Transposed;
use agon_autograd::ops::conv2d::Geometry;
use agon_autograd::ops::max_pool2d::MaxPool2d;
use agon_autograd::{Result, Tape, Var};
use tensor::{DType, Indices, Tensor};

/// A length that exceeds any memory and is too long to iterate over.
const LONG: usize = 1 << 50;
/// The largest length of an axis in a valid shape.
const LONGEST: usize = 1 << 59;

/// Runs the check in 64 bits (reference), 32 bits (fast path) and 16 bits (reference in 32 bits).
fn in_every_type(check: impl for<'t> Fn(&dyn Fn(&[usize]) -> Var<'t>, DType)) {
    for dtype in DType::ALL {
        let tape = Tape::new();
        check(&|shape| tape.input(&Tensor::zeros(shape, dtype)), dtype);
    }
}

#[track_caller]
fn refused(what: &str, outcome: Result<Var<'_>>) {
    let message = outcome.expect_err(what).to_string();
    assert!(!message.is_empty(), "{what}");
}

#[test]
fn products_of_sizes_that_overflow_or_exceed_the_memory_are_errors() {
    in_every_type(|x, _| {
        for shape in [[1 << 32, 1 << 32], [0, 1 << 63], [LONG, 2], [1 << 63, 2], [usize::MAX, 2]] {
            refused("broadcast_to", x(&[1, 1]).broadcast_to(&shape));
        }
        for shape in [[(1 << 63) + 16, 2], [1 << 32, 1 << 32], [usize::MAX, usize::MAX]] {
            refused("reshape", x(&[32]).reshape(&shape));
        }
        for t in [1 << 63, LONG, usize::MAX] {
            refused("scatter_rows", x(&[1, 1, 2]).scatter_rows(&Indices::new(vec![0]), t));
        }
        refused("matmul", x(&[LONGEST, 0]).matmul(&x(&[0, LONGEST])));
        refused("matmul", x(&[1 << 25, 0]).matmul(&x(&[0, 1 << 25])));
        refused("sum_axes", x(&[LONGEST, 0]).sum_axes(&[1], false));
        refused("concat", Var::concat(&[&x(&[LONGEST, 0]), &x(&[LONGEST, 0])], 0));
        for n_heads in [12_297_829_382_473_034_411, usize::MAX, 1 << 63] {
            refused("attention", x(&[1, 2, 3]).attention(n_heads));
        }
        refused("unpatchify", x(&[1, 0, 0]).unpatchify(1 << 32, [0, 0]));
        refused("unpatchify", x(&[1, 1, 1]).unpatchify(1, [1 << 32, 1 << 32]));
        refused("patchify", x(&[1, 1, 0, 0]).patchify(1 << 32));
        for size in [[LONG, 1], [1 << 63, 1], [1, usize::MAX], [usize::MAX; 2], [1 << 32; 2]] {
            refused("adaptive_max_pool", x(&[1, 1, 3, 3]).adaptive_max_pool(size));
            refused("adaptive_max_pool", x(&[0, 1, 3, 3]).adaptive_max_pool(size));
        }
        refused("max_pool2d", x(&[0, 1, LONG, 1]).max_pool2d(MaxPool2d::square(1, 1, 0)));
        refused("max_pool2d", x(&[1, 1, 3, 3]).max_pool2d(MaxPool2d::square(usize::MAX, 1, usize::MAX / 2)));
        refused("slice", x(&[3]).slice(0, 1, usize::MAX));
        refused("slice", x(&[3]).slice(usize::MAX, 0, 1));
    });
}

#[test]
fn windows_whose_sizes_overflow_are_errors() {
    in_every_type(|x, _| {
        let (images, weight, bias) = (x(&[1, 1, 3, 3]), x(&[1; 4]), x(&[1]));
        for geometry in [
            Geometry::square(1, 1 << 40),
            Geometry::square(1, 1 << 62),
            Geometry::square(1, usize::MAX),
            Geometry { stride: [1 << 40, 1], padding: [1 << 62, 1 << 50] },
        ] {
            refused("conv2d", images.conv2d(&weight, &bias, geometry));
            refused("conv2d_no_bias", images.conv2d_no_bias(&weight, geometry));
        }
        for (stride, output_padding) in
            [(1 << 40, 0), (1 << 62, 0), (usize::MAX, 0), (1 << 40, (1 << 40) - 1)]
        {
            let attributes = Transposed::square(stride, 0, output_padding);
            refused("conv_transpose2d", images.conv_transpose2d(&weight, &bias, attributes));
            refused("conv_transpose2d_no_bias", images.conv_transpose2d_no_bias(&weight, attributes));
        }
    });
}

#[test]
fn an_empty_axis_beside_a_huge_one_gives_an_empty_result() {
    in_every_type(|x, dtype| {
        let check = |what: &str, input: &Var<'_>, outcome: Result<Var<'_>>| {
            let y = outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(y.value().is_empty(), "{what}");
            let gradients = input.tape().backward_from(&y, Tensor::zeros(y.shape(), dtype));
            gradients.unwrap_or_else(|error| panic!("the gradient of {what}: {error}"));
        };
        let tokens = x(&[LONG, 0, 3]);
        check("attention", &tokens, tokens.attention(1));
        check("relu", &tokens, tokens.relu());
        check("transpose", &tokens, tokens.transpose(&[2, 0, 1]));
        check("sum_axes", &tokens, tokens.sum_axes(&[0], false));
        check("mean_axes", &tokens, tokens.mean_axes(&[2], true));
        check("concat", &tokens, Var::concat(&[&tokens, &tokens], 2));
        check("slice", &tokens, tokens.slice(0, 1, LONG));
        check("broadcast_to", &tokens, x(&[LONG, 0, 1]).broadcast_to(&[LONG, 0, 3]));
        check("gather_rows", &tokens, tokens.gather_rows(&Indices::new(vec![])));
        let stream = tensor::random::Stream::new(0, "sizes");
        let channels = x(&[LONG, 1, 0]);
        check("channel_dropout", &channels, channels.channel_dropout(0.5, stream, 0));
        let images = x(&[LONG, 0, 1, 1]);
        check("global_avg_pool", &images, images.global_avg_pool());
        check("conv2d", &images, images.conv2d_no_bias(&x(&[0, 0, 1, 1]), Geometry::square(1, 0)));
        let channels = x(&[0, 1 << 30, 1, 1]);
        check("conv2d", &channels, channels.conv2d_no_bias(&x(&[0, 1 << 30, 1, 1]), Geometry::square(1, 0)));
        check("patchify", &images, images.patchify(1));
        check("max_pool2d", &images, images.max_pool2d(MaxPool2d::square(1, 1, 0)));
    });
}
