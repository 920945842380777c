//! The tensor type: an immutable multi-dimensional array with shared storage.

mod arrays;
mod transfer;

use std::fmt;
use std::sync::Arc;

use half::{bf16, f16};

use crate::gpu::{Gpu, Memory};
use crate::memory::Buffer;
use crate::{DType, Device, Element, Error, Result, dry_run, elements};

/// An immutable multi-dimensional array: a shape, an element type and shared storage.
///
/// The elements are contiguous in row-major order; there are no strided views. Cloning and
/// [`reshape`](Self::reshape) share the storage.
///
/// ```
/// use agon_tensor::{DType, Tensor};
///
/// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
/// assert_eq!((x.shape(), x.dtype()), ([2, 3].as_slice(), DType::F32));
/// assert_eq!(x.rows(1..2)?.as_slice::<f32>()?, [4.0, 5.0, 6.0]);
/// assert_eq!(x.matrix::<f32>()?.column(2).to_vec(), [3.0, 6.0]);
/// # Ok::<(), agon_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    dtype: DType,
    storage: Arc<Elements>,
}

/// The memory of the elements.
enum Elements {
    Cpu(Buffer),
    Gpu(Arc<Gpu>, Arc<Memory>),
}

impl Tensor {
    /// Creates a tensor from values in row-major order.
    ///
    /// # Errors
    /// As [`Tensor::from_slice`].
    pub fn from_vec<T: Element>(values: Vec<T>, shape: &[usize]) -> Result<Self> {
        Self::from_slice(&values, shape)
    }

    /// Creates a tensor by copying values in row-major order.
    ///
    /// # Errors
    /// [`Error::Length`] if the number of values is not the number of elements of the shape;
    /// [`Error::TooManyElements`] if the shape is too large; [`Error::OutOfMemory`].
    pub fn from_slice<T: Element>(values: &[T], shape: &[usize]) -> Result<Self> {
        let expected = elements(shape)?;
        if values.len() != expected {
            return Err(Error::Length { shape: shape.to_vec(), expected, values: values.len() });
        }
        let mut tensor = Self::try_uninitialised(shape, T::DTYPE)?;
        tensor.own_mut::<T>().copy_from_slice(values);
        Ok(tensor)
    }

    /// A tensor filled with `value`, rounded to `dtype`.
    ///
    /// # Panics
    /// If [`Tensor::try_full`] returns an error.
    pub fn full(value: f64, shape: &[usize], dtype: DType) -> Self {
        Self::try_full(value, shape, dtype).unwrap_or_else(|error| panic!("{error}"))
    }

    /// [`Tensor::full`] for sizes from untrusted input: it returns an error instead of a panic.
    ///
    /// # Errors
    /// [`Error::TooManyElements`] if the shape is too large; [`Error::OutOfMemory`].
    pub fn try_full(value: f64, shape: &[usize], dtype: DType) -> Result<Self> {
        if value == 0.0 && dry_run::is_dry_run() {
            return dry_run::shared_zeros(shape, dtype);
        }
        Self::filled(value, shape, dtype)
    }

    /// [`Tensor::try_full`] in a buffer of its own.
    pub(crate) fn filled(value: f64, shape: &[usize], dtype: DType) -> Result<Self> {
        let mut tensor = Self::try_uninitialised(shape, dtype)?;
        match dtype {
            DType::F64 => tensor.own_mut::<f64>().fill(value),
            DType::F32 => tensor.own_mut::<f32>().fill(value as f32),
            DType::F16 => tensor.own_mut::<f16>().fill(f16::from_f64(value)),
            DType::BF16 => tensor.own_mut::<bf16>().fill(bf16::from_f64(value)),
        }
        Ok(tensor)
    }

    /// A tensor filled with zeros.
    ///
    /// # Panics
    /// As [`Tensor::full`]; [`Tensor::zeros_on`] returns an error instead.
    pub fn zeros(shape: &[usize], dtype: DType) -> Self {
        Self::full(0.0, shape, dtype)
    }

    /// Allocates a tensor with arbitrary elements; the caller must write all of them before reading any.
    ///
    /// # Errors
    /// As [`Tensor::try_full`].
    pub(crate) fn try_uninitialised(shape: &[usize], dtype: DType) -> Result<Self> {
        // `elements` checks that even the widest type is addressable.
        let buffer = Buffer::try_of(elements(shape)? * dtype.size())?;
        Ok(Self { shape: shape.to_vec(), dtype, storage: Arc::new(Elements::Cpu(buffer)) })
    }

    /// A tensor over a prefix of the storage of `other`, which is on the CPU and at least as large.
    pub(crate) fn over_storage_of(other: &Self, shape: &[usize], dtype: DType) -> Self {
        Self { shape: shape.to_vec(), dtype, storage: Arc::clone(&other.storage) }
    }

    /// [`Tensor::try_uninitialised`] for the shape of an existing tensor.
    fn uninitialised(shape: &[usize], dtype: DType) -> Self {
        Self::try_uninitialised(shape, dtype).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Allocates a tensor on any device without initialising it.
    pub(crate) fn uninitialised_on(device: &Device, shape: &[usize], dtype: DType) -> Result<Self> {
        match device {
            Device::Cpu => Self::try_uninitialised(shape, dtype),
            Device::Cuda(gpu) => {
                let memory = gpu.allocate(elements(shape)? * dtype.size())?;
                Ok(Self::on_gpu(gpu, memory, shape, dtype))
            }
        }
    }

    /// A tensor over this GPU memory.
    pub(crate) fn on_gpu(gpu: &Arc<Gpu>, memory: Arc<Memory>, shape: &[usize], dtype: DType) -> Self {
        let storage = Arc::new(Elements::Gpu(Arc::clone(gpu), memory));
        Self { shape: shape.to_vec(), dtype, storage }
    }

    /// The sizes of the axes; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The device that holds the elements.
    pub fn device(&self) -> Device {
        match &*self.storage {
            Elements::Cpu(_) => Device::Cpu,
            Elements::Gpu(gpu, _) => Device::Cuda(Arc::clone(gpu)),
        }
    }

    /// Whether both tensors are the same elements in the same memory.
    pub fn shares_storage(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    pub(crate) fn gpu_memory(&self) -> Option<(&Arc<Gpu>, &Arc<Memory>)> {
        match &*self.storage {
            Elements::Cpu(_) => None,
            Elements::Gpu(gpu, memory) => Some((gpu, memory)),
        }
    }

    /// The bytes of the elements in host memory.
    pub(crate) fn bytes(&self) -> Result<&[u8]> {
        match &*self.storage {
            // The zeros of dry runs share a buffer that may be larger.
            Elements::Cpu(buffer) => Ok(&buffer.bytes()[..self.len() * self.dtype.size()]),
            Elements::Gpu(gpu, _) => Err(Error::Elsewhere { device: gpu.to_string() }),
        }
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// [`Error::DType`] if the elements are not of type `T`, [`Error::Elsewhere`] if they are on a GPU.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        if self.dtype != T::DTYPE {
            return Err(Error::DType { expected: T::DTYPE, got: self.dtype });
        }
        Ok(bytemuck::cast_slice(self.bytes()?))
    }

    /// The elements converted to `f64`, exactly, in row-major order.
    ///
    /// # Panics
    /// If they are on a GPU whose driver fails; [`Tensor::to_device`] returns an error instead.
    pub fn to_f64_vec(&self) -> Vec<f64> {
        if self.gpu_memory().is_some() {
            return self.to_device(&Device::Cpu).unwrap_or_else(|error| panic!("{error}")).to_f64_vec();
        }
        fn widened<T: Element>(tensor: &Tensor) -> Vec<f64> {
            tensor.own::<T>().iter().map(|x| x.to_f64()).collect()
        }
        match self.dtype {
            DType::F64 => widened::<f64>(self),
            DType::F32 => widened::<f32>(self),
            DType::F16 => widened::<f16>(self),
            DType::BF16 => widened::<bf16>(self),
        }
    }

    /// The value of a tensor with one element.
    ///
    /// # Errors
    /// [`Error::NotAScalar`] if there is not exactly one element; or if it is on a GPU whose driver fails.
    pub fn item(&self) -> Result<f64> {
        match self.to_device(&Device::Cpu)?.to_f64_vec().as_slice() {
            &[value] => Ok(value),
            _ => Err(Error::NotAScalar { shape: self.shape.clone() }),
        }
    }

    /// Converts the elements to `dtype`, rounding to nearest; the result is on the CPU unless nothing changes.
    ///
    /// # Panics
    /// As [`Tensor::to_f64_vec`].
    pub fn to_dtype(&self, dtype: DType) -> Self {
        fn narrowed<T: Element>(values: &[f64], shape: &[usize]) -> Tensor {
            let mut tensor = Tensor::uninitialised(shape, T::DTYPE);
            tensor.own_mut::<T>().iter_mut().zip(values).for_each(|(to, &from)| *to = T::from_f64(from));
            tensor
        }
        if dtype == self.dtype {
            return self.clone();
        }
        let values = self.to_f64_vec();
        match dtype {
            DType::F64 => narrowed::<f64>(&values, &self.shape),
            DType::F32 => narrowed::<f32>(&values, &self.shape),
            DType::F16 => narrowed::<f16>(&values, &self.shape),
            DType::BF16 => narrowed::<bf16>(&values, &self.shape),
        }
    }

    /// A tensor with the same elements in another shape; the storage is shared.
    ///
    /// # Errors
    /// [`Error::Length`] if the shape has another number of elements; [`Error::TooManyElements`] if it is too large.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        let expected = elements(shape)?;
        if expected != self.len() {
            return Err(Error::Length { shape: shape.to_vec(), expected, values: self.len() });
        }
        Ok(Self { shape: shape.to_vec(), ..self.clone() })
    }

    /// The elements of a tensor on the CPU, whose type the caller has checked.
    pub(crate) fn own<T: Element>(&self) -> &[T] {
        self.as_slice().expect("the dtype was checked before")
    }

    /// The elements for writing. Shared storage is copied first, so that other owners keep the old elements.
    pub(crate) fn own_mut<T: Element>(&mut self) -> &mut [T] {
        assert_eq!(self.dtype, T::DTYPE, "the dtype was checked before");
        if Arc::get_mut(&mut self.storage).is_none() {
            let shared = self.bytes().expect("the device was checked before");
            let mut copy = Buffer::of(shared.len());
            copy.bytes_mut().copy_from_slice(shared);
            self.storage = Arc::new(Elements::Cpu(copy));
        }
        bytemuck::cast_slice_mut(self.buffer_mut().bytes_mut())
    }

    fn buffer_mut(&mut self) -> &mut Buffer {
        match Arc::get_mut(&mut self.storage) {
            Some(Elements::Cpu(buffer)) => buffer,
            _ => unreachable!("the storage is exclusively owned and on the CPU"),
        }
    }
}

/// Formats the element type, the shape and the first elements.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 24;
        if let Some((gpu, _)) = self.gpu_memory() {
            return write!(f, "{} {:?} on {gpu}", self.dtype, self.shape);
        }
        let values = self.to_f64_vec();
        let more = if values.len() > SHOWN { ", ..." } else { "" };
        let shown: Vec<String> = values.iter().take(SHOWN).map(|x| format!("{x}")).collect();
        write!(f, "{} {:?} [{}{more}]", self.dtype, self.shape, shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_number_of_values_is_an_error_that_says_both_numbers() {
        let message = Tensor::from_vec(vec![1.0f32; 5], &[2, 3]).unwrap_err().to_string();
        assert!(message.contains('5') && message.contains("[2, 3]") && message.contains('6'), "{message}");
    }

    #[test]
    fn writing_to_shared_storage_leaves_the_others_as_they_were() {
        let first = Tensor::from_vec(vec![1.0f32, 2.0], &[2]).unwrap();
        let mut second = first.clone();
        second.own_mut::<f32>()[0] = 9.0;
        assert_eq!(first.to_f64_vec(), [1.0, 2.0]);
        assert_eq!(second.to_f64_vec(), [9.0, 2.0]);
    }

    #[test]
    fn reading_as_another_type_is_an_error() {
        let tensor = Tensor::zeros(&[2], DType::F16);
        assert_eq!(
            tensor.as_slice::<f32>().unwrap_err(),
            Error::DType { expected: DType::F32, got: DType::F16 }
        );
    }

    #[test]
    fn sixteen_bits_round_trip_through_f64() {
        let tensor = Tensor::from_vec(vec![0.1f32, -3.0, 1e5], &[3]).unwrap();
        assert_eq!(tensor.to_dtype(DType::BF16).to_dtype(DType::F64).to_f64_vec()[1], -3.0);
        assert_eq!(tensor.to_dtype(DType::F16).to_f64_vec()[2], f64::INFINITY);
    }

    #[test]
    fn sizes_that_overflow_or_do_not_fit_into_memory_are_errors() {
        let message = Tensor::from_vec::<f32>(vec![], &[1 << 32, 1 << 32]).unwrap_err().to_string();
        assert!(message.contains("[4294967296, 4294967296]"), "{message}");
        assert!(Tensor::from_vec::<f32>(vec![], &[0, 1 << 63]).is_err());
        let x = Tensor::zeros(&[32], DType::F32);
        for shape in [[(1 << 63) + 16, 2], [1 << 32, 1 << 32], [usize::MAX, 32]] {
            assert!(x.reshape(&shape).is_err());
            assert!(Tensor::try_full(1.0, &shape, DType::F16).is_err());
            assert!(Tensor::zeros_on(&Device::Cpu, &shape, DType::F64).is_err());
        }
        let error = Tensor::try_full(0.0, &[1 << 50], DType::F32).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    }

    #[test]
    fn a_tensor_can_be_empty_or_a_scalar() {
        assert!(Tensor::zeros(&[0, 3], DType::F32).is_empty());
        assert_eq!(Tensor::full(2.5, &[], DType::F32).item(), Ok(2.5));
        assert!(Tensor::zeros(&[2], DType::F32).item().is_err());
    }
}
