//! A tensor in the memory of the emulated device, and launches over its elements.

use bytemuck::cast_slice;
use half::{bf16, f16};
use kernels::{Argument, Grid, Memory, Order, Side};
use tensor::{DType, Element, Tensor};

/// The device: where memory is fenced and in which order threads run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Device {
    pub(crate) order: Order,
}

/// A tensor on the device.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    memory: Memory,
    shape: Vec<usize>,
    dtype: DType,
}

impl Array {
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements, as kernels count.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.shape.iter().product::<usize>()).expect("kernels count in 32 bits")
    }

    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// The argument of a kernel that reads it.
    pub(crate) fn read(&self) -> Argument<'_> {
        Argument::In(&self.memory, element(self.dtype))
    }

    /// The argument of a kernel that writes it.
    pub(crate) fn write(&self) -> Argument<'_> {
        Argument::Out(&self.memory, element(self.dtype))
    }

    /// The address, for a list of pointers.
    pub(crate) fn address(&self) -> u64 {
        self.memory.pointer().expose_provenance() as u64
    }

    pub(crate) fn to_tensor(&self) -> Tensor {
        fn tensor<T: Element>(array: &Array) -> Tensor {
            let values = bytemuck::pod_collect_to_vec::<u8, T>(&array.memory.contents());
            Tensor::from_vec(values, &array.shape).expect("the memory holds as many elements as the shape")
        }
        match self.dtype {
            DType::F64 => unreachable!("kernels have no f64"),
            DType::F32 => tensor::<f32>(self),
            DType::F16 => tensor::<f16>(self),
            DType::BF16 => tensor::<bf16>(self),
        }
    }
}

/// How kernels call a type.
fn element(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => unreachable!("kernels have no f64"),
        DType::F32 => "f32",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
    }
}

impl Device {
    /// At which end the memory is fenced: over all orders, at both.
    fn side(self) -> Side {
        if self.order == Order::Backward { Side::Start } else { Side::End }
    }

    /// A copy of the tensor.
    pub(crate) fn put(self, tensor: &Tensor) -> Array {
        let bytes: &[u8] = match tensor.dtype() {
            DType::F64 => unreachable!("kernels have no f64"),
            DType::F32 => cast_slice(tensor.as_slice::<f32>().expect("the dtype was asked")),
            DType::F16 => cast_slice(tensor.as_slice::<f16>().expect("the dtype was asked")),
            DType::BF16 => cast_slice(tensor.as_slice::<bf16>().expect("the dtype was asked")),
        };
        let (shape, dtype) = (tensor.shape().to_vec(), tensor.dtype());
        Array { memory: Memory::of(bytes, self.side()), shape, dtype }
    }

    /// Whole numbers for kernels to read: `Argument::In(&memory, "u32")`.
    pub(crate) fn put_u32(self, numbers: &[u32]) -> Memory {
        Memory::of(cast_slice(numbers), self.side())
    }

    /// Large whole numbers, or addresses.
    pub(crate) fn put_u64(self, numbers: &[u64]) -> Memory {
        Memory::of(cast_slice(numbers), self.side())
    }

    /// Memory for a tensor; it holds NaN.
    pub(crate) fn new_array(self, shape: &[usize], dtype: DType) -> Array {
        let bytes = shape.iter().product::<usize>() * dtype.size();
        Array { memory: Memory::new(bytes, self.side()), shape: shape.to_vec(), dtype }
    }

    /// Launches `entry` in its version for `dtype`, as [`Device::launch_one`].
    pub(crate) fn launch(self, entry: &str, dtype: DType, grid: Grid, arguments: &[Argument<'_>]) {
        self.launch_one(&format!("{entry}_{}", element(dtype)), grid, arguments);
    }

    /// Launches the kernel of this name; without blocks there is nothing to do, and nothing is done.
    pub(crate) fn launch_one(self, name: &str, grid: Grid, arguments: &[Argument<'_>]) {
        if !grid.blocks.contains(&0) {
            kernels::launch(name, grid, self.order, arguments).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// One thread for each of `threads`, in blocks of 256 along x, and at most 1024 blocks: kernels go round.
pub(crate) fn over(threads: u32) -> Grid {
    blocks_of(threads.div_ceil(256).min(1024), 256)
}

/// This many blocks of this many threads along x.
pub(crate) fn blocks_of(blocks: u32, threads: u32) -> Grid {
    Grid { blocks: [blocks, 1, 1], threads: [threads, 1, 1], shared: 0 }
}
