//! The interface of layers and models, and sequential composition.

use std::collections::HashSet;

use autograd::ops::max_pool2d::MaxPool2d;
use autograd::{Param, Tape, Var};
use serde::{Deserialize, Serialize};
use tensor::Tensor;
use tensor::random::Stream;

use crate::{BatchNorm, Result};

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
///
/// ```
/// use agon_models::{Mode, Module, Result, Sequential};
/// use autograd::{Param, Var};
/// use tensor::{DType, Tensor};
///
/// /// Multiplies its input by a trained number.
/// struct Scale(Param);
///
/// impl Module for Scale {
///     fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
///         Ok(x.mul(&x.tape().param(&self.0)?)?)
///     }
///
///     fn params(&self) -> Vec<(String, &Param)> {
///         vec![("scale".into(), &self.0)]
///     }
/// }
///
/// let model = Sequential::new().then(Scale(Param::new(Tensor::full(3.0, &[], DType::F32))));
/// assert_eq!(model.params()[0].0, "0.scale");
/// assert_eq!(model.output(&Tensor::full(2.0, &[2], DType::F32))?.to_f64_vec(), [6.0, 6.0]);
/// # Ok::<(), agon_models::Error>(())
/// ```
pub trait Module: Send + Sync {
    /// The forward pass.
    ///
    /// # Errors
    /// If the shape of the input does not match.
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>>;

    /// The forward pass of this layer and of those of the layers `next` that it can fuse; returns the output and their
    /// number.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn forward_fused<'t>(&self, x: &Var<'t>, next: Next<'_>, mode: Mode) -> Result<(Var<'t>, usize)> {
        let _ = next;
        Ok((self.forward(x, mode)?, 0))
    }

    /// The role of this layer for fusion with the layers before it.
    fn role(&self) -> Role<'_> {
        Role::Other
    }

    /// Whether [`Cre::activations`](crate::Cre::activations) lists the output as a representation. It is true for
    /// activations, and for blocks that contain one.
    fn is_representation(&self) -> bool {
        matches!(self.role(), Role::Activation(activation) if activation != Activation::Identity)
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

/// The role of a layer for fusion with the layers before it.
#[derive(Clone, Copy)]
pub enum Role<'m> {
    /// An activation function.
    Activation(Activation),
    /// Max-pooling.
    MaxPool(MaxPool2d),
    /// A batch norm.
    BatchNorm(&'m BatchNorm),
    /// Dropout, which is the identity in evaluation.
    Dropout,
    /// A sequence of layers.
    Sequential(&'m Sequential),
    /// A layer that cannot be fused with the layers before it.
    Other,
}

/// The layers that follow a layer; none by default.
#[derive(Clone, Copy, Default)]
pub struct Next<'m>(&'m [&'m dyn Module]);

impl<'m> Next<'m> {
    /// The role of the layer at this position, where 0 is the next layer.
    pub fn role(self, place: usize) -> Role<'m> {
        self.0.get(place).map_or(Role::Other, |layer| layer.role())
    }

    /// Whether the layer at this position is a ReLU.
    pub fn is_relu(self, place: usize) -> bool {
        matches!(self.role(place), Role::Activation(Activation::Relu))
    }
}

/// The parameters of named parts, with names such as `part.weight`.
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

    fn role(&self) -> Role<'_> {
        Role::Activation(*self)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// Sequential layers. Parameters are named by the index of the layer, such as `0.weight`.
///
/// ```
/// use agon_models::{Activation, Linear, Module, Sequential};
/// use tensor::DType;
/// use tensor::random::Stream;
///
/// let init = Stream::new(0, "init");
/// let model = Sequential::new()
///     .then_with(&init, |stream| Linear::new(4, 8, stream, DType::F32))
///     .then(Activation::Tanh)
///     .then_with(&init, |stream| Linear::without_bias(8, 2, stream, DType::F32));
/// let names: Vec<String> = model.params().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight"]);
/// ```
#[derive(Default)]
pub struct Sequential(Vec<Box<dyn Module>>);

impl Sequential {
    /// Creates an empty sequence, which is the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a layer.
    pub fn then(mut self, layer: impl Module + 'static) -> Self {
        self.0.push(Box::new(layer));
        self
    }

    /// Appends a layer that is initialised from the substream of `stream` named by the index of the layer.
    pub fn then_with<M: Module + 'static>(self, stream: &Stream, layer: impl FnOnce(&Stream) -> M) -> Self {
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
    /// Layers of a nested sequence are fused like those of this one. Fused layers are reported together, with the index
    /// of the last of them.
    pub(crate) fn walk<'t>(
        &self,
        x: &Var<'t>,
        mode: Mode,
        mut seen: impl FnMut(usize, &dyn Module, &Var<'t>),
    ) -> Result<Var<'t>> {
        let (mut layers, mut ends) = (Vec::new(), Vec::new());
        for layer in &self.0 {
            append(&**layer, &mut layers);
            ends.push(layers.len());
        }
        let (mut x, mut done, mut place) = (x.clone(), 0, 0);
        while let Some(layer) = layers.get(done) {
            let (y, fused) = layer.forward_fused(&x, Next(&layers[done + 1..]), mode)?;
            (x, done) = (y, done + 1 + fused);
            while let Some(&end) = ends.get(place).filter(|end| **end <= done) {
                if end == done {
                    seen(place, &*self.0[place], &x);
                }
                place += 1;
            }
        }
        Ok(x)
    }
}

/// Appends a layer, or the layers of a nested sequence.
fn append<'m>(layer: &'m dyn Module, all: &mut Vec<&'m dyn Module>) {
    match layer.role() {
        Role::Sequential(layers) => layers.0.iter().for_each(|layer| append(&**layer, all)),
        _ => all.push(layer),
    }
}

impl Module for Sequential {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        self.walk(x, mode, |_, _, _| {})
    }

    fn role(&self) -> Role<'_> {
        Role::Sequential(self)
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
