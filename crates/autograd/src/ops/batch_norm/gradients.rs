//! Gradient kernels of batch normalisation.

use ndarray::{Array1, ArrayD, ArrayViewD, Axis, Zip};
use tensor::gpu::Call;
use tensor::sums::pairwise;
use tensor::{Error, Kernel, Real, Slice, Storage, Tensor};

use super::fast::{self, Gradient, Layout};
use crate::launch::channels::{over_channels, over_numbers};

/// The gradients of `weight` and `bias`: `sum(dy z)`, with `z` the normalised `x`, and `sum(dy)` over each
/// channel. In the accumulator type, because `dx` uses them too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchNormGradAffine;

impl Kernel<4, 2> for BatchNormGradAffine {
    fn name(&self) -> &'static str {
        "batch_norm_grad_affine"
    }

    fn shapes(&self, inputs: [&[usize]; 4]) -> tensor::Result<[Vec<usize>; 2]> {
        match inputs {
            [x @ &[_, c, ..], mean, rstd, dy] if x == dy && [mean, rstd] == [[c]; 2] => {
                Ok([vec![c], vec![c]])
            }
            _ => Err(Error::shape(self.name(), "the inputs and outputs of batch_norm", &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 4] {
        use Storage::{Accumulator, Same};
        [Same, Accumulator, Accumulator, Same]
    }

    fn output_dtypes(&self) -> [Storage; 2] {
        [Storage::Accumulator; 2]
    }

    fn reference<A: Real>(&self, [x, mean, rstd, dy]: [ArrayViewD<'_, A>; 4]) -> [ArrayD<A>; 2] {
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

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 4], sums: [&Tensor; 2]) -> tensor::Result<()> {
        over_channels(call, self.name(), &sums, &inputs, &[])
    }

    fn fast(&self, [x, mean, rstd, dy]: [Slice<'_>; 4], [dweight, dbias]: [&mut [f32]; 2]) -> bool {
        if x.data.is_empty() {
            return false;
        }
        let sums = fast::sums(x.data, dy.data, [mean.data, rstd.data], Layout::of(x.shape));
        for (channel, [with_z, plain]) in sums.into_iter().enumerate() {
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
pub(super) struct BatchNormGradInput;

impl Kernel<9, 1> for BatchNormGradInput {
    fn name(&self) -> &'static str {
        "batch_norm_grad_input"
    }

    fn shapes(&self, inputs: [&[usize]; 9]) -> tensor::Result<[Vec<usize>; 1]> {
        let [x, dy, of_channels @ ..] = inputs;
        match x {
            &[_, c, ..] if x == dy && of_channels.iter().all(|shape| *shape == [c]) => Ok([x.to_vec()]),
            _ => Err(Error::shape(self.name(), "the inputs and outputs of batch_norm", &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 9] {
        std::array::from_fn(|input| if input < 3 { Storage::Same } else { Storage::Accumulator })
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 9]) -> [ArrayD<A>; 1] {
        let [x, dy, weight, mean, rstd, dweight, dbias, dmean, dvariance] = inputs;
        let mut dx = dy.to_owned();
        for (channel, (mut dx, x)) in dx.axis_iter_mut(Axis(1)).zip(x.axis_iter(Axis(1))).enumerate() {
            let of = |values: &ArrayViewD<'_, A>| values[[channel]];
            let count = A::of(x.len());
            Zip::from(&mut dx).and(&x).for_each(|dx, &x| {
                let z = (x - of(&mean)) * of(&rstd);
                let through_y =
                    (*dx - of(&dbias) / count - z * of(&dweight) / count) * of(&weight) * of(&rstd);
                let through_variance = A::of(2) * (x - of(&mean)) * of(&dvariance) / (count - A::one());
                *dx = through_y + of(&dmean) / count + through_variance;
            });
        }
        [dx]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 9], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        over_numbers(call, self.name(), dx, &inputs)
    }

    fn fast(&self, inputs: [Slice<'_>; 9], [dx]: [&mut [f32]; 1]) -> bool {
        let layout = Layout::of(inputs[0].shape);
        let [x, dy, weight, mean, rstd, dweight, dbias, dmean, dvariance] = inputs.map(|input| input.data);
        if x.is_empty() {
            return true;
        }
        let count = (x.len() / mean.len()) as f32;
        let gradients: Vec<Gradient> = (0..mean.len())
            .map(|channel| {
                let (rstd, of_dy) = (rstd[channel], weight[channel] * rstd[channel]);
                Gradient {
                    of_dy,
                    of_z: -of_dy * (dweight[channel] / count),
                    of_x: 2.0 * dvariance[channel] / (count - 1.0),
                    mean: mean[channel],
                    rstd,
                    shift: (dmean[channel] - of_dy * dbias[channel]) / count,
                }
            })
            .collect();
        fast::gradient(x, dy, dx, &gradients, layout);
        true
    }
}
