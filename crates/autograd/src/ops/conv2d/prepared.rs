//! Convolutions for evaluation, whose weights are transformed once.

use ndarray::{ArrayD, ArrayViewD};
use tensor::conv::{Epilogue, PreparedWeight};
use tensor::gpu::Call;
use tensor::{DType, FusedActivation, Kernel, Real, Slice, Tensor};

use super::{Conv2d, Geometry, non_finite};
use crate::ops::batch_norm_running::rstd_of;
use crate::{Error, Result, Var};

/// A convolution with a bias in `f32` on the CPU, for use on tapes without gradients.
///
/// A batch norm with running statistics after the convolution is a scale and a shift for each output channel, so it is
/// folded into the weight and the bias, which saves two passes over the outputs. The last bits differ from those of two
/// separate operations.
#[derive(Debug)]
pub struct PreparedConv2d {
    weight: PreparedWeight,
    bias: Tensor,
    geometry: Geometry,
    /// Whether the weight is finite, so that a GEMM may multiply the padding as zeros.
    is_finite: bool,
}

/// The parameters `[c]` and running statistics of a batch norm.
#[derive(Debug, Clone)]
pub struct RunningNorm {
    /// The weight and the bias, if the batch norm has them.
    pub affine: Option<[Tensor; 2]>,
    /// The running mean.
    pub mean: Tensor,
    /// The running variance.
    pub variance: Tensor,
    /// Added to the variance.
    pub eps: f64,
}

impl RunningNorm {
    /// The scale and the shift of each channel, computed in 64 bits.
    fn scale_and_shift(&self, channels: usize) -> Result<Vec<[f64; 2]>> {
        let Self { affine, mean, variance, eps } = self;
        let tensors = affine.iter().flatten().chain([mean, variance]);
        if let Some(other) = tensors.clone().find(|tensor| tensor.shape() != [channels]) {
            let expected = format!("a batch norm of {channels} channels");
            return Err(tensor::Error::shape("PreparedConv2d", &expected, &[other.shape()]).into());
        }
        let [mean, variance] = [mean, variance].map(Tensor::to_f64_vec);
        let affine = affine.as_ref().map(|affine| affine.each_ref().map(Tensor::to_f64_vec));
        let of_channel = |channel: usize| {
            let [weight, bias] =
                affine.as_ref().map_or([1.0, 0.0], |[weight, bias]| [weight[channel], bias[channel]]);
            let scale = weight * rstd_of(variance[channel], *eps);
            [scale, bias - mean[channel] * scale]
        };
        Ok((0..channels).map(of_channel).collect())
    }
}

impl PreparedConv2d {
    /// Prepares a convolution and the batch norm that follows it, if any.
    ///
    /// # Errors
    /// If shapes do not match, or the weight is not an `f32` tensor on the CPU.
    pub fn new(
        weight: &Tensor,
        bias: Option<&Tensor>,
        norm: Option<&RunningNorm>,
        geometry: Geometry,
    ) -> Result<Self> {
        let &[o, _, _, _] = weight.shape() else {
            let expected = "a weight [o, c, kh, kw]";
            return Err(tensor::Error::shape("PreparedConv2d", expected, &[weight.shape()]).into());
        };
        let mut own_bias = bias.map_or_else(|| vec![0.0; o], Tensor::to_f64_vec);
        if own_bias.len() != o {
            let shapes = [weight.shape(), bias.map_or(&[], Tensor::shape)];
            return Err(tensor::Error::shape(
                "PreparedConv2d",
                "a weight [o, c, kh, kw] and a bias [o]",
                &shapes,
            )
            .into());
        }
        let mut elements = weight.as_slice::<f32>()?.to_vec();
        let of_output = elements.len() / o.max(1);
        if let Some(norm) = norm {
            let channels = norm.scale_and_shift(o)?.into_iter().zip(&mut own_bias);
            for (([scale, shift], bias), weight) in channels.zip(elements.chunks_exact_mut(of_output.max(1)))
            {
                weight.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * scale) as f32);
                *bias = *bias * scale + shift;
            }
        }
        let is_finite = elements.iter().all(|weight| weight.is_finite());
        let weight = match norm {
            Some(_) => Tensor::from_slice(&elements, weight.shape())?,
            None => weight.clone(),
        };
        let bias = Tensor::from_vec(own_bias, &[o])?.to_dtype(DType::F32);
        Ok(Self { weight: PreparedWeight::new(&weight)?, bias, geometry, is_finite })
    }
}

/// A prepared convolution as a kernel of the images, the weight and the bias.
struct Prepared<'a> {
    conv: &'a PreparedConv2d,
    op: Conv2d<3>,
}

impl Kernel<3, 1> for Prepared<'_> {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn shapes(&self, inputs: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 1]> {
        self.op.shapes(inputs)
    }

    fn reference<A: Real>(&self, inputs: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 1] {
        self.op.reference(inputs)
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 3], outputs: [&Tensor; 1]) -> tensor::Result<()> {
        self.op.launch(call, inputs, outputs)
    }

    fn flops(&self, inputs: [&[usize]; 3]) -> u64 {
        self.op.flops(inputs)
    }

    fn fast(&self, [x, weight, bias]: [Slice<'_>; 3], [y]: [&mut [f32]; 1]) -> bool {
        let sizes = self.op.geometry.sizes(x.shape, weight.shape).expect("the shapes were checked");
        let epilogue = Epilogue { bias: Some(bias.data), activation: self.op.activation };
        if !self.conv.is_finite || !sizes.suits_gemm() {
            return non_finite::conv2d(y, [x.data, weight.data], epilogue, sizes);
        }
        self.conv.weight.conv2d(y, x.data, epilogue, sizes);
        true
    }
}

impl<'t> Var<'t> {
    /// The convolution of these images `[n, c, h, w]` with the prepared weight, followed by `activation`, as a
    /// constant.
    ///
    /// # Errors
    /// [`Error::NoGradient`] if the images have a gradient; or if the shapes do not match.
    pub fn conv2d_prepared(&self, conv: &PreparedConv2d, activation: FusedActivation) -> Result<Self> {
        if self.slot.is_some() {
            let why = "a prepared convolution is a constant; use `conv2d`, or a tape without gradients";
            return Err(Error::NoGradient { why });
        }
        let op = Conv2d::<3> { geometry: conv.geometry, activation };
        let [y] = tensor::run(&Prepared { conv, op }, [&self.value, conv.weight.weight(), &conv.bias])?;
        Ok(self.tape.constant(&y))
    }
}
