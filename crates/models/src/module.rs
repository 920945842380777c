//! What every layer and model can do, and layers one after another.

use autograd::{Param, Var};
use serde::{Deserialize, Serialize};

use crate::Result;

/// A function with parameters.
pub trait Module: Send + Sync {
    /// The output for an input.
    ///
    /// # Errors
    /// If the shape of the input does not fit.
    fn forward<'t>(&self, x: &Var<'t>) -> Result<Var<'t>>;

    /// The parameters with their names, in an order that never changes.
    fn params(&self) -> Vec<(String, &Param)>;

    /// The number of numbers that are learned.
    fn n_params(&self) -> usize {
        self.params().iter().map(|(_, param)| param.len()).sum()
    }
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
}

impl Module for Activation {
    fn forward<'t>(&self, x: &Var<'t>) -> Result<Var<'t>> {
        Ok(match self {
            Self::Identity => x.clone(),
            Self::Relu => x.relu()?,
            Self::Tanh => x.tanh()?,
        })
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

    /// The number of layers, which is the place of the next one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Module for Sequential {
    fn forward<'t>(&self, x: &Var<'t>) -> Result<Var<'t>> {
        self.0.iter().try_fold(x.clone(), |x, layer| layer.forward(&x))
    }

    fn params(&self) -> Vec<(String, &Param)> {
        let mut params = Vec::new();
        for (place, layer) in self.0.iter().enumerate() {
            let of_layer = layer.params().into_iter();
            params.extend(of_layer.map(|(name, param)| (format!("{place}.{name}"), param)));
        }
        params
    }
}
