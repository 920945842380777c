//! Copies of tensors between devices, and in-place updates on a GPU.

use std::sync::Arc;

use super::{Elements, Tensor};
use crate::{DType, Device, Error, Result};

impl Tensor {
    /// A tensor filled with zeros on `device`.
    pub fn zeros_on(device: &Device, shape: &[usize], dtype: DType) -> Result<Self> {
        let Device::Cuda(gpu) = device else { return Self::try_full(0.0, shape, dtype) };
        let zeros = Self::uninitialised_on(device, shape, dtype)?;
        let (_, memory) = zeros.gpu_memory().expect("the tensor was allocated on this GPU");
        gpu.clear(memory)?;
        Ok(zeros)
    }

    /// A tensor of zeros with the shape, element type and device of `self`.
    ///
    /// # Errors
    /// As [`Tensor::zeros_on`].
    pub fn zeros_like(&self) -> Result<Self> {
        Self::zeros_on(&self.device(), &self.shape, self.dtype)
    }

    /// A scalar tensor with this value and element type on the device of `self`.
    pub fn scalar_like(&self, value: f64, dtype: DType) -> Result<Self> {
        match &*self.storage {
            Elements::Cpu(_) => Ok(Self::full(value, &[], dtype)),
            Elements::Gpu(gpu, _) => Ok(Self::on_gpu(gpu, gpu.number(value, dtype)?, &[], dtype)),
        }
    }

    /// A copy of the tensor on `device`; a tensor that is already there is returned with shared storage.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        if self.device() == *device {
            return Ok(self.clone());
        }
        let on_cpu = match &*self.storage {
            Elements::Cpu(_) => self.clone(),
            Elements::Gpu(gpu, memory) => {
                let mut copy = Self::try_uninitialised(&self.shape, self.dtype)?;
                gpu.download(memory, copy.buffer_mut().bytes_mut())?;
                copy
            }
        };
        let Device::Cuda(gpu) = device else { return Ok(on_cpu) };
        let copy = Self::uninitialised_on(device, &self.shape, self.dtype)?;
        let (_, memory) = copy.gpu_memory().expect("the tensor was allocated on this GPU");
        gpu.upload(memory, on_cpu.bytes()?)?;
        Ok(copy)
    }

    /// Copies a CPU tensor to `device` as a constant, which is allowed even while a step is recorded. The result should
    /// be kept for later steps and must never be overwritten.
    ///
    /// # Errors
    /// If the tensor is on a GPU already, or the device fails.
    pub fn constant_on(&self, device: &Device) -> Result<Self> {
        match device {
            Device::Cpu => Ok(self.clone()),
            Device::Cuda(gpu) => Ok(Self::on_gpu(gpu, gpu.constant(self.bytes()?)?, &self.shape, self.dtype)),
        }
    }

    /// Overwrites the elements with those of a tensor of the same shape and element type on the same device. On a GPU,
    /// other owners of the storage see the new elements; on the CPU, they keep the old ones.
    ///
    /// # Errors
    /// If shapes, types or devices differ, or the device fails.
    pub fn assign(&mut self, from: &Self) -> Result<()> {
        if self.shape != from.shape {
            return Err(Error::shape("assign", "two equal shapes", &[&self.shape, &from.shape]));
        }
        if self.dtype != from.dtype {
            return Err(Error::DType { expected: self.dtype, got: from.dtype });
        }
        match (self.gpu_memory(), from.gpu_memory()) {
            (None, None) => *self = from.clone(),
            (Some((gpu, to)), Some((other, of))) if Arc::ptr_eq(gpu, other) => gpu.copy(to, of, to.len())?,
            _ => return Err(Error::mixed_devices("assign", &[&self.device(), &from.device()])),
        }
        Ok(())
    }

    /// Copies shared storage of a tensor on a GPU, so that it may be overwritten in place.
    pub(crate) fn make_own_on_gpu(&mut self) -> Result<()> {
        if Arc::get_mut(&mut self.storage).is_some() {
            return Ok(());
        }
        if let Some((gpu, _)) = self.gpu_memory() {
            gpu.refuse_while_recording("overwrite a tensor in place whose storage is shared")?;
        }
        let copy = Self::uninitialised_on(&self.device(), &self.shape, self.dtype)?;
        let ((gpu, from), (_, to)) = self.gpu_memory().zip(copy.gpu_memory()).expect("both are on the GPU");
        gpu.copy(to, from, to.len())?;
        *self = copy;
        Ok(())
    }
}
