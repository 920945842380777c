//! Whole numbers that choose: class labels, rows, kept patches.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::gpu::{Gpu, Memory};
use crate::{Device, Error, Result, elements};

/// A shared list of non-negative whole numbers.
///
/// Indices are never differentiated, so they are fields of an operation and not inputs of it.
#[derive(Clone)]
pub struct Indices(Arc<Place>);

enum Place {
    Cpu {
        values: Vec<u32>,
        /// The copy on the GPU that asked last.
        copy: Mutex<Option<(Arc<Gpu>, Arc<Memory>)>>,
    },
    Gpu {
        gpu: Arc<Gpu>,
        memory: Arc<Memory>,
        below: u32,
    },
}

impl Indices {
    /// Takes the values as they are.
    pub fn new(values: Vec<u32>) -> Self {
        Self(Arc::new(Place::Cpu { values, copy: Mutex::default() }))
    }

    /// Room for `len` numbers on a GPU, where kernels write them; all that they write is below `below`.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn written_on(gpu: &Arc<Gpu>, len: usize, below: u32) -> Result<Self> {
        let memory = Arc::new(gpu.allocate(elements(&[len])? * size_of::<u32>())?);
        Ok(Self(Arc::new(Place::Gpu { gpu: Arc::clone(gpu), memory, below })))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &*self.0 {
            Place::Cpu { values, .. } => values.len(),
            Place::Gpu { memory, .. } => memory.len() / size_of::<u32>(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, in order.
    ///
    /// # Panics
    /// If they are written on a GPU: the processor does not know them.
    pub fn as_slice(&self) -> &[u32] {
        match &*self.0 {
            Place::Cpu { values, .. } => values,
            Place::Gpu { gpu, .. } => {
                panic!("indices that are written on {gpu} are read by its kernels only")
            }
        }
    }

    /// The largest value, if there is one; of numbers that are written on a GPU, the largest that may be.
    pub fn max(&self) -> Option<u32> {
        match &*self.0 {
            Place::Cpu { values, .. } => values.iter().copied().max(),
            Place::Gpu { below, .. } => below.checked_sub(1).filter(|_| !self.is_empty()),
        }
    }

    /// Where they lie on this GPU; they are copied there once.
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
        let memory = Arc::new(gpu.allocate(values.len() * size_of::<u32>())?);
        gpu.upload(&memory, bytemuck::cast_slice(values))?;
        *copy = Some((Arc::clone(gpu), Arc::clone(&memory)));
        Ok(memory)
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

/// The same numbers; lists that are written on a GPU are equal only to themselves.
impl PartialEq for Indices {
    fn eq(&self, other: &Self) -> bool {
        match (&*self.0, &*other.0) {
            (Place::Cpu { values: one, .. }, Place::Cpu { values: other, .. }) => one == other,
            _ => Arc::ptr_eq(&self.0, &other.0),
        }
    }
}

impl Eq for Indices {}
