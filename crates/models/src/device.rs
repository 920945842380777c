//! Moves models to another device.

use autograd::Param;
use tensor::Device;

use crate::Result;

/// Moves parameters and buffers to a device. Move images with [`Tensor::to_device`](tensor::Tensor::to_device), and the
/// state of an optimiser with [`Optimiser::to_device`](crate::Optimiser::to_device).
///
/// ```
/// use agon_models::{Module, mlp, to_device};
/// use tensor::random::Stream;
/// use tensor::{DType, Device};
///
/// let config = mlp::Config { inputs: 4, classes: 2, depth: 3 };
/// let model = mlp::classifier(&config, &Stream::new(0, "init"), DType::F32)?;
/// to_device(model.params().into_iter().chain(model.buffers()), &Device::Cpu)?;
/// # Ok::<(), agon_models::Error>(())
/// ```
///
/// # Errors
/// If a device fails or is out of memory; in that case nothing has moved.
pub fn to_device<'a>(learned: impl IntoIterator<Item = (String, &'a Param)>, device: &Device) -> Result<()> {
    let moved = learned.into_iter().map(|(_, param)| Ok((param, param.value().to_device(device)?)));
    let moved: Vec<_> = moved.collect::<Result<_>>()?;
    moved.into_iter().try_for_each(|(param, value)| Ok(param.set(value)?))
}
