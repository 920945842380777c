//! Kernel launches on a GPU in terms of tensors.

use std::sync::Arc;

use super::{Cell, Command, Gpu, Grid, Launch, Memory, Parameter, Traits};
use crate::{DType, Device, Error, Indices, Result, Tensor};

/// An argument of a kernel launch.
#[derive(Debug, Clone, Copy)]
pub enum Argument<'a> {
    /// A tensor that the kernel reads.
    In(&'a Tensor),
    /// A tensor of which the kernel writes every element.
    Out(&'a Tensor),
    /// Indices that the kernel reads: `const u32*`.
    Indices(&'a Indices),
    /// Indices of which the kernel writes every one: `u32*`.
    OutIndices(&'a Indices),
    /// The number of the training step, read from device memory: `const u64*`.
    Step(u64),
    /// A scalar read from device memory: `const f32*`.
    Number(f64),
    /// A [`Cell`]: device memory that the CPU writes between steps.
    Cell(&'a Cell),
    /// A constant table, given by its bytes and the kernel's type of one entry, such as `struct of 12 bytes`.
    Table(&'a [u8], &'static str),
    /// A table of tensor addresses, null for absent tensors, with the kernel's type of one entry.
    Addresses(&'a [Option<&'a Tensor>], &'static str),
    /// A size: `u32`.
    Size(usize),
    /// An integer or a flag: `u32`.
    U32(u32),
    /// A 64-bit integer: `u64`.
    U64(u64),
    /// A scalar: `f32`.
    F32(f32),
    /// A struct by value with 32-bit members.
    Words(&'a [u32]),
}

/// The context of a kernel launch on a GPU: the device and the element type.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    gpu: &'a Arc<Gpu>,
    name: &'static str,
    dtype: DType,
}

impl<'a> Call<'a> {
    pub(crate) fn new(gpu: &'a Arc<Gpu>, name: &'static str, dtype: DType) -> Result<Self> {
        match dtype {
            DType::F64 => Err(Error::NoKernel { kernel: name.into(), dtype, device: gpu.to_string() }),
            DType::F32 | DType::F16 | DType::BF16 => Ok(Self { gpu, name, dtype }),
        }
    }

    /// The element type of the inputs with [`Storage::Same`](crate::Storage::Same).
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The properties of the GPU.
    pub fn traits(&self) -> Traits {
        self.gpu.traits()
    }

    /// Allocates a tensor for intermediate results, with arbitrary content.
    pub fn scratch(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        Tensor::uninitialised_on(&Device::Cuda(Arc::clone(self.gpu)), shape, dtype)
    }

    /// Launches the version of `entry` for the element type of the call.
    ///
    /// # Errors
    /// As [`Call::launch_one`].
    pub fn launch(&self, entry: &str, grid: Grid, arguments: &[Argument<'_>]) -> Result<()> {
        self.launch_for(self.dtype, entry, grid, arguments)
    }

    /// Launches the version of `entry` for `dtype`.
    ///
    /// # Errors
    /// As [`Call::launch_one`].
    pub fn launch_for(
        &self,
        dtype: DType,
        entry: &str,
        grid: Grid,
        arguments: &[Argument<'_>],
    ) -> Result<()> {
        self.launch_one(format!("{entry}_{dtype}"), grid, arguments)
    }

    /// Launches the kernel with exactly this name; an empty grid is a no-op.
    ///
    /// # Errors
    /// If a tensor is on another device, a size or the grid exceeds the 32-bit range of kernels, there is no such
    /// kernel, or the driver fails.
    pub fn launch_one(&self, kernel: String, grid: Grid, arguments: &[Argument<'_>]) -> Result<()> {
        if grid.blocks.contains(&0) {
            return Ok(());
        }
        if let Some(size) = grid.excess() {
            return Err(Error::TooLarge { kernel, size });
        }
        let mut reached = Vec::new();
        let parameters =
            arguments.iter().map(|argument| self.parameter(argument, &mut reached)).collect::<Result<_>>()?;
        self.gpu.submit(Command::Launch(Launch { kernel, grid, parameters }), &reached)
    }

    /// Converts an argument to a parameter of the driver, and adds the memory that it points to to `reached`.
    fn parameter(&self, argument: &Argument<'_>, reached: &mut Vec<Arc<Memory>>) -> Result<Parameter> {
        let mut address_of = |memory: Arc<Memory>| {
            let address = memory.address();
            reached.push(memory);
            address
        };
        Ok(match *argument {
            Argument::In(tensor) => Parameter::In(address_of(self.memory(tensor)?), element(tensor.dtype())),
            Argument::Out(tensor) => {
                Parameter::Out(address_of(self.memory(tensor)?), element(tensor.dtype()))
            }
            Argument::Indices(indices) => Parameter::In(address_of(indices.on_gpu(self.gpu)?), "u32"),
            Argument::OutIndices(indices) => Parameter::Out(address_of(indices.on_gpu(self.gpu)?), "u32"),
            Argument::Step(step) => {
                let slot = self.gpu.step(step)?;
                address_of(Arc::clone(slot.memory()));
                Parameter::In(slot.address(), "u64")
            }
            Argument::Number(value) => Parameter::In(address_of(self.gpu.number(value, DType::F32)?), "f32"),
            Argument::Cell(cell) => {
                let (memory, address) = cell.memory();
                address_of(Arc::clone(memory));
                Parameter::In(address, cell.kind())
            }
            Argument::Table(bytes, kind) => Parameter::In(address_of(self.gpu.table(bytes)?), kind),
            Argument::Addresses(tensors, kind) => {
                let mut table = Vec::with_capacity(tensors.len());
                for tensor in tensors {
                    let memory = tensor.map(|tensor| self.memory(tensor)).transpose()?;
                    table.push(memory.map_or(0, |memory| address_of(memory).0.get()));
                }
                Parameter::In(address_of(self.gpu.table(bytemuck::cast_slice(&table))?), kind)
            }
            Argument::Size(size) => Parameter::U32(self.size(size)?),
            Argument::U32(number) => Parameter::U32(number),
            Argument::U64(number) => Parameter::U64(number),
            Argument::F32(number) => Parameter::F32(number),
            Argument::Words(words) => Parameter::Words(words.to_vec()),
        })
    }

    fn memory(&self, tensor: &Tensor) -> Result<Arc<Memory>> {
        match tensor.gpu_memory() {
            Some((gpu, memory)) if Arc::ptr_eq(gpu, self.gpu) => Ok(Arc::clone(memory)),
            _ => {
                let own = Device::Cuda(Arc::clone(self.gpu));
                Err(Error::mixed_devices(self.name, &[&own, &tensor.device()]))
            }
        }
    }

    /// Converts a size to the 32-bit integers of kernels. The grid-stride loops of [`Grid::over`] add up to 2^18 to an
    /// index before they compare it, so sizes within that distance of 2^32 are refused too.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if it does not fit.
    pub fn size(&self, size: usize) -> Result<u32> {
        let fits = |size: &u32| *size <= u32::MAX - Grid::MAX_STRIDE;
        let too_large = || Error::TooLarge { kernel: self.name.into(), size };
        u32::try_from(size).ok().filter(fits).ok_or_else(too_large)
    }
}

/// The name of an element type in the names of kernels.
fn element(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "f64",
        DType::F32 => "f32",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
    }
}
