//! Autoencoders guided by two probes on the latent (`book/lbr.md`, experiment LBR E6).

use autograd::{Param, Tape, Var};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

use crate::error::positive;
use crate::module::within;
use crate::range;
use crate::{Activation, Autoencoder, BatchNorm, Example, Flatten, Linear, Mode, Module, Result, Sequential};

/// The width of the non-linear probe in the paper.
pub const PROBE_WIDTH: usize = 1024;

/// A linear probe: an affine map from latents `[n, latent]` to logits `[n, classes]`.
///
/// # Errors
/// If a size is zero.
pub fn linear_probe(latent: usize, classes: usize, stream: &Stream, dtype: DType) -> Result<Sequential> {
    positive(&[("latent", latent), ("classes", classes)])?;
    let layers = Sequential::new().then(Flatten);
    Ok(layers.then_with(stream, |stream| Linear::new(latent, classes, stream, dtype)))
}

/// A non-linear probe: two hidden layers with batch norm and ReLU, and an affine map to logits `[n, classes]`.
///
/// # Errors
/// If a size is zero.
pub fn nonlinear_probe(
    latent: usize,
    width: usize,
    classes: usize,
    stream: &Stream,
    dtype: DType,
) -> Result<Sequential> {
    positive(&[("latent", latent), ("width", width), ("classes", classes)])?;
    let mut layers = Sequential::new().then(Flatten);
    for inputs in [latent, width] {
        layers = layers
            .then_with(stream, |stream| Linear::new(inputs, width, stream, dtype))
            .then(BatchNorm::new(width, dtype))
            .then(Activation::Relu);
    }
    Ok(layers.then_with(stream, |stream| Linear::new(width, classes, stream, dtype)))
}

/// An autoencoder with a linear and a non-linear probe on its latent.
pub struct Guided {
    autoencoder: Autoencoder,
    linear: Sequential,
    nonlinear: Sequential,
}

/// The outputs of a probe for a batch, on the tape.
#[derive(Debug)]
pub struct ProbeOutput<'t> {
    /// The logits, `[n, classes]`.
    pub logits: Var<'t>,
    /// The mean cross-entropy.
    pub cross_entropy: Var<'t>,
}

/// The losses of a batch, on the tape.
#[derive(Debug)]
pub struct GuidedLosses<'t> {
    /// The total loss, which is differentiated.
    pub total: Var<'t>,
    /// The sum of both probes' cross-entropies, which is the total loss for training without reconstruction.
    pub probes: Var<'t>,
    /// The mean squared error of the reconstruction.
    pub mse: Var<'t>,
    /// The linear probe.
    pub linear: ProbeOutput<'t>,
    /// The non-linear probe.
    pub nonlinear: ProbeOutput<'t>,
}

impl Guided {
    /// Creates a guided autoencoder from its parts.
    pub fn new(autoencoder: Autoencoder, linear: Sequential, nonlinear: Sequential) -> Self {
        Self { autoencoder, linear, nonlinear }
    }

    /// The autoencoder without its probes.
    pub fn autoencoder(&self) -> &Autoencoder {
        &self.autoencoder
    }

    /// All parameters, with names such as `autoencoder.encoder.1.weight`, `linear.1.weight` and `nonlinear.1.weight`.
    pub fn params(&self) -> Vec<(String, &Param)> {
        self.named(|part| part.params())
    }

    /// All buffers, named as in [`Guided::params`].
    pub fn buffers(&self) -> Vec<(String, &Param)> {
        self.named(|part| part.buffers())
    }

    /// The linear probe.
    pub fn linear(&self) -> &Sequential {
        &self.linear
    }

    /// The non-linear probe.
    pub fn nonlinear(&self) -> &Sequential {
        &self.nonlinear
    }

    fn named<'a>(
        &'a self,
        of: impl Fn(&'a dyn Module) -> Vec<(String, &'a Param)>,
    ) -> Vec<(String, &'a Param)> {
        let parts: [(&str, &dyn Module); 3] =
            [("autoencoder", &self.autoencoder), ("linear", &self.linear), ("nonlinear", &self.nonlinear)];
        parts.into_iter().flat_map(|(name, part)| within(name, of(part))).collect()
    }

    /// The losses of images `[n, c, h, w]` in [0, 1] with their labels. The total is
    /// `MSE + guidance (CE of the linear probe + CE of the non-linear probe)`.
    ///
    /// With guidance 0, the probes take the detached latent and are trained with weight 1, so that the autoencoder is
    /// trained on the MSE alone.
    ///
    /// # Errors
    /// If `guidance` is negative or not finite, or a shape does not match.
    pub fn losses<'t>(
        &self,
        tape: &'t Tape,
        images: &Tensor,
        labels: &Indices,
        guidance: f64,
        mode: Mode,
    ) -> Result<GuidedLosses<'t>> {
        self.losses_of(tape, &Example::from((images.clone(), labels.clone())), guidance, mode)
    }

    /// [`Guided::losses`] with a separate reconstruction target, such as the image before masking.
    ///
    /// # Errors
    /// As [`Guided::losses`], and if an image has no label.
    pub fn losses_of<'t>(
        &self,
        tape: &'t Tape,
        example: &Example,
        guidance: f64,
        mode: Mode,
    ) -> Result<GuidedLosses<'t>> {
        range::NON_NEGATIVE.check("guidance", guidance)?;
        let target = tape.constant(example.target());
        let h = self.autoencoder.encoder().forward(&tape.constant(&example.images), mode)?;
        let mse = self.autoencoder.decoder().forward(&h, mode)?.mse(&target)?;
        let (h, weight) = if guidance == 0.0 { (h.detach(), 1.0) } else { (h, guidance) };
        let probed = |probe: &Sequential| -> Result<ProbeOutput<'t>> {
            let logits = probe.forward(&h, mode)?;
            let cross_entropy = logits.softmax_cross_entropy(&example.labels)?;
            Ok(ProbeOutput { logits, cross_entropy })
        };
        let (linear, nonlinear) = (probed(&self.linear)?, probed(&self.nonlinear)?);
        let probes = linear.cross_entropy.add(&nonlinear.cross_entropy)?;
        let total = mse.add(&probes.scale(weight)?)?;
        Ok(GuidedLosses { total, probes, mse, linear, nonlinear })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlpae;

    const LATENT: usize = 4;

    fn guided() -> Guided {
        let (stream, dtype) = (Stream::new(2, "init"), DType::F64);
        let config = mlpae::Config {
            image: [1, 3, 3],
            latent: LATENT,
            encoder_depth: 3,
            decoder_depth: 2,
            sigmoid: true,
        };
        Guided::new(
            mlpae::autoencoder(&config, &stream.child("autoencoder"), dtype).unwrap(),
            linear_probe(LATENT, 3, &stream.child("linear"), dtype).unwrap(),
            nonlinear_probe(LATENT, 5, 3, &stream.child("nonlinear"), dtype).unwrap(),
        )
    }

    fn batch() -> (Tensor, Indices) {
        let mut words = Stream::new(5, "images").sequence(0);
        let pixels = (0..6 * 9).map(|_| words.uniform()).collect();
        (Tensor::from_vec(pixels, &[6, 1, 3, 3]).unwrap(), Indices::new(vec![0, 1, 2, 0, 1, 2]))
    }

    /// The gradients of all parameters with this prefix; zero for parameters on which the loss does not depend.
    fn gradients(
        model: &Guided,
        guidance: f64,
        part: &str,
        of: impl for<'t> Fn(&GuidedLosses<'t>) -> Var<'t>,
    ) -> Vec<f64> {
        let (images, labels) = batch();
        let tape = Tape::new();
        let losses = model.losses(&tape, &images, &labels, guidance, Mode::Training { step: 0 }).unwrap();
        let gradients = tape.backward(&of(&losses)).unwrap();
        let of_param = |(_, param): (String, &Param)| {
            gradients.param(param).map_or_else(|_| vec![0.0; param.len()], |gradient| gradient.to_f64_vec())
        };
        model.params().into_iter().filter(|(name, _)| name.starts_with(part)).flat_map(of_param).collect()
    }

    /// Parameter counts (fact LBR C14 of `book/lbr.md`).
    #[test]
    fn the_probes_have_the_parameters_of_the_specification() {
        let stream = Stream::new(0, "init");
        assert_eq!(linear_probe(512, 10, &stream, DType::F32).unwrap().n_params(), 5_130);
        let nonlinear = nonlinear_probe(512, PROBE_WIDTH, 10, &stream, DType::F32).unwrap();
        assert_eq!(nonlinear.n_params(), 1_589_258);
    }

    #[test]
    fn without_guidance_the_autoencoder_gets_the_mse_gradient_alone_and_the_probes_theirs() {
        let model = guided();
        let of_mse = gradients(&model, 0.0, "autoencoder", |losses| losses.mse.clone());
        assert_eq!(gradients(&model, 0.0, "autoencoder", |losses| losses.total.clone()), of_mse);
        for part in ["linear", "nonlinear"] {
            let of_probe = gradients(&model, 0.0, part, |losses| {
                let probed = if part == "linear" { &losses.linear } else { &losses.nonlinear };
                probed.cross_entropy.clone()
            });
            assert_eq!(gradients(&model, 0.0, part, |losses| losses.total.clone()), of_probe);
            assert!(of_probe.iter().any(|&gradient| gradient != 0.0));
        }
    }

    #[test]
    fn with_guidance_the_encoder_gets_the_gradient_of_the_weighted_sum_of_all_three_losses() {
        let (model, guidance) = (guided(), 0.25);
        let encoder = "autoencoder.encoder";
        let of_total = gradients(&model, guidance, encoder, |losses| losses.total.clone());
        let of_mse = gradients(&model, guidance, encoder, |losses| losses.mse.clone());
        let linear = gradients(&model, guidance, encoder, |losses| losses.linear.cross_entropy.clone());
        let nonlinear = gradients(&model, guidance, encoder, |losses| losses.nonlinear.cross_entropy.clone());
        for (place, total) in of_total.iter().enumerate() {
            let expected = of_mse[place] + guidance * (linear[place] + nonlinear[place]);
            // The same sum in another order, of gradients below 1: some hundred roundings.
            assert!((total - expected).abs() < 1e-13, "{place}: {total} {expected}");
        }
        assert!(linear.iter().any(|&gradient| gradient != 0.0));
    }

    #[test]
    fn an_invalid_guidance_is_refused_by_name() {
        let (images, labels) = batch();
        for guidance in [-0.1, f64::NAN, f64::INFINITY] {
            let tape = Tape::new();
            let refused = guided().losses(&tape, &images, &labels, guidance, Mode::Evaluation);
            let message = refused.unwrap_err().to_string();
            assert!(message.starts_with("guidance: expected a number from 0, got"), "{message}");
        }
        let refused = linear_probe(0, 10, &Stream::new(0, "init"), DType::F32).err().unwrap();
        assert_eq!(refused.to_string(), "latent: expected at least 1, got 0");
    }
}
