//! Devices that hold tensors and run kernels.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::gpu::{Gpu, Traits};
use crate::{Error, Result};

/// A device: it holds tensors and runs their kernels.
///
/// ```
/// use agon_tensor::{Device, Tensor};
///
/// let device: Device = "cpu".parse()?; // or "cuda:0"
/// let x = Tensor::from_vec(vec![1.0f32, 2.0], &[2])?.to_device(&device)?;
/// assert_eq!(x.device(), device);
/// # Ok::<(), agon_tensor::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub enum Device {
    /// The CPU with host memory.
    #[default]
    Cpu,
    /// An NVIDIA GPU.
    Cuda(Arc<Gpu>),
}

impl Device {
    /// Opens the GPU with this ordinal as a new stream. Tensors of different streams cannot be combined in one kernel.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if the program was built without kernels, the driver is missing or too old, there is no such GPU
    /// or it is not supported; [`Error::Driver`] if the driver fails.
    pub fn cuda(ordinal: usize) -> Result<Self> {
        Self::cuda_with(ordinal, |traits| traits)
    }

    /// Opens a GPU as [`Device::cuda`] does, with changed properties, such as another number of SMs, for the choice of
    /// kernels.
    ///
    /// # Errors
    /// As [`Device::cuda`].
    pub fn cuda_with(ordinal: usize, change: impl FnOnce(Traits) -> Traits) -> Result<Self> {
        Ok(Self::Cuda(crate::cuda::open(ordinal, change)?))
    }

    /// The free memory of a GPU in bytes; `None` on the CPU.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn free_memory(&self) -> Result<Option<u64>> {
        match self {
            Self::Cpu => Ok(None),
            Self::Cuda(gpu) => Ok(Some(gpu.free_memory()? as u64)),
        }
    }

    /// Waits for all work and returns cached memory to the driver, so that other work may use the GPU; does nothing on
    /// the CPU. A device must not be used again after an error of its driver.
    ///
    /// # Errors
    /// If the driver or earlier work fails.
    pub fn come_to_rest(&self) -> Result<()> {
        if let Self::Cuda(gpu) = self {
            gpu.wait()?;
            gpu.release_cached_memory();
        }
        Ok(())
    }
}

/// The number of CUDA entry points that are embedded in the program.
///
/// # Errors
/// The reason why there are none, and what to do about it, as a text.
pub fn cuda_kernels() -> std::result::Result<usize, &'static str> {
    crate::cuda::kernels()
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cpu, Self::Cpu) => true,
            (Self::Cuda(a), Self::Cuda(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(gpu) => gpu.fmt(f),
        }
    }
}

/// Parses `cpu`, `cuda` or `cuda:N`.
impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown =
            || Error::NoDevice { device: format!("`{text}`"), why: "write `cpu` or `cuda:N`".into() };
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Self::cuda(0),
            Some(("cuda", ordinal)) => Self::cuda(ordinal.parse().map_err(|_| unknown())?),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_gpu_is_an_error_that_says_what_to_do() {
        let message = Device::cuda(0).unwrap_err().to_string();
        assert!(message.contains("cuda:0") && message.contains("`cpu`"), "{message}");
        assert!("tpu".parse::<Device>().unwrap_err().to_string().contains("`tpu`"));
        assert_eq!("cpu".parse::<Device>(), Ok(Device::Cpu));
    }
}
