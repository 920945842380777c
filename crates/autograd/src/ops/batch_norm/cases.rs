//! Test cases of batch normalisation.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use tensor::{DType, FusedActivation, Tensor};

use super::BatchNorm;
use crate::ops::layer_norm::cases::values_around;
use crate::testing::cases::{Case, Cases, Kink};
use crate::testing::classes::{self, Claim, ShapeClass};
use crate::testing::shrink::Then;
use crate::testing::strategies::{LENGTHS, swept, tile, values};

impl Cases<3, 3> for BatchNorm {
    const LINEAR: [bool; 3] = [false, true, true];

    fn linear(&self) -> [bool; 3] {
        let is_linear = self.activation == FusedActivation::Identity;
        [false, is_linear, is_linear]
    }

    fn claim(class: ShapeClass) -> Claim {
        match class {
            ShapeClass::KinkOrTie => Claim::Generated,
            _ => classes::of_any_shape(class),
        }
    }

    fn kinks() -> Vec<Kink<Self, 3>> {
        // With a weight of zero, all outputs are zero, where the derivative of ReLU is zero. The remaining gradient of
        // x is 1/2 from the mean, and twice the deviation from the variance.
        let op = BatchNorm { eps: 1.0, activation: FusedActivation::Relu };
        let x = Tensor::from_slice(&[-1.0, 1.0], &[2, 1]).expect("two elements");
        let zero = Tensor::zeros(&[1], DType::F64);
        let gradients = [vec![-1.5, 2.5], vec![0.0], vec![0.0]];
        vec![Kink { op, inputs: [x, zero.clone(), zero], gradients }]
    }

    fn cases() -> BoxedStrategy<Case<Self, 3>> {
        let flat = (2..6usize, 0..4usize).prop_map(|(n, c)| vec![n, c]);
        let images = shapes_of_images(1..4, 1..3).prop_filter("one value has no variance", |shape| {
            shape[0] * shape[2..].iter().product::<usize>() > 1
        });
        of_shape(prop_oneof![flat, images].boxed())
    }

    fn long_cases() -> BoxedStrategy<Case<Self, 3>> {
        let flat = (100..300usize, 60..200usize).prop_map(|(n, c)| vec![n, c]);
        of_shape(prop_oneof![flat, vec(tile(), 2), shapes_of_images(20..40, 5..20)].boxed())
    }

    fn swept() -> Vec<BoxedStrategy<Case<Self, 3>>> {
        swept([&LENGTHS; 3], &[2, 3, 17], |shape| of_shape(Just(shape.to_vec()).boxed()))
    }
}

pub(crate) fn shapes_of_images(n: Range<usize>, side: Range<usize>) -> BoxedStrategy<Vec<usize>> {
    (n, 1..4usize, side.clone(), side, any::<bool>())
        .prop_map(|(n, c, h, w, flat)| if flat { vec![n, c, h * w] } else { vec![n, c, h, w] })
        .boxed()
}

fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<BatchNorm, 3>> {
    (shape, prop_oneof![Just(1e-5), Just(0.5)], any::<bool>())
        .prop_then(|(shape, eps, has_relu)| {
            let (c, plane) = (shape[1], shape[2..].iter().product::<usize>());
            let activation = if has_relu { FusedActivation::Relu } else { FusedActivation::Identity };
            let affine = if has_relu { away_from_kinks(c) } else { [values(&[c]), values(&[c])] };
            let op = BatchNorm { eps, activation };
            (spread(&shape), affine, Just((op, shape[0] * plane)))
        })
        .prop_map(|(x, [weight, bias], (op, reduced))| Case { op, inputs: [x, weight, bias], reduced })
        .boxed()
}

/// A weight and a bias that map normalised values of magnitude 0.2 to 2.2 to outputs of magnitude 0.05 or more. Most
/// channels then have outputs of both signs, some only positive or only negative ones.
pub(crate) fn away_from_kinks(channels: usize) -> [BoxedStrategy<Tensor>; 2] {
    let of = |values: Vec<f64>| {
        Tensor::from_slice(&values, &[values.len()]).expect("one element for each channel")
    };
    let weight =
        (0.5..2.0f64, any::<bool>()).prop_map(|(weight, is_above)| if is_above { weight } else { -weight });
    let bias = prop_oneof![6 => -0.05..0.05f64, 1 => 5.0..6.0f64, 1 => -6.0..-5.0f64];
    [vec(weight, channels).prop_map(of).boxed(), vec(bias, channels).prop_map(of).boxed()]
}

/// Values that differ within each channel, with a variance of about two and a non-zero mean.
pub(crate) fn spread(shape: &[usize]) -> BoxedStrategy<Tensor> {
    let (c, plane) = (shape[1], shape[2..].iter().product::<usize>());
    values_around(shape, move |place| {
        let within_channel = place / (c * plane) * plane + place % plane;
        if within_channel % 2 == 0 { 2.5 } else { -0.5 }
    })
}
