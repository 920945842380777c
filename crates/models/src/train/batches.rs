//! The batches of an epoch.

use crate::{Example, Result};

/// The batches of an epoch.
pub enum Batches<'a> {
    /// An iterator over examples in host memory.
    Host(Box<dyn Iterator<Item = Example> + 'a>),
    /// Batches of a data set that is stored on the device of the model.
    Device(DeviceBatches<'a>),
}

/// Batches that kernels gather on a device.
pub struct DeviceBatches<'a> {
    /// The number of batches.
    pub steps: usize,
    /// Selects the batch with this index in the epoch; called before each step.
    pub seek: Box<dyn Fn(usize) -> tensor::Result<()> + 'a>,
    /// Gathers the selected batch for the training step with this number, using kernels only. For a recorded step it is
    /// called once, and its launches are replayed.
    pub gather: Box<dyn Fn(u64) -> tensor::Result<Example> + 'a>,
}

impl<'a> DeviceBatches<'a> {
    /// `steps` batches, selected by `seek` and gathered by `gather`.
    pub fn new(
        steps: usize,
        seek: impl Fn(usize) -> tensor::Result<()> + 'a,
        gather: impl Fn(u64) -> tensor::Result<Example> + 'a,
    ) -> Self {
        Self { steps, seek: Box::new(seek), gather: Box::new(gather) }
    }
}

impl<'a> Batches<'a> {
    /// The examples as an iterator that prepares each one on demand; `first` is the number of the training step of the
    /// first one.
    pub(super) fn examples(self, first: u64) -> Box<dyn Iterator<Item = Result<Example>> + 'a> {
        match self {
            Self::Host(examples) => Box::new(examples.map(Ok)),
            Self::Device(DeviceBatches { steps, seek, gather }) => Box::new((0..steps).map(move |step| {
                seek(step)?;
                Ok(gather(first + step as u64)?)
            })),
        }
    }
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
