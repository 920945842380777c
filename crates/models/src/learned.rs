//! Networks as named parameters and buffers.

use autograd::Param;

use crate::{Cre, Guided, Module};

/// A network whose parameters and buffers are stored, loaded and moved by name: every [`Module`], a [`Cre`] and a
/// [`Guided`] autoencoder.
///
/// ```
/// use agon_models::{Learned, Linear, fc, to_device};
/// use tensor::random::Stream;
/// use tensor::{DType, Device};
///
/// let stream = Stream::new(0, "init");
/// let config = fc::Config { pixels: 16, classes: 3, ..fc::Config::of(fc::Size::S, 4) };
/// let networks: [Box<dyn Learned>; 2] =
///     [Box::new(Linear::new(4, 2, &stream, DType::F32)), Box::new(fc::cre(&config, &stream, DType::F32)?)];
/// for network in &networks {
///     to_device(network.learned(), &Device::Cpu)?;
/// }
/// assert_eq!(networks[1].learned()[0].0, "encoder.0.weight");
/// # Ok::<(), agon_models::Error>(())
/// ```
pub trait Learned {
    /// Parameters and buffers by name, in a stable order.
    fn learned(&self) -> Vec<(String, &Param)>;
}

impl<M: Module> Learned for M {
    fn learned(&self) -> Vec<(String, &Param)> {
        self.params().into_iter().chain(self.buffers()).collect()
    }
}

impl Learned for Cre {
    fn learned(&self) -> Vec<(String, &Param)> {
        self.params().into_iter().chain(self.buffers()).collect()
    }
}

impl Learned for Guided {
    fn learned(&self) -> Vec<(String, &Param)> {
        self.params().into_iter().chain(self.buffers()).collect()
    }
}
