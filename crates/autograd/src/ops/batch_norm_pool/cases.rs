//! Test cases of batch normalisation with max-pooling and ReLU.

use proptest::prelude::*;
use tensor::{DType, Tensor};

use super::BatchNormPool;
use crate::ops::batch_norm::cases::away_from_kinks;
use crate::ops::max_pool2d::MaxPool2d;
use crate::testing::cases::{Case, Cases, Kink};
use crate::testing::classes::{self, Claim, ShapeClass};
use crate::testing::shrink::Then;
use crate::testing::strategies::{BATCHES, LENGTHS, swept};

impl Cases<3, 3> for BatchNormPool {
    const LINEAR: [bool; 3] = [false; 3];

    fn claim(class: ShapeClass) -> Claim {
        match class {
            ShapeClass::KinkOrTie => Claim::Generated,
            _ => classes::of_windows(class),
        }
    }

    fn shows(case: &Case<Self, 3>, class: ShapeClass) -> bool {
        let Case { op: Self { pool, .. }, inputs: [x, ..], reduced } = case;
        match class {
            ShapeClass::UnevenStride | ShapeClass::UnitKernel => {
                let of_pool = Case { op: *pool, inputs: [x.clone()], reduced: *reduced };
                MaxPool2d::shows(&of_pool, class)
            }
            _ => class.in_shapes(case.inputs.each_ref()),
        }
    }

    fn kinks() -> Vec<Kink<Self, 3>> {
        let pool = MaxPool2d { kernel: [1, 2], stride: [1, 1], padding: [0, 0] };
        let number = |value: f64| Tensor::full(value, &[1], DType::F64);
        let of = |bias: f64, dx: [f64; 2], dbias: f64| Kink {
            op: BatchNormPool { eps: 1.0, pool },
            inputs: [Tensor::zeros(&[1, 1, 1, 2], DType::F64), number(1.0), number(bias)],
            gradients: [dx.to_vec(), vec![0.0], vec![dbias]],
        };
        // A window of two pixels that are both zero after the normalisation. The first pixel gets the gradient, from
        // which the gradient through the mean subtracts one half for both; the output `mean` adds one half. With a bias
        // of zero, the ReLU is at its kink.
        vec![of(1.0, [1.0, 0.0], 1.0), of(0.0, [0.5, 0.5], 0.0)]
    }

    fn cases() -> BoxedStrategy<Case<Self, 3>> {
        prop_oneof![3 => of_size(1..4, 1..7), 1 => of_size(2..4, 1..2)].boxed()
    }

    fn long_cases() -> BoxedStrategy<Case<Self, 3>> {
        of_size(20..40, 20..40)
    }

    fn swept() -> Vec<BoxedStrategy<Case<Self, 3>>> {
        swept([&BATCHES, &BATCHES, &LENGTHS[..78], &LENGTHS[..78]], &[3, 2, 7, 4], of_images)
    }
}

fn of_size(n: std::ops::Range<usize>, side: std::ops::Range<usize>) -> BoxedStrategy<Case<BatchNormPool, 3>> {
    (n, 0..4usize, side.clone(), side)
        .prop_filter("one value has no variance", |(n, _, h, w)| n * h * w > 1)
        .prop_then(|(n, c, h, w)| of_images([n, c, h, w]))
        .boxed()
}

fn of_images(shape: [usize; 4]) -> BoxedStrategy<Case<BatchNormPool, 3>> {
    let [n, c, h, w] = shape;
    let kernel = 1..4usize;
    ([kernel.clone(), kernel], [1..5usize, 1..5], prop_oneof![Just(1e-5), Just(0.5)])
        .prop_then(move |(kernel, stride, eps)| {
            let kernel = [kernel[0].min(h), kernel[1].min(w)];
            let padding = [0..=kernel[0] / 2, 0..=kernel[1] / 2];
            let op = padding.prop_map(move |padding| {
                let pool = MaxPool2d { kernel, stride, padding };
                BatchNormPool { eps, pool }
            });
            (op, apart(shape), away_from_kinks(c))
        })
        .prop_map(move |(op, x, [weight, bias])| Case { op, inputs: [x, weight, bias], reduced: n * h * w })
        .boxed()
}

/// Images whose pixels differ by at least 0.06 within 3 x 3 neighbours, and by at least 0.4 from the mean of their
/// channel, so that finite differences change neither a maximum nor its sign.
fn apart([n, c, h, w]: [usize; 4]) -> BoxedStrategy<Tensor> {
    let count = n * h * w;
    let run = if count < 12 { 1..2usize } else { 1..5usize };
    (
        run,
        proptest::sample::select(vec![1usize, 2, 4, 5, 7, 8]),
        proptest::collection::vec(-0.02..0.02f64, n * c * h * w),
    )
        .prop_map(move |(run, step, offsets)| {
            let pixel = |(place, offset): (usize, f64)| {
                let (plane, row, column) = (place / (h * w), place / w % h, place % w);
                // Magnitudes differ within 3 x 3 pixels; the sign alternates every `run` pixels of the channel.
                let rank = (step * (row % 3 * 3 + column % 3) + plane) % 9;
                let within_channel = plane / c * h * w + place % (h * w);
                let sign = if within_channel / run % 2 == 0 { 1.0 } else { -1.0 };
                sign * (1.2 + 0.1 * rank as f64 + offset)
            };
            let pixels = offsets.into_iter().enumerate().map(pixel).collect();
            Tensor::from_vec::<f64>(pixels, &[n, c, h, w]).expect("one value for each pixel")
        })
        .boxed()
}
