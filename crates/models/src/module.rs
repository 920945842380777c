//! What every layer and model can do, and layers one after another.

use std::collections::HashSet;

use autograd::{Param, Tape, Var};
use serde::{Deserialize, Serialize};
use tensor::Tensor;
use tensor::random::Stream;

use crate::Result;

/// Whether a model is being trained, for the layers to which it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch norms use their batch and learn its statistics; dropouts drop; patches are removed.
    Training {
        /// How many steps came before: it chooses what is dropped and removed.
        step: u64,
    },
    /// Batch norms use what they have learned; nothing is dropped or removed.
    Evaluation,
    /// As [`Mode::Evaluation`], with patches removed as in training (section 3.5 of `book/cre.md`) and a
    /// reconstruction loss of the removed patches only (section 2.4).
    MaskedEvaluation {
        /// The place of the batch in the data set: it chooses what is removed.
        batch: u64,
    },
}

/// A function with parameters.
pub trait Module: Send + Sync {
    /// The output for an input.
    ///
    /// # Errors
    /// If the shape of the input does not fit.
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>>;

    /// The output for an input, then `activation` of it: in one operation where the layer has one.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn forward_activated<'t>(&self, x: &Var<'t>, activation: Activation, mode: Mode) -> Result<Var<'t>> {
        activation.forward(&self.forward(x, mode)?, mode)
    }

    /// The activation that this is, if it is nothing else: the layer before it may take it over.
    fn as_activation(&self) -> Option<Activation> {
        None
    }

    /// Whether what comes out is one of the representations that [`Cre::activations`](crate::Cre::activations) lists:
    /// the output of an activation, or of a block that holds one.
    fn is_representation(&self) -> bool {
        self.as_activation().is_some_and(|activation| activation != Activation::Identity)
    }

    /// The parameters with their names, in an order that never changes.
    fn params(&self) -> Vec<(String, &Param)>;

    /// What is learned without a gradient, such as running statistics, with names as [`Module::params`].
    fn buffers(&self) -> Vec<(String, &Param)> {
        vec![]
    }

    /// The output in evaluation, with nothing recorded.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn output(&self, x: &Tensor) -> Result<Tensor> {
        let tape = Tape::without_gradients();
        Ok(self.forward(&tape.constant(x), Mode::Evaluation)?.value().clone())
    }

    /// The number of learned elements; a parameter that is listed twice (tied weights) counts once.
    fn n_params(&self) -> usize {
        let mut known = HashSet::new();
        let params = self.params();
        let distinct = params.iter().filter(|(_, param)| known.insert(std::ptr::from_ref(*param)));
        distinct.map(|(_, param)| param.len()).sum()
    }
}

/// The parameters of named parts, named as in `part.weight`.
pub(crate) fn params_of<'a, const N: usize>(parts: [(&str, &'a dyn Module); N]) -> Vec<(String, &'a Param)> {
    let of_part = |(part, module): (&str, &'a dyn Module)| {
        module.params().into_iter().map(move |(name, param)| (format!("{part}.{name}"), param)).collect()
    };
    parts.into_iter().flat_map(|part| -> Vec<(String, &'a Param)> { of_part(part) }).collect()
}

/// A function of each element, with no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The number itself.
    Identity,
    /// `max(x, 0)`
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic function `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Module for Activation {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        Ok(match self {
            Self::Identity => x.clone(),
            Self::Relu => x.relu()?,
            Self::Tanh => x.tanh()?,
            Self::Sigmoid => x.sigmoid()?,
        })
    }

    fn as_activation(&self) -> Option<Activation> {
        Some(*self)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// Layers one after another; parameters are named by the layer's place, as in `0.weight`.
#[derive(Default)]
pub struct Sequential(Vec<Box<dyn Module>>);

impl Sequential {
    /// No layers: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more layer at the end.
    pub fn then(mut self, layer: impl Module + 'static) -> Self {
        self.0.push(Box::new(layer));
        self
    }

    /// With one more layer at the end, made from the part of `stream` that is named by the layer's place.
    pub fn then_drawn<M: Module + 'static>(self, stream: &Stream, layer: impl FnOnce(&Stream) -> M) -> Self {
        let layer = layer(&stream.child(&self.len().to_string()));
        self.then(layer)
    }

    /// The number of layers, which is the place of the next one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies layer after layer, shows `seen` what came out at which place, and returns what comes out last.
    ///
    /// A layer and the activation behind it are applied together and shown as the activation.
    pub(crate) fn walk<'t>(
        &self,
        x: &Var<'t>,
        mode: Mode,
        mut seen: impl FnMut(usize, &dyn Module, &Var<'t>),
    ) -> Result<Var<'t>> {
        let (mut x, mut place) = (x.clone(), 0);
        while let Some(layer) = self.0.get(place) {
            x = match self.0.get(place + 1).and_then(|next| next.as_activation()) {
                Some(activation) => {
                    place += 1;
                    layer.forward_activated(&x, activation, mode)?
                }
                None => layer.forward(&x, mode)?,
            };
            seen(place, &*self.0[place], &x);
            place += 1;
        }
        Ok(x)
    }
}

impl Module for Sequential {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        self.walk(x, mode, |_, _, _| {})
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.named(|layer| layer.params())
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.named(|layer| layer.buffers())
    }
}

impl Sequential {
    /// What each layer names, with the layer's place before it.
    fn named<'a>(
        &'a self,
        of: impl Fn(&'a dyn Module) -> Vec<(String, &'a Param)>,
    ) -> Vec<(String, &'a Param)> {
        let mut all = Vec::new();
        for (place, layer) in self.0.iter().enumerate() {
            all.extend(within(&place.to_string(), of(&**layer)));
        }
        all
    }
}

/// What a part names, with the part's name before it.
pub(crate) fn within<'a>(
    part: &str,
    named: Vec<(String, &'a Param)>,
) -> impl Iterator<Item = (String, &'a Param)> {
    named.into_iter().map(move |(name, param)| (format!("{part}.{name}"), param))
}
