//! The batches of an epoch.

use tensor::{Indices, Tensor};

use crate::Example;

/// The batches of an epoch.
pub enum Batches<'a> {
    /// An iterator of examples.
    Host(Box<dyn Iterator<Item = Example> + 'a>),
    /// Batches of a data set stored on the device of the model.
    Device(DeviceBatches<'a>),
}

/// Batches gathered by kernels.
pub struct DeviceBatches<'a> {
    /// The number of batches.
    pub steps: usize,
    /// Selects the batch of a step of the epoch; called before each step.
    pub seek: &'a dyn Fn(usize) -> tensor::Result<()>,
    /// Gathers the selected batch for the training step with this number, by kernels only: for a recorded step it is called
    /// once, and its launches are replayed.
    pub gather: &'a dyn Fn(u64) -> tensor::Result<(Tensor, Indices)>,
}

impl<'a, I, T> From<I> for Batches<'a>
where
    I: IntoIterator<Item = T>,
    I::IntoIter: 'a,
    T: Into<Example> + 'a,
{
    fn from(examples: I) -> Self {
        Self::Host(Box::new(examples.into_iter().map(Into::into)))
    }
}

impl<'a> From<DeviceBatches<'a>> for Batches<'a> {
    fn from(batches: DeviceBatches<'a>) -> Self {
        Self::Device(batches)
    }
}
