//! The backward pass through the fused activation of an operation.

use tensor::{FusedActivation, Tensor};

use crate::Result;
use crate::ops::relu::ReluGrad;

/// Returns the output if the backward pass through the activation needs it.
pub(crate) fn saved(activation: FusedActivation, y: &Tensor) -> Option<Tensor> {
    (activation != FusedActivation::Identity).then(|| y.clone())
}

/// The gradient with respect to the input of the activation, from `dy` and the result of [`saved`].
pub(crate) fn backward(saved: &Option<Tensor>, dy: &Tensor) -> Result<Tensor> {
    match saved {
        None => Ok(dy.clone()),
        Some(y) => {
            let [dz] = tensor::run(&ReluGrad, [y, dy])?;
            Ok(dz)
        }
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use proptest::prelude::*;
    use tensor::{FusedActivation, Tensor};

    use crate::testing::cases::Kink;

    /// A call whose three pre-activations, each a product plus an optional bias, are 0, 1 and -2: ReLU propagates only
    /// the gradient of the second.
    pub(crate) fn sum_of_zero<O, const N: usize>(op: O, x: &[usize], weight: &[usize]) -> Kink<O, N> {
        let of = |values: &[f64], shape: &[usize]| {
            Tensor::from_slice(values, shape).expect("the values fill the shape")
        };
        let weights = if N == 3 { [1.0, 2.0, -1.0] } else { [0.0, 1.0, -2.0] };
        let inputs = [of(&[1.0], x), of(&weights, weight), of(&[-1.0; 3], &[3])];
        let second = vec![0.0, 1.0, 0.0];
        Kink { op, inputs: first(&inputs), gradients: first(&[vec![weights[1]], second.clone(), second]) }
    }

    /// The first `N` of three values: two for an operation without a bias.
    pub(crate) fn first<T: Clone, const N: usize>(of_inputs: &[T; 3]) -> [T; N] {
        std::array::from_fn(|input| of_inputs[input].clone())
    }

    /// A bias and an activation. With a ReLU, each element of the bias is further from zero than any sum of `terms`
    /// products of values in [-2, 2), so that finite differences cross no kink; both signs occur.
    pub(crate) fn bias(outputs: usize, terms: usize) -> BoxedStrategy<(Tensor, FusedActivation)> {
        let far = (4 * terms + 1) as f64;
        let number = (-2.0..2.0f64, any::<bool>());
        (proptest::collection::vec(number, outputs), any::<bool>())
            .prop_map(move |(elements, rectified)| {
                let number = |(x, above): (f64, bool)| match (rectified, above) {
                    (false, _) => x,
                    (true, true) => x.abs() + far,
                    (true, false) => -x.abs() - far,
                };
                let elements = elements.into_iter().map(number).collect();
                let bias = Tensor::from_vec(elements, &[outputs]).expect("one element for each output");
                (bias, if rectified { FusedActivation::Relu } else { FusedActivation::Identity })
            })
            .boxed()
    }
}
