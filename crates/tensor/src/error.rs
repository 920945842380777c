//! The error type of this crate.

use crate::{DType, Device};

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of tensors, kernels and devices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A kernel was called with unsupported shapes.
    #[error("{op}: expected {expected}, got {got}")]
    Shape {
        /// The kernel.
        op: String,
        /// The expected shapes, in words.
        expected: String,
        /// The shapes of the inputs.
        got: String,
    },
    /// The inputs of one call have different element types.
    #[error("{op}: expected inputs of one dtype, got {got}; convert them with `to_dtype`")]
    MixedDTypes {
        /// The kernel.
        op: String,
        /// The types of the inputs.
        got: String,
    },
    /// A tensor was read as a type other than its element type.
    #[error("reading a tensor: expected {expected}, got {got}; convert it with `to_dtype` first")]
    DType {
        /// The requested type.
        expected: DType,
        /// The type of the tensor.
        got: DType,
    },
    /// The inputs of one call are on different devices.
    #[error("{op}: expected inputs on one device, got {got}; copy them with `to_device`")]
    MixedDevices {
        /// The kernel.
        op: String,
        /// The devices.
        got: String,
    },
    /// The number of values differs from the number of elements of the shape.
    #[error("shape {shape:?}: expected {expected} values, got {values}")]
    Length {
        /// The shape.
        shape: Vec<usize>,
        /// The number of elements of that shape.
        expected: usize,
        /// The number of values given.
        values: usize,
    },
    /// A shape has more elements than a tensor can hold.
    #[error(
        "shape {shape:?}: expected at most {max} elements, the limit of the address space, got more; use smaller sizes",
        max = crate::shape::MAX_ELEMENTS
    )]
    TooManyElements {
        /// The shape.
        shape: Vec<usize>,
    },
    /// `item` was called on a tensor that is not a scalar.
    #[error("`item`: expected a tensor with one element, got shape {shape:?}; reduce it first")]
    NotAScalar {
        /// The shape of the tensor.
        shape: Vec<usize>,
    },
    /// A tensor on another device was read on the CPU.
    #[error(
        "reading a tensor: expected a tensor on the CPU, got one on {device}; copy it with \
         `to_device(&Device::Cpu)` first"
    )]
    Elsewhere {
        /// The device of the tensor.
        device: String,
    },
    /// A kernel is not implemented for an element type on a device.
    #[error("{kernel}: {device} has no kernels for {dtype}; use f32, f16 or bf16 there, or the device `cpu`")]
    NoKernel {
        /// The kernel.
        kernel: String,
        /// The type.
        dtype: DType,
        /// The device.
        device: String,
    },
    /// A kernel that runs on the CPU only was called on a GPU.
    #[error("{kernel}: there is no CUDA kernel; implement its `launch`, or use the device `cpu`")]
    NoCudaKernel {
        /// The kernel.
        kernel: String,
    },
    /// Bytes are not an image of compiled CUDA kernels.
    #[error("the kernel image `{name}`: expected a complete fat binary (`nvcc --fatbin`) or PTX, got {got}")]
    Image {
        /// The name of the image.
        name: String,
        /// A description of the bytes.
        got: String,
    },
    /// An image has the name of a loaded image with other bytes.
    #[error(
        "the kernel image `{name}`: expected the bytes that were loaded under this name, got other bytes; \
         choose another name"
    )]
    ImageName {
        /// The name of the image.
        name: String,
    },
    /// A size exceeds the 32-bit index range of GPU kernels.
    #[error(
        "{kernel}: expected sizes of at most {max}, the range of the 32-bit indices of CUDA kernels, got {size}; use \
         smaller batches",
        max = u32::MAX
    )]
    TooLarge {
        /// The kernel.
        kernel: String,
        /// The size.
        size: usize,
    },
    /// A device is out of memory.
    #[error(
        "{device}: allocating {requested} bytes failed: tensors use {used}, {free} of {total} are free; use a \
         smaller batch or model, or fewer concurrent runs"
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// The requested number of bytes.
        requested: usize,
        /// The bytes used by the tensors of this stream or process.
        used: usize,
        /// The bytes that are free on the device.
        free: usize,
        /// The total bytes of the device.
        total: usize,
    },
    /// A driver failed.
    #[error("{device}: {what}")]
    Driver {
        /// The device.
        device: String,
        /// The attempted action and the driver's error.
        what: String,
    },
    /// A step that is being recorded contains an action that cannot be replayed.
    #[error("this step cannot be recorded: {why}")]
    Recording {
        /// The unsupported action.
        why: String,
    },
    /// There is no such device on this machine or in this build.
    #[error("no device {device}: {why}")]
    NoDevice {
        /// The requested device.
        device: String,
        /// The reason, and what to do.
        why: String,
    },
}

impl Error {
    /// A shape error of `op`, with the shapes of its inputs.
    pub fn shape(op: &str, expected: &str, got: &[&[usize]]) -> Self {
        let got = got.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" and ");
        Self::Shape { op: op.into(), expected: expected.into(), got }
    }

    pub(crate) fn mixed_devices(op: &str, devices: &[&Device]) -> Self {
        let got = devices.iter().map(|device| device.to_string()).collect::<Vec<_>>().join(", ");
        Self::MixedDevices { op: op.into(), got }
    }
}
