//! Integer indices, such as class labels, rows or unmasked patches.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::gpu::{Gpu, Memory};
use crate::{Device, Error, Result, elements};

/// A shared list of non-negative integers.
///
/// Indices have no gradient, so they are fields of an operation and not inputs.
///
/// ```
/// use agon_tensor::Indices;
///
/// // Class labels, as a data set stores them in bytes.
/// let bytes: &[u8] = &[3, 0, 9];
/// assert_eq!(Indices::from(bytes), Indices::new(vec![3, 0, 9]));
/// ```
#[derive(Clone)]
pub struct Indices(Arc<Place>);

enum Place {
    Cpu {
        values: Vec<u32>,
        /// The cached copy on the GPU that used the indices last.
        copy: Mutex<Option<(Arc<Gpu>, Arc<Memory>)>>,
    },
    Gpu {
        gpu: Arc<Gpu>,
        memory: Arc<Memory>,
        below: u32,
    },
}

impl Indices {
    /// Creates indices with these values.
    pub fn new(values: Vec<u32>) -> Self {
        Self(Arc::new(Place::Cpu { values, copy: Mutex::default() }))
    }

    /// Allocates `len` indices on a GPU, to be written by kernels. The kernels must write values below `below`.
    pub fn written_on(gpu: &Arc<Gpu>, len: usize, below: u32) -> Result<Self> {
        let memory = gpu.allocate(elements(&[len])? * size_of::<u32>())?;
        Ok(Self(Arc::new(Place::Gpu { gpu: Arc::clone(gpu), memory, below })))
    }

    /// The number of indices.
    pub fn len(&self) -> usize {
        match &*self.0 {
            Place::Cpu { values, .. } => values.len(),
            Place::Gpu { memory, .. } => memory.len() / size_of::<u32>(),
        }
    }

    /// Whether there are no indices.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, in order.
    ///
    /// # Panics
    /// If the indices are on a GPU, where kernels write them.
    pub fn as_slice(&self) -> &[u32] {
        match &*self.0 {
            Place::Cpu { values, .. } => values,
            Place::Gpu { gpu, .. } => {
                panic!("`as_slice`: expected indices on the CPU, got indices on {gpu}; use `try_as_slice`")
            }
        }
    }

    /// [`Indices::as_slice`], with an error for indices on a GPU.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] if the indices are on a GPU, where kernels write them.
    pub fn try_as_slice(&self) -> Result<&[u32]> {
        match &*self.0 {
            Place::Cpu { values, .. } => Ok(values),
            Place::Gpu { gpu, .. } => Err(Error::Elsewhere { device: gpu.to_string() }),
        }
    }

    /// The largest value, if any; for indices on a GPU, an upper bound.
    pub fn max(&self) -> Option<u32> {
        match &*self.0 {
            Place::Cpu { values, .. } => values.iter().copied().max(),
            Place::Gpu { below, .. } => below.checked_sub(1).filter(|_| !self.is_empty()),
        }
    }

    /// A copy of the indices in the memory of this GPU; it is cached.
    pub(crate) fn on_gpu(&self, gpu: &Arc<Gpu>) -> Result<Arc<Memory>> {
        let (values, copy) = match &*self.0 {
            Place::Gpu { gpu: own, memory, .. } if Arc::ptr_eq(own, gpu) => return Ok(Arc::clone(memory)),
            Place::Gpu { gpu: own, .. } => {
                let devices = [own, gpu].map(|gpu| Device::Cuda(Arc::clone(gpu)));
                return Err(Error::mixed_devices("indices", &devices.each_ref()));
            }
            Place::Cpu { values, copy } => (values, copy),
        };
        let mut copy = copy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, memory)) = &*copy
            && Arc::ptr_eq(of, gpu)
        {
            return Ok(Arc::clone(memory));
        }
        let memory = gpu.allocate(values.len() * size_of::<u32>())?;
        gpu.upload(&memory, bytemuck::cast_slice(values))?;
        *copy = Some((Arc::clone(gpu), Arc::clone(&memory)));
        Ok(memory)
    }
}

impl From<Vec<u32>> for Indices {
    fn from(values: Vec<u32>) -> Self {
        Self::new(values)
    }
}

/// Converts a slice of bytes or 32-bit integers.
impl<T: Copy + Into<u32>> From<&[T]> for Indices {
    fn from(values: &[T]) -> Self {
        Self::new(values.iter().map(|&value| value.into()).collect())
    }
}

impl fmt::Debug for Indices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Place::Cpu { values, .. } => f.debug_tuple("Indices").field(values).finish(),
            Place::Gpu { gpu, below, .. } => write!(f, "Indices({} below {below}, on {gpu})", self.len()),
        }
    }
}

/// Compares values; indices on a GPU are equal only to themselves.
impl PartialEq for Indices {
    fn eq(&self, other: &Self) -> bool {
        match (&*self.0, &*other.0) {
            (Place::Cpu { values: one, .. }, Place::Cpu { values: other, .. }) => one == other,
            _ => Arc::ptr_eq(&self.0, &other.0),
        }
    }
}

impl Eq for Indices {}
