//! Access to the individual layers of a fully connected CRE, for predictive coding and recurrence.

use autograd::{Param, Var};
use tensor::Tensor;

use crate::{Activation, Cre, Mode, Module, Part, Result, fc};

/// A layer `f(x W^T + b)` for rows `x: [n, inputs]`, with parameters borrowed from a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer<'m> {
    weight: &'m Param,
    bias: &'m Param,
    activation: Activation,
}

/// The role of the weights in a computation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Weights {
    /// As constants, without gradients.
    Fixed,
    /// As parameters, with gradients.
    Learned,
}

impl Layer<'_> {
    /// The output for the activities of the layer below, `[n, inputs]` to `[n, outputs]`.
    pub(crate) fn predict<'t>(&self, below: &Var<'t>, weights: Weights) -> Result<Var<'t>> {
        self.activate(&self.affine(below, weights)?)
    }

    /// The output before the activation function.
    pub(crate) fn affine<'t>(&self, below: &Var<'t>, weights: Weights) -> Result<Var<'t>> {
        let tape = below.tape();
        let taken = |param: &Param| match weights {
            // On a mixed-precision tape only parameters are cast.
            Weights::Fixed => tape.constant(&param.value()).to_dtype(below.value().dtype()),
            Weights::Learned => tape.param(param),
        };
        Ok(below.linear(&taken(self.weight)?, &taken(self.bias)?)?)
    }

    /// Applies the activation to the result of [`Layer::affine`].
    pub(crate) fn activate<'t>(&self, x: &Var<'t>) -> Result<Var<'t>> {
        self.activation.forward(x, Mode::Evaluation)
    }

    /// The number of outputs.
    pub(crate) fn width(&self) -> usize {
        self.bias.len()
    }
}

/// The layers of a part of a model built by [`fc::cre`] from this config, in order.
pub(crate) fn layers<'m>(model: &'m Cre, config: &fc::Config, part: Part) -> Vec<Layer<'m>> {
    let last = match part {
        Part::Encoder => config.latent_activation,
        Part::Decoder => Activation::Tanh,
        Part::Classifier => Activation::Identity,
    };
    // The parameter list of each layer is its weight, then its bias.
    let params = model.part(part).params();
    let n_layers = params.len() / 2;
    let layer = |(place, pair): (usize, &[(String, &'m Param)])| Layer {
        weight: pair[0].1,
        bias: pair[1].1,
        activation: if place + 1 == n_layers { last } else { Activation::Relu },
    };
    params.chunks_exact(2).enumerate().map(layer).collect()
}

/// Reshapes a batch of images to `[n, pixels]`.
pub(crate) fn rows(images: &Tensor, config: &fc::Config) -> Result<Tensor> {
    let n = images.shape().first().copied().unwrap_or(0);
    Ok(images.reshape(&[n, config.pixels])?)
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use tensor::DType;
    use tensor::random::Stream;

    use super::*;
    use crate::fc::Size;

    #[test]
    fn the_composition_of_the_layers_is_the_part() {
        for size in [Size::S, Size::M, Size::L] {
            for latent_activation in [Activation::Relu, Activation::Identity] {
                let config =
                    fc::Config { pixels: 5, classes: 3, latent_activation, ..fc::Config::of(size, 4) };
                let model = fc::cre(&config, &Stream::new(2, "init"), DType::F64).unwrap();
                for (part, inputs) in [(Part::Encoder, 5usize), (Part::Decoder, 4), (Part::Classifier, 4)] {
                    let x = (0..2 * inputs).map(|place| place as f64).collect();
                    let x = Tensor::from_vec::<f64>(x, &[2, inputs]);
                    let x = x.unwrap();
                    let tape = Tape::without_gradients();
                    let mut y = tape.constant(&x);
                    for layer in layers(&model, &config, part) {
                        y = layer.predict(&y, Weights::Fixed).unwrap();
                        assert_eq!(y.shape(), [2, layer.width()]);
                    }
                    assert_eq!(y.value().to_f64_vec(), model.part(part).output(&x).unwrap().to_f64_vec());
                }
            }
        }
    }
}
