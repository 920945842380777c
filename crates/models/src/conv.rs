//! Convolution layers.

use autograd::ops::conv_transpose2d::Transposed;
use autograd::ops::conv2d::{Geometry, PreparedConv2d};
use autograd::{Param, Var};
use tensor::random::Stream;
use tensor::{DType, Device, FusedActivation, Tensor};

use crate::linear::weight_and_bias;
use crate::module::{Next, Role};
use crate::prepared::Prepared;
use crate::{BatchNorm, Mode, Module, Result, init};

/// A convolution with a square kernel, `[n, inputs, h, w]` to `[n, outputs, h', w']`.
///
/// In evaluation on the CPU in `f32`, a following batch norm is folded into the weight. The folded weight is cached
/// until a parameter changes or training continues.
///
/// ```
/// use agon_models::{Conv2d, Module};
/// use tensor::random::Stream;
/// use tensor::{DType, Tensor};
///
/// let layer = Conv2d::new([3, 8], 3, 2, 1, &Stream::new(0, "init"), DType::F32);
/// let images = Tensor::zeros(&[10, 3, 32, 32], DType::F32);
/// assert_eq!(layer.output(&images)?.shape(), [10, 8, 16, 16]);
/// # Ok::<(), agon_models::Error>(())
/// ```
pub struct Conv2d {
    weight: Param,
    bias: Option<Param>,
    geometry: Geometry,
    prepared: Prepared<PreparedConv2d>,
}

impl Conv2d {
    /// Creates a layer initialised by [`init::uniform_by_fan_in`], with `channels = [inputs, outputs]`.
    pub fn new(
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        stream: &Stream,
        dtype: DType,
    ) -> Self {
        let [inputs, outputs] = channels;
        let bias = start(&[outputs], inputs * kernel * kernel, "bias", stream, dtype);
        Self { bias: Some(bias), ..Self::without_bias(channels, kernel, stride, padding, stream, dtype) }
    }

    /// Creates a layer without a bias.
    pub fn without_bias(
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        stream: &Stream,
        dtype: DType,
    ) -> Self {
        let [inputs, outputs] = channels;
        let shape = [outputs, inputs, kernel, kernel];
        let weight = start(&shape, inputs * kernel * kernel, "weight", stream, dtype);
        Self {
            weight,
            bias: None,
            geometry: Geometry::square(stride, padding),
            prepared: Prepared::default(),
        }
    }
}

impl Conv2d {
    /// Evaluates the convolution, with a following norm and ReLU, by a prepared weight. Returns the output and the
    /// number of following layers that it includes; `None` if gradients are recorded, on a GPU, or for other element
    /// types.
    fn evaluate<'t>(&self, x: &Var<'t>, next: Next<'_>, mode: Mode) -> Result<Option<(Var<'t>, usize)>> {
        if matches!(mode, Mode::Training { .. }) {
            self.prepared.clear();
            return Ok(None);
        }
        let weight = self.weight.value();
        let is_plain = |tensor: &Tensor| tensor.dtype() == DType::F32 && tensor.device() == Device::Cpu;
        if x.tape().is_recording() || !is_plain(x.value()) || !is_plain(&weight) {
            return Ok(None);
        }
        let n_dropouts = (0..).take_while(|&place| matches!(next.role(place), Role::Dropout)).count();
        let (norm, fused) = match next.role(n_dropouts) {
            Role::BatchNorm(norm) => (Some(norm), n_dropouts + 1),
            _ => (None, 0),
        };
        let own = self.params().into_iter();
        let of_norm = norm.into_iter().flat_map(|norm| norm.params().into_iter().chain(norm.buffers()));
        let params: Vec<&Param> = own.chain(of_norm).map(|(_, param)| param).collect();
        let conv = self.prepared.get(&params, || {
            let (bias, norm) = (self.bias.as_ref().map(Param::value), norm.map(BatchNorm::running));
            Ok(PreparedConv2d::new(&weight, bias.as_ref(), norm.as_ref(), self.geometry)?)
        })?;
        Ok(Some(match next.is_relu(fused) {
            true => (x.conv2d_prepared(&conv, FusedActivation::Relu)?, fused + 1),
            false => (x.conv2d_prepared(&conv, FusedActivation::Identity)?, fused),
        }))
    }
}

impl Module for Conv2d {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        Ok(self.forward_fused(x, Next::default(), mode)?.0)
    }

    fn forward_fused<'t>(&self, x: &Var<'t>, next: Next<'_>, mode: Mode) -> Result<(Var<'t>, usize)> {
        if let Some(done) = self.evaluate(x, next, mode)? {
            return Ok(done);
        }
        let tape = x.tape();
        let weight = tape.param(&self.weight)?;
        Ok(match &self.bias {
            Some(bias) if next.is_relu(0) => (x.conv2d_relu(&weight, &tape.param(bias)?, self.geometry)?, 1),
            Some(bias) => (x.conv2d(&weight, &tape.param(bias)?, self.geometry)?, 0),
            None => (x.conv2d_no_bias(&weight, self.geometry)?, 0),
        })
    }

    fn params(&self) -> Vec<(String, &Param)> {
        weight_and_bias(&self.weight, &self.bias)
    }
}

/// A transposed convolution with a square kernel, `[n, inputs, h, w]` to `[n, outputs, h', w']`.
pub struct ConvTranspose2d {
    weight: Param,
    bias: Option<Param>,
    attributes: Transposed,
}

impl ConvTranspose2d {
    /// Creates a layer with `channels = [inputs, outputs]`, a kernel of 3 and `[stride, padding, output padding]`.
    ///
    /// It is initialised as in PyTorch, which computes `fan_in` from the **outputs** (`book/cre.md`, section 3.6).
    pub fn new(channels: [usize; 2], attributes: [usize; 3], stream: &Stream, dtype: DType) -> Self {
        Self::with_kernel(channels, 3, attributes, stream, dtype)
    }

    /// Creates a layer with any kernel, as [`ConvTranspose2d::new`].
    pub fn with_kernel(
        channels: [usize; 2],
        kernel: usize,
        attributes: [usize; 3],
        stream: &Stream,
        dtype: DType,
    ) -> Self {
        let outputs = channels[1];
        let bias = start(&[outputs], outputs * kernel * kernel, "bias", stream, dtype);
        Self { bias: Some(bias), ..Self::without_bias(channels, kernel, attributes, stream, dtype) }
    }

    /// Creates a layer with any kernel and without a bias.
    pub fn without_bias(
        channels: [usize; 2],
        kernel: usize,
        attributes: [usize; 3],
        stream: &Stream,
        dtype: DType,
    ) -> Self {
        let ([inputs, outputs], [stride, padding, output_padding]) = (channels, attributes);
        let shape = [inputs, outputs, kernel, kernel];
        let weight = start(&shape, outputs * kernel * kernel, "weight", stream, dtype);
        Self { weight, bias: None, attributes: Transposed::square(stride, padding, output_padding) }
    }
}

impl Module for ConvTranspose2d {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        Ok(self.forward_fused(x, Next::default(), mode)?.0)
    }

    fn forward_fused<'t>(&self, x: &Var<'t>, next: Next<'_>, _: Mode) -> Result<(Var<'t>, usize)> {
        let tape = x.tape();
        let weight = tape.param(&self.weight)?;
        Ok(match &self.bias {
            Some(bias) if next.is_relu(0) => {
                (x.conv_transpose2d_relu(&weight, &tape.param(bias)?, self.attributes)?, 1)
            }
            Some(bias) => (x.conv_transpose2d(&weight, &tape.param(bias)?, self.attributes)?, 0),
            None => (x.conv_transpose2d_no_bias(&weight, self.attributes)?, 0),
        })
    }

    fn params(&self) -> Vec<(String, &Param)> {
        weight_and_bias(&self.weight, &self.bias)
    }
}

/// A parameter initialised uniformly by its `fan_in`, from the substream named `name`.
fn start(shape: &[usize], fan_in: usize, name: &str, stream: &Stream, dtype: DType) -> Param {
    init::uniform_by_fan_in(shape, fan_in, &stream.child(name), dtype)
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;
    use crate::{Activation, ChannelDropout, Sequential};

    fn random(name: &str, shape: &[usize]) -> Tensor {
        let mut words = Stream::new(5, name).sequence(0);
        let values = (0..shape.iter().product()).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
        Tensor::from_vec(values, shape).unwrap()
    }

    /// A convolution, dropout, a norm with non-trivial running statistics, and an optional ReLU.
    fn layers(bias: bool, is_activated: bool) -> Sequential {
        let stream = Stream::new(2, "init");
        let conv = if bias { Conv2d::new } else { Conv2d::without_bias };
        let layers = Sequential::new()
            .then(conv([16, 17], 3, 1, 1, &stream, DType::F32))
            .then(ChannelDropout { p: 0.5, stream })
            .then(BatchNorm::new(17, DType::F32));
        let layers = if is_activated { layers.then(Activation::Relu) } else { layers };
        for step in 0..3 {
            let tape = Tape::new();
            layers.forward(&tape.input(&random("images", &[16, 16, 8, 8])), Mode::Training { step }).unwrap();
        }
        layers
    }

    fn evaluated(layers: &Sequential, tape: &Tape) -> Vec<f64> {
        let x = random("other images", &[16, 16, 8, 8]);
        layers.forward(&tape.constant(&x), Mode::Evaluation).unwrap().value().to_f64_vec()
    }

    #[test]
    fn a_norm_folded_into_the_weight_gives_the_result_of_separate_layers() {
        for (bias, is_activated) in [(true, true), (true, false), (false, true)] {
            let layers = layers(bias, is_activated);
            let [folded, apart] =
                [Tape::without_gradients(), Tape::new()].map(|tape| evaluated(&layers, &tape));
            // Sums of 144 products of at most 1/12 and a bias, divided by a standard deviation of about 0.3: at most 40
            // before rounding. Each term has the roundings of its weight, of the product and of 145 sums; Winograd's
            // filtering has less than 10 times the error of direct sums.
            let allowed = 10.0 * 150.0 * f64::from(f32::EPSILON) * 40.0;
            for (place, (folded, apart)) in folded.iter().zip(&apart).enumerate() {
                assert!((folded - apart).abs() <= allowed, "element {place}: {folded}, {apart}");
            }
            assert!(folded.iter().any(|y| *y != 0.0));
        }
    }

    #[test]
    fn the_prepared_weight_is_updated_with_every_parameter_and_statistic() {
        let layers = layers(true, true);
        let before = evaluated(&layers, &Tape::without_gradients());
        assert_eq!(evaluated(&layers, &Tape::without_gradients()), before);
        for (name, param) in layers.params().into_iter().chain(layers.buffers()) {
            let value = param.value();
            param.set(tensor_times(&value, 1.5)).unwrap();
            let changed = evaluated(&layers, &Tape::without_gradients());
            param.set(value).unwrap();
            assert_ne!(changed, before, "{name}");
            assert_eq!(evaluated(&layers, &Tape::without_gradients()), before, "{name}");
        }
    }

    fn tensor_times(x: &Tensor, factor: f64) -> Tensor {
        let values = x.to_f64_vec().into_iter().map(|x| factor * x + 0.25).collect();
        Tensor::from_vec::<f64>(values, x.shape()).unwrap().to_dtype(x.dtype())
    }
}
