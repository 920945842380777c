//! The energy of a predictive-coding network: half the squared prediction errors of its layers, plus the output losses.

use autograd::{Tape, Var};
use tensor::{Indices, Tensor};

use crate::Result;
use crate::layers::{Layer, Weights};

/// The free activities of a network, each `[n, width]`, in layer order: those of all encoder layers, with z last, and
/// of all layers of each head except the output.
pub(super) type Activities<T> = [Vec<T>; 3];

/// The clamped values: the image at the input and at the decoder's output, and optionally the label at the classifier's
/// output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clamped<'a> {
    /// The images, `[n, pixels]`.
    pub(super) images: &'a Tensor,
    /// The labels, `[n]`; `None` if they are free.
    pub(super) labels: Option<&'a Indices>,
}

/// The layers of each part in order, and the weights of the errors.
#[derive(Debug)]
pub(super) struct Network<'m> {
    pub(super) parts: [Vec<Layer<'m>>; 3],
    pub(super) lambda: f64,
    pub(super) output_precision: f64,
}

/// An energy on the tape, averaged over the images of a batch.
#[derive(Debug)]
pub(super) struct Energy<'t> {
    /// The unweighted terms of each part.
    terms: [Vec<Var<'t>>; 3],
    lambda: f64,
    mse: Var<'t>,
    cross_entropy: Option<Var<'t>>,
    /// z as passed to the decoder and to the classifier, in two variables.
    pub(super) z_for_heads: [Var<'t>; 2],
}

/// The values of an energy and its losses, still on the device.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// The unweighted terms of each part.
    terms: [Vec<Tensor>; 3],
    lambda: f64,
    pub(super) mse: Tensor,
    /// The cross-entropy of the clamped labels, if any.
    pub(super) cross_entropy: Option<Tensor>,
}

impl Reading {
    /// The energy, with the heads weighted by lambda.
    pub(super) fn energy(&self) -> Result<f64> {
        let mut energy = 0.0;
        for (terms, weight) in self.terms.iter().zip([1.0, self.lambda, 1.0 - self.lambda]) {
            for term in terms {
                energy += weight * term.item()?;
            }
        }
        Ok(energy)
    }
}

impl Network<'_> {
    /// The feed-forward state: every activity equals its prediction, so that only outputs have errors.
    pub(super) fn feed_forward(&self, images: &Tensor) -> Result<Activities<Tensor>> {
        let tape = Tape::without_gradients();
        let predictions = |layers: &[Layer<'_>], below: &Tensor| -> Result<Vec<Tensor>> {
            let mut below = tape.constant(below);
            let each = layers.iter().map(|layer| {
                below = layer.predict(&below, Weights::Fixed)?;
                Ok(below.value().clone())
            });
            each.collect()
        };
        let [encoder, decoder, classifier] = &self.parts;
        let encoder = predictions(encoder, images)?;
        let z = encoder.last().expect("an encoder has layers");
        let hidden = |head: &[Layer<'_>]| predictions(&head[..head.len() - 1], z);
        let (decoder, classifier) = (hidden(decoder)?, hidden(classifier)?);
        Ok([encoder, decoder, classifier])
    }

    /// The energy of these activities, as [`PredictiveCoding`](super::PredictiveCoding) defines it.
    pub(super) fn energy<'t>(
        &self,
        [encoder, decoder, classifier]: &Activities<Var<'t>>,
        clamped: Clamped<'_>,
        weights: Weights,
    ) -> Result<Energy<'t>> {
        let [encoder_layers, decoder_layers, classifier_layers] = &self.parts;
        let precision = self.output_precision;

        let z = encoder.last().expect("an encoder has layers");
        let images = z.tape().constant(clamped.images);
        let (of_encoder, _) = errors(encoder_layers, &images, encoder, weights)?;

        let [z_for_decoder, z_for_classifier] = z.split(self.lambda)?;
        let (mut of_decoder, top) = errors(decoder_layers, &z_for_decoder, decoder, weights)?;
        let mse = output(decoder_layers, top, weights)?.mse(&images)?;
        of_decoder.push(mse.scale(precision)?);

        let (mut of_classifier, top) = errors(classifier_layers, &z_for_classifier, classifier, weights)?;
        let of_label = |labels| -> Result<Var<'t>> {
            Ok(output(classifier_layers, top, weights)?.softmax_cross_entropy(labels)?)
        };
        let cross_entropy = clamped.labels.map(of_label).transpose()?;
        if let Some(loss) = &cross_entropy {
            of_classifier.push(loss.scale(precision)?);
        }

        let terms = [of_encoder, of_decoder, of_classifier];
        let z_for_heads = [z_for_decoder, z_for_classifier];
        Ok(Energy { terms, lambda: self.lambda, mse, cross_entropy, z_for_heads })
    }
}

/// `1/2 |a - f(W below + b)|^2` for each activity `a` of a part, averaged over images; and the last activity.
fn errors<'a, 't>(
    layers: &[Layer<'_>],
    mut below: &'a Var<'t>,
    activities: &'a [Var<'t>],
    weights: Weights,
) -> Result<(Vec<Var<'t>>, &'a Var<'t>)> {
    let mut errors = Vec::new();
    for (layer, activity) in layers.iter().zip(activities) {
        // This mean is over images and units.
        let mean_square = activity.mse(&layer.predict(below, weights)?)?;
        errors.push(mean_square.scale(layer.width() as f64 / 2.0)?);
        below = activity;
    }
    Ok((errors, below))
}

/// The prediction of a head's output from its last activity.
fn output<'t>(head: &[Layer<'_>], top: &Var<'t>, weights: Weights) -> Result<Var<'t>> {
    head.last().expect("a head has layers").predict(top, weights)
}

impl<'t> Energy<'t> {
    /// The sum of all terms, to be differentiated. `Split` weights the heads' gradients at z by lambda in the backward
    /// pass; the gradients within each head are unweighted.
    pub(super) fn total(&self) -> Result<Var<'t>> {
        let mut terms = self.terms.iter().flatten();
        let first = terms.next().expect("an encoder has layers").clone();
        terms.try_fold(first, |sum, term| Ok(sum.add(term)?))
    }

    /// The values of the energy and of its losses.
    pub(super) fn reading(&self) -> Reading {
        let value = |var: &Var<'t>| var.value().clone();
        Reading {
            terms: self.terms.each_ref().map(|terms| terms.iter().map(value).collect()),
            lambda: self.lambda,
            mse: value(&self.mse),
            cross_entropy: self.cross_entropy.as_ref().map(value),
        }
    }
}
