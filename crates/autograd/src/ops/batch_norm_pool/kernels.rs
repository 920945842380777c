//! The kernels of batch normalisation with max-pooling and ReLU, forward and backward.

use ndarray::{ArrayD, ArrayViewD, Zip};
use tensor::gpu::{Argument, Call, Grid};
use tensor::{Error, FusedActivation, Kernel, Map2, Real, Slice, Storage, Tensor};

use super::fast::Planes;
use crate::launch::channels::{self, over_channels, over_elements};
use crate::ops::batch_norm::fast::{self, Layout, Norm};
use crate::ops::batch_norm::gradients::{BatchNormGradAffine, coefficients, grad_input};
use crate::ops::batch_norm::{BatchNorm, normalised};
use crate::ops::max_pool2d::windows::{Largest, LargestGrad};
use crate::ops::relu::ReluGrad;

/// Computes `y`, and the mean, the unbiased variance and the rstd of each channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pooled<'a> {
    pub(super) eps: f64,
    pub(super) largest: &'a Largest,
}

impl Kernel<3, 4> for Pooled<'_> {
    fn name(&self) -> &'static str {
        "batch_norm_pool"
    }

    fn shapes(&self, inputs: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 4]> {
        let [_, statistics @ ..] = BatchNorm::new(self.eps).shapes(inputs)?;
        let [y, _] = self.largest.shapes([inputs[0]])?;
        let [mean, variance, rstd] = statistics;
        Ok([y, mean, variance, rstd])
    }

    fn output_dtypes(&self) -> [Storage; 4] {
        BatchNorm::new(self.eps).output_dtypes()
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 4] {
        let [y, mean, variance, rstd] = BatchNorm::new(self.eps).reference(inputs);
        let [largest, _] = self.largest.reference([y.view()]);
        [largest.mapv_into(|y| FusedActivation::Relu.of(y)), mean, variance, rstd]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 3], outputs: [&Tensor; 4]) -> tensor::Result<()> {
        let ([x, weight, bias], [y, statistics @ ..]) = (inputs, outputs);
        let [mean, _, rstd] = statistics;
        channels::statistics(call, x, self.eps, statistics)?;
        call.size(x.len())?;
        let words = self.largest.words(call)?;
        let [y_out, x] = [Argument::Out(y), Argument::In(x)];
        let channels = [weight, bias, mean, rstd].map(Argument::In);
        let sizes = [Argument::Words(&words), Argument::Size(y.shape()[0]), Argument::Size(weight.len())];
        let arguments = [&[y_out, x][..], &channels, &sizes].concat();
        call.launch(self.name(), Grid::over(y.len()), &arguments)
    }

    fn fast(&self, [x, weight, bias]: [Slice<'_>; 3], outputs: [&mut [f32]; 4]) -> bool {
        let [y, means, variances, rstds] = outputs;
        let layout = Layout::of(x.shape);
        if x.data.is_empty() {
            return false;
        }
        fast::statistics(x.data, layout, self.eps, [means, variances, rstds]);
        let scale = fast::scales(weight.data, rstds);
        let norm = Norm { mean: means, rstd: rstds, scale: &scale, shift: bias.data };
        Planes::new(self.largest, norm, x.data).pool(x.data, y);
        true
    }
}

/// The gradient with respect to the normalised values `[n, c, h, w]`, from the gradient `dy` with respect to the
/// outputs.
fn before_pool<A: Real>(
    largest: &Largest,
    x: &ArrayViewD<'_, A>,
    channels: [&ArrayViewD<'_, A>; 4],
    dy: &ArrayViewD<'_, A>,
) -> ArrayD<A> {
    let [maxima, place_of] = largest.reference([normalised(x, channels).view()]);
    let dmaxima = Zip::from(&maxima).and(dy).map_collect(|&y, &dy| ReluGrad.formula(y, dy));
    let kernel = LargestGrad { image: largest.image, windows: largest.windows };
    let [dy] = kernel.reference([dmaxima.view(), place_of.view()]);
    dy
}

/// Whether the shapes match: images `x`, one value for each channel in each of `of_channels`, and outputs `dy`.
fn fit(largest: &Largest, x: &[usize], of_channels: &[&[usize]], dy: &[usize]) -> bool {
    let is_pooled = |[y, _]: [Vec<usize>; 2]| y == dy;
    largest.shapes([x]).is_ok_and(is_pooled) && of_channels.iter().all(|shape| *shape == [x[1]])
}

const EXPECTED: &str = "the inputs and outputs of batch_norm_pool";

/// The gradients of `weight` and `bias`, as in [`BatchNormGradAffine`].
#[derive(Debug, Clone, Copy)]
pub(super) struct GradAffine<'a> {
    pub(super) largest: &'a Largest,
}

impl GradAffine<'_> {
    const UNPOOLED: BatchNormGradAffine = BatchNormGradAffine { activation: FusedActivation::Identity };
}

impl Kernel<6, 2> for GradAffine<'_> {
    fn name(&self) -> &'static str {
        "batch_norm_pool_grad_affine"
    }

    fn shapes(&self, inputs: [&[usize]; 6]) -> tensor::Result<[Vec<usize>; 2]> {
        match inputs {
            [x, of_channels @ .., dy] if fit(self.largest, x, &of_channels, dy) => {
                Ok([vec![x[1]], vec![x[1]]])
            }
            _ => Err(Error::shape(self.name(), EXPECTED, &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 6] {
        Self::UNPOOLED.input_dtypes()
    }

    fn output_dtypes(&self) -> [Storage; 2] {
        Self::UNPOOLED.output_dtypes()
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 6]) -> [ArrayD<A>; 2] {
        let [x, weight, bias, mean, rstd, dy] = inputs;
        let dy = before_pool(self.largest, &x, [&weight, &bias, &mean, &rstd], &dy);
        Self::UNPOOLED.reference([x, weight, bias, mean, rstd, dy.view()])
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 6], sums: [&Tensor; 2]) -> tensor::Result<()> {
        let [x, channels @ .., dy] = inputs;
        let [weight, bias, mean, rstd] = channels;
        call.size(x.len())?;
        let words = self.largest.words(call)?;
        let inputs = [dy, x, weight, bias, mean, rstd];
        over_channels(call, self.name(), &sums, &inputs, &[Argument::Words(&words)])
    }

    fn fast(&self, inputs: [Slice<'_>; 6], [dweight, dbias]: [&mut [f32]; 2]) -> bool {
        let [x, weight, bias, mean, rstd, dy] = inputs.map(|input| input.data);
        if x.is_empty() {
            return false;
        }
        let norm = Norm { mean, rstd, scale: &fast::scales(weight, rstd), shift: bias };
        Planes::new(self.largest, norm, x).sums(x, dy, [dweight, dbias]);
        true
    }
}

/// The gradient of `x`, as in [`BatchNormGradInput`](crate::ops::batch_norm::gradients::BatchNormGradInput).
#[derive(Debug, Clone, Copy)]
pub(super) struct GradInput<'a> {
    pub(super) largest: &'a Largest,
}

impl Kernel<10, 1> for GradInput<'_> {
    fn name(&self) -> &'static str {
        "batch_norm_pool_grad_input"
    }

    fn shapes(&self, inputs: [&[usize]; 10]) -> tensor::Result<[Vec<usize>; 1]> {
        match inputs {
            [x, dy, of_channels @ ..] if fit(self.largest, x, &of_channels, dy) => Ok([x.to_vec()]),
            _ => Err(Error::shape(self.name(), EXPECTED, &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 10] {
        std::array::from_fn(|input| if input < 4 { Storage::Same } else { Storage::Accumulator })
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 10]) -> [ArrayD<A>; 1] {
        let [x, dy, weight, bias, mean, rstd, sums @ ..] = inputs;
        let dy = before_pool(self.largest, &x, [&weight, &bias, &mean, &rstd], &dy);
        [grad_input(&x, dy, [&weight, &mean, &rstd], &sums)]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 10], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        let words = self.largest.words(call)?;
        over_elements(call, self.name(), dx, &inputs, &[Argument::Words(&words)])
    }

    fn fast(&self, inputs: [Slice<'_>; 10], [dx]: [&mut [f32]; 1]) -> bool {
        let [x, dy, channels @ ..] = inputs.map(|input| input.data);
        if x.is_empty() {
            return true;
        }
        let [weight, bias, mean, rstd, ..] = channels;
        let norm = Norm { mean, rstd, scale: &fast::scales(weight, rstd), shift: bias };
        Planes::new(self.largest, norm, x).gradient([x, dy], dx, &coefficients(x, channels));
        true
    }
}
