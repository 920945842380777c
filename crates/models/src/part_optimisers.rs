//! An Adam for each of the three parts of a CRE, which share one walk back over the tape.

use autograd::{Gradients, Param};
use tensor::Tensor;

use crate::slots::refuse_shared;
use crate::{Adam, AdamConfig, Part, Result};

/// An Adam for each part (section 2.3 of the CRE specification); whoever asks says which parameters a part has.
#[derive(Debug)]
pub(crate) struct PartOptimisers([Adam; 3]);

impl PartOptimisers {
    /// Optimisers that have seen no gradient yet.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) as [`AdamConfig::check`]; [`Error::Shared`](crate::Error::Shared) if two
    /// parts share a parameter.
    pub(crate) fn new<'m>(
        params: impl Fn(Part) -> Vec<(String, &'m Param)>,
        config: AdamConfig,
    ) -> Result<Self> {
        refuse_shared(Part::ALL.map(|part| (part.name(), params(part))))?;
        let [encoder, decoder, classifier] = Part::ALL.map(|part| Adam::new(&params(part), config));
        Ok(Self([encoder?, decoder?, classifier?]))
    }

    /// Moves all parameters against these gradients.
    pub(crate) fn step<'m>(
        &mut self,
        params: impl Fn(Part) -> Vec<(String, &'m Param)>,
        gradients: &Gradients,
    ) -> Result<()> {
        Part::ALL
            .into_iter()
            .zip(&mut self.0)
            .try_for_each(|(part, adam)| adam.step(&params(part), gradients))
    }

    /// What has to be stored, named as by a [`Trainer`](crate::Trainer).
    pub(crate) fn state(&self) -> Vec<(String, Tensor)> {
        let of_part = |(part, adam): (Part, &Adam)| {
            let state = adam.state().into_iter();
            state.map(move |(name, tensor)| (stored_name(part, &name), tensor)).collect::<Vec<_>>()
        };
        Part::ALL.into_iter().zip(&self.0).flat_map(of_part).collect()
    }

    /// Takes over what [`PartOptimisers::state`] gave.
    pub(crate) fn load<'m>(
        &mut self,
        params: impl Fn(Part) -> Vec<(String, &'m Param)>,
        stored: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<()> {
        Part::ALL
            .into_iter()
            .zip(&mut self.0)
            .try_for_each(|(part, adam)| adam.load(&params(part), |name| stored(&stored_name(part, name))))
    }
}

fn stored_name(part: Part, name: &str) -> String {
    format!("adam.{}.{name}", part.name())
}
