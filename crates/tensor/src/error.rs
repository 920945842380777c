//! What can go wrong with tensors.

use crate::{DType, Device};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong with tensors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A kernel was called with shapes that it does not take.
    #[error("{op}: wanted {wanted}, got {got}")]
    Shape {
        /// The kernel.
        op: String,
        /// What it takes, in words.
        wanted: String,
        /// The shapes it was given.
        got: String,
    },
    /// The inputs of one call do not have one element type.
    #[error("{op}: all inputs must have the same dtype, got {got}")]
    MixedDTypes {
        /// The kernel.
        op: String,
        /// The types it was given.
        got: String,
    },
    /// A tensor was read as another type than the one it has.
    #[error("a tensor of {got} was read as {wanted}; convert it with `to_dtype` first")]
    DType {
        /// The type asked for.
        wanted: DType,
        /// The type of the tensor.
        got: DType,
    },
    /// The inputs of one call do not live on one device.
    #[error("{op}: all inputs must be on the same device, got {got}")]
    MixedDevices {
        /// The kernel.
        op: String,
        /// The devices.
        got: String,
    },
    /// The number of values is not what the shape says.
    #[error("{values} values cannot fill shape {shape:?}, which has {wanted} elements")]
    Length {
        /// The shape.
        shape: Vec<usize>,
        /// The number of elements of that shape.
        wanted: usize,
        /// The number of values given.
        values: usize,
    },
    /// A shape has more elements than a tensor can.
    #[error(
        "the sizes of shape {shape:?} multiply to more than the {max} elements that memory has addresses for; use smaller \
         sizes",
        max = crate::shape::MOST_ELEMENTS
    )]
    TooManyElements {
        /// The shape.
        shape: Vec<usize>,
    },
    /// `item` was called on a tensor that is not a single number.
    #[error("`item` wants a tensor with one element, got shape {shape:?}")]
    NotAScalar {
        /// The shape of the tensor.
        shape: Vec<usize>,
    },
    /// The processor was asked to read a tensor that lives elsewhere.
    #[error("the tensor lives on {device}; copy it with `to_device(&Device::Cpu)` first")]
    Elsewhere {
        /// Where it lives.
        device: String,
    },
    /// A kernel has no version for a type on a device.
    #[error("{kernel}: {device} has no kernels for {dtype}; use f32, f16 or bf16 there, or the device `cpu`")]
    NoKernel {
        /// The kernel.
        kernel: String,
        /// The type.
        dtype: DType,
        /// The device.
        device: String,
    },
    /// A size is more than kernels can count to.
    #[error("{kernel}: a size of {size} is more than the kernels of a GPU count to ({max}); split the batch", max = u32::MAX)]
    TooLarge {
        /// The kernel.
        kernel: String,
        /// The size.
        size: usize,
    },
    /// A device has too little memory.
    #[error(
        "{device} has no {wanted} bytes left: this run uses {used}, {free} of {total} are free; use a smaller batch or \
         model, or run fewer at a time"
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// The bytes that were asked for.
        wanted: usize,
        /// The bytes that tensors of this queue use.
        used: usize,
        /// The bytes that are free on the device.
        free: usize,
        /// The bytes that the device has.
        total: usize,
    },
    /// A driver failed.
    #[error("{device}: {what}")]
    Driver {
        /// The device.
        device: String,
        /// What was being done, and what the driver said.
        what: String,
    },
    /// A step that is being recorded did what cannot be run again.
    #[error("a step that is being recorded is run again later without the processor: {why}")]
    Recording {
        /// What it did.
        why: String,
    },
    /// There is no such device on this machine or in this build.
    #[error("no device {device}: {why}")]
    NoDevice {
        /// The device asked for.
        device: String,
        /// Why it is not there, and what to do.
        why: String,
    },
}

impl Error {
    /// A shape error of `op`, with the shapes it was given.
    pub fn shape(op: &str, wanted: &str, got: &[&[usize]]) -> Self {
        let got = got.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" and ");
        Self::Shape { op: op.into(), wanted: wanted.into(), got }
    }

    pub(crate) fn mixed_devices(op: &str, devices: &[&Device]) -> Self {
        let got = devices.iter().map(|device| device.to_string()).collect::<Vec<_>>().join(", ");
        Self::MixedDevices { op: op.into(), got }
    }
}
