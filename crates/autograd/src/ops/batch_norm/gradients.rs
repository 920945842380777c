//! Gradient kernels of batch normalisation.

use ndarray::{Array1, ArrayD, ArrayViewD, Axis, Zip};
use tensor::gpu::Call;
use tensor::sums::pairwise;
use tensor::{Error, FusedActivation, Kernel, Map2, Real, Slice, Storage, Tensor};

use super::fast::{self, Gradient, Layout, Norm};
use super::{normalised, relu_flag};
use crate::launch::channels::{over_channels, over_elements};
use crate::ops::relu::ReluGrad;

/// The gradient with respect to the input of the activation, from the gradient `dy` with respect to its output.
fn before_activation<A: Real>(
    activation: FusedActivation,
    x: &ArrayViewD<'_, A>,
    channels: [&ArrayViewD<'_, A>; 4],
    dy: &ArrayViewD<'_, A>,
) -> ArrayD<A> {
    match activation {
        FusedActivation::Identity => dy.to_owned(),
        FusedActivation::Relu => {
            Zip::from(&normalised(x, channels)).and(dy).map_collect(|&y, &dy| ReluGrad.formula(y, dy))
        }
    }
}

/// The gradients of `weight` and `bias`, from `x`, `weight`, `bias`, `mean`, `rstd` and `dy`: `sum(dy z)`, with `z` the
/// normalised `x`, and `sum(dy)` over each channel. They are in the accumulator type, because `dx` is computed from
/// them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchNormGradAffine {
    pub(crate) activation: FusedActivation,
}

impl Kernel<6, 2> for BatchNormGradAffine {
    fn name(&self) -> &'static str {
        "batch_norm_grad_affine"
    }

    fn shapes(&self, inputs: [&[usize]; 6]) -> tensor::Result<[Vec<usize>; 2]> {
        match inputs {
            [x @ &[_, c, ..], of_channels @ .., dy] if x == dy && of_channels == [[c]; 4] => {
                Ok([vec![c], vec![c]])
            }
            _ => Err(Error::shape(self.name(), "the inputs and outputs of batch_norm", &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 6] {
        use Storage::{Accumulator, Same};
        [Same, Same, Same, Accumulator, Accumulator, Same]
    }

    fn output_dtypes(&self) -> [Storage; 2] {
        [Storage::Accumulator; 2]
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 6]) -> [ArrayD<A>; 2] {
        let [x, weight, bias, mean, rstd, dy] = inputs;
        let dy = before_activation(self.activation, &x, [&weight, &bias, &mean, &rstd], &dy);
        let statistics = mean.iter().zip(&rstd);
        let of_channels = x.axis_iter(Axis(1)).zip(dy.axis_iter(Axis(1))).zip(statistics);
        let dweight: Array1<A> = of_channels
            .map(|((x, dy), (&mean, &rstd))| {
                pairwise(x.iter().zip(&dy).map(|(&x, &dy)| dy * ((x - mean) * rstd)))
            })
            .collect();
        let dbias: Array1<A> = dy.axis_iter(Axis(1)).map(|dy| pairwise(dy.iter().copied())).collect();
        [dweight.into_dyn(), dbias.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 6], sums: [&Tensor; 2]) -> tensor::Result<()> {
        over_channels(call, self.name(), &sums, &inputs, &[relu_flag(self.activation)])
    }

    fn fast(&self, inputs: [Slice<'_>; 6], [dweight, dbias]: [&mut [f32]; 2]) -> bool {
        let layout = Layout::of(inputs[0].shape);
        let [x, weight, bias, mean, rstd, dy] = inputs.map(|input| input.data);
        if x.is_empty() {
            return false;
        }
        let norm = Norm { mean, rstd, scale: &fast::scales(weight, rstd), shift: bias };
        for (channel, [with_z, plain]) in
            fast::sums(x, dy, norm, self.activation, layout).into_iter().enumerate()
        {
            dweight[channel] = with_z as f32;
            dbias[channel] = plain as f32;
        }
        true
    }
}

/// The gradient with respect to `x`. Each of the `count` values of a channel also affects its mean and its variance:
///
/// `dx = (dy - sum(dy) / count - z sum(dy z) / count) weight / sqrt(variance + eps)
///     + dmean / count + 2 (x - mean) dvariance / (count - 1)`
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchNormGradInput {
    pub(super) activation: FusedActivation,
}

impl Kernel<10, 1> for BatchNormGradInput {
    fn name(&self) -> &'static str {
        "batch_norm_grad_input"
    }

    fn shapes(&self, inputs: [&[usize]; 10]) -> tensor::Result<[Vec<usize>; 1]> {
        let [x, dy, of_channels @ ..] = inputs;
        match x {
            &[_, c, ..] if x == dy && of_channels.iter().all(|shape| *shape == [c]) => Ok([x.to_vec()]),
            _ => Err(Error::shape(self.name(), "the inputs and outputs of batch_norm", &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 10] {
        std::array::from_fn(|input| if input < 4 { Storage::Same } else { Storage::Accumulator })
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 10]) -> [ArrayD<A>; 1] {
        let [x, dy, weight, bias, mean, rstd, sums @ ..] = inputs;
        let dy = before_activation(self.activation, &x, [&weight, &bias, &mean, &rstd], &dy);
        [grad_input(&x, dy, [&weight, &mean, &rstd], &sums)]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 10], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        over_elements(call, self.name(), dx, &inputs, &[relu_flag(self.activation)])
    }

    fn fast(&self, inputs: [Slice<'_>; 10], [dx]: [&mut [f32]; 1]) -> bool {
        let layout = Layout::of(inputs[0].shape);
        let [x, dy, channels @ ..] = inputs.map(|input| input.data);
        if !x.is_empty() {
            fast::gradient(x, dy, dx, &coefficients(x, channels), self.activation, layout);
        }
        true
    }
}

/// `dx` from the gradient `dy` with respect to the normalised values, and `dweight`, `dbias`, `dmean` and `dvariance`.
pub(crate) fn grad_input<A: Real>(
    x: &ArrayViewD<'_, A>,
    mut dy: ArrayD<A>,
    [weight, mean, rstd]: [&ArrayViewD<'_, A>; 3],
    [dweight, dbias, dmean, dvariance]: &[ArrayViewD<'_, A>; 4],
) -> ArrayD<A> {
    for (channel, (mut dx, x)) in dy.axis_iter_mut(Axis(1)).zip(x.axis_iter(Axis(1))).enumerate() {
        let of = |values: &ArrayViewD<'_, A>| values[[channel]];
        let count = A::of(x.len());
        Zip::from(&mut dx).and(&x).for_each(|dx, &x| {
            let z = (x - of(mean)) * of(rstd);
            let through_y = (*dx - of(dbias) / count - z * of(dweight) / count) * of(weight) * of(rstd);
            let through_variance = A::of(2) * (x - of(mean)) * of(dvariance) / (count - A::one());
            *dx = through_y + of(dmean) / count + through_variance;
        });
    }
    dy
}

/// The coefficients of `dx` from `weight`, `bias`, `mean`, `rstd`, `dweight`, `dbias`, `dmean` and `dvariance`.
pub(crate) fn coefficients(x: &[f32], channels: [&[f32]; 8]) -> Vec<Gradient> {
    let [weight, bias, mean, rstd, dweight, dbias, dmean, dvariance] = channels;
    let count = (x.len() / mean.len()) as f32;
    let of_channel = |channel: usize| {
        let (rstd, of_dy) = (rstd[channel], weight[channel] * rstd[channel]);
        Gradient {
            of_dy,
            of_z: -of_dy * (dweight[channel] / count),
            of_x: 2.0 * dvariance[channel] / (count - 1.0),
            mean: mean[channel],
            rstd,
            shift: (dmean[channel] - of_dy * dbias[channel]) / count,
            bias: bias[channel],
        }
    };
    (0..mean.len()).map(of_channel).collect()
}
