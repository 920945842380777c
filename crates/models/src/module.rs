//! The interface of layers and models, and sequential composition.

use std::collections::HashSet;

use autograd::{Param, Tape, Var};
use serde::{Deserialize, Serialize};
use tensor::Tensor;
use tensor::random::Stream;

use crate::Result;

/// The mode of a forward pass: training or evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch norms use batch statistics and update their running statistics; dropout and masking are active.
    Training {
        /// The number of previous steps, which determines dropout and patch masks.
        step: u64,
    },
    /// Batch norms use their running statistics; dropout and masking are inactive.
    Evaluation,
    /// As [`Mode::Evaluation`], with patches masked as in training (`book/cre.md`, section 3.5) and a reconstruction
    /// loss over the masked patches only (section 2.4).
    MaskedEvaluation {
        /// The index of the batch in the data set, which determines the masks.
        batch: u64,
    },
}

/// A layer or model: a function with parameters.
pub trait Module: Send + Sync {
    /// The forward pass.
    ///
    /// # Errors
    /// If the shape of the input does not match.
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>>;

    /// The forward pass followed by `activation`, fused where the layer supports it.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn forward_activated<'t>(&self, x: &Var<'t>, activation: Activation, mode: Mode) -> Result<Var<'t>> {
        activation.forward(&self.forward(x, mode)?, mode)
    }

    /// The activation, if the module is just an activation, which the previous layer may fuse.
    fn as_activation(&self) -> Option<Activation> {
        None
    }

    /// Whether [`Cre::activations`](crate::Cre::activations) lists the output as a representation: the output of an
    /// activation, or of a block that contains one.
    fn is_representation(&self) -> bool {
        self.as_activation().is_some_and(|activation| activation != Activation::Identity)
    }

    /// The parameters with their names, in a stable order.
    fn params(&self) -> Vec<(String, &Param)>;

    /// The buffers (state without gradients), such as running statistics, named as in [`Module::params`].
    fn buffers(&self) -> Vec<(String, &Param)> {
        vec![]
    }

    /// The output in evaluation mode, without gradients.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn output(&self, x: &Tensor) -> Result<Tensor> {
        let tape = Tape::without_gradients();
        Ok(self.forward(&tape.constant(x), Mode::Evaluation)?.value().clone())
    }

    /// The number of trainable elements; a parameter that is listed twice (tied weights) counts once.
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

/// An element-wise activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The identity.
    Identity,
    /// ReLU, `max(x, 0)`.
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic sigmoid `1 / (1 + exp(-x))`.
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

/// Sequential layers; parameters are named by the index of the layer, as in `0.weight`.
#[derive(Default)]
pub struct Sequential(Vec<Box<dyn Module>>);

impl Sequential {
    /// No layers: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a layer.
    pub fn then(mut self, layer: impl Module + 'static) -> Self {
        self.0.push(Box::new(layer));
        self
    }

    /// Appends a layer initialised from the substream of `stream` named by the index of the layer.
    pub fn then_drawn<M: Module + 'static>(self, stream: &Stream, layer: impl FnOnce(&Stream) -> M) -> Self {
        let layer = layer(&stream.child(&self.len().to_string()));
        self.then(layer)
    }

    /// The number of layers, which is the index of the next one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies the layers in order, calls `seen` with each index and output, and returns the last output.
    ///
    /// A layer fused with the following activation is reported as the activation.
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
    /// The named tensors of each layer, prefixed by the index of the layer.
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

/// The named tensors of a part, prefixed by the name of the part.
pub(crate) fn within<'a>(
    part: &str,
    named: Vec<(String, &'a Param)>,
) -> impl Iterator<Item = (String, &'a Param)> {
    named.into_iter().map(move |(name, param)| (format!("{part}.{name}"), param))
}
