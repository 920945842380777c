//! Where the batches of an epoch come from.

use tensor::{Indices, Tensor};

use crate::Example;

/// The batches of an epoch.
pub enum Batches<'a> {
    /// Examples in host memory, or tensors that were moved one by one.
    Host(Box<dyn Iterator<Item = Example> + 'a>),
    /// Batches of a data set that lies on the device of the model.
    Device(DeviceBatches<'a>),
}

/// Batches that kernels make.
pub struct DeviceBatches<'a> {
    /// The number of batches.
    pub steps: usize,
    /// Chooses the batch of a step of the epoch; called before each.
    pub seek: &'a dyn Fn(usize) -> tensor::Result<()>,
    /// Makes the batch that was chosen last, for the training step of that number, by kernels alone: where a step is
    /// recorded it is called once, and what it launched is run again.
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
