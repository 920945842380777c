//! The CUDA driver API as a [`Driver`]: one stream on a GPU, loaded at run time.
//!
//! Reading order: `context` opens a GPU once and loads kernels; `library` finds the file of the driver; `images` holds
//! the compiled kernels; `staging` is the pinned memory through which bytes are copied to the GPU; this file is one
//! stream of work, and `graph` a recorded part of it. This code has not run on a GPU yet.

mod context;
mod graph;
mod images;
mod library;
mod staging;

use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{DriverError, result, sys};

use crate::Result;
use crate::gpu::{Address, Command, Driver, Gpu, Replay, Traits};
use context::{Call, Context};
use graph::Graph;
use staging::Staging;

/// Opens the GPU with this ordinal. Each call creates a stream of its own, which selects kernels by the properties that
/// `change` returns for those of the GPU.
pub(crate) fn open(ordinal: usize, change: impl FnOnce(Traits) -> Traits) -> Result<Arc<Gpu>> {
    let context = Context::open(ordinal)?;
    let traits = change(context.traits());
    let stream = context.new_stream()?;
    let staging = Mutex::new(Staging::new(&context)?);
    Ok(Gpu::new(Cuda { queue: Arc::new(Queue { context, stream }), staging, traits }))
}

/// The number of embedded entry points, or the reason why there are none.
pub(crate) fn kernels() -> std::result::Result<usize, &'static str> {
    match images::IMAGES.iter().map(|image| image.kernels.len()).sum() {
        0 => Err(images::MISSING),
        n => Ok(n),
    }
}

/// One stream on a GPU, with its staging memory.
#[derive(Debug)]
struct Cuda {
    queue: Arc<Queue>,
    staging: Mutex<Staging>,
    traits: Traits,
}

#[derive(Debug)]
struct Queue {
    context: Arc<Context>,
    stream: sys::CUstream,
}

// SAFETY: a stream may be used by any thread on which its context is current, and every use makes the context current.
unsafe impl Send for Queue {}
// SAFETY: as for `Send`; the driver serialises calls on one stream.
unsafe impl Sync for Queue {}

impl Drop for Queue {
    fn drop(&mut self) {
        // A failure was already reported by the call that failed; it cannot be reported here.
        let _ = self.wait();
        // SAFETY: this value owns the stream, and no work is running on it any more.
        let _ = unsafe { result::stream::destroy(self.stream) };
    }
}

impl Queue {
    /// Converts a driver error into [`Error::Driver`](crate::Error::Driver); `doing` names the action that failed.
    fn check<T>(&self, doing: &str, outcome: std::result::Result<T, DriverError>) -> Result<T> {
        self.context.check(doing, outcome)
    }

    fn wait(&self) -> Result<()> {
        self.context.make_current()?;
        // SAFETY: the stream is alive.
        self.check("waiting for the GPU", unsafe { result::stream::synchronize(self.stream) })
    }

    /// # Safety
    /// As [`Driver::run`].
    unsafe fn submit(&self, command: &Command) -> Result<()> {
        let stream = self.stream;
        let done = match command {
            Command::Launch(launch) => {
                let mut call = Call::new(&self.context, launch)?;
                let [blocks, threads] = [call.blocks, call.threads].map(|[x, y, z]| (x, y, z));
                let (function, shared) = (call.function, call.shared);
                // SAFETY: the function belongs to a module that stays loaded; there is one pointer for each parameter,
                // to its bytes, which the driver copies; the caller guarantees that all memory that the launch accesses
                // stays allocated.
                unsafe { result::launch_kernel(function, blocks, threads, shared, stream, call.pointers()) }
            }
            // SAFETY: the caller guarantees that both regions stay allocated until the copy is done.
            Command::Copy { to, from, bytes } => unsafe {
                result::memcpy_dtod_async(to.0.get(), from.0.get(), *bytes, stream)
            },
            // SAFETY: the caller guarantees that the region stays allocated until the fill is done.
            Command::Fill { to, value, bytes } => unsafe {
                result::memset_d8_async(to.0.get(), *value, *bytes, stream)
            },
        };
        done.or_else(|error| self.check(&command.doing(), Err(error)))
    }
}

impl Driver for Cuda {
    fn name(&self) -> String {
        self.queue.context.name()
    }

    fn traits(&self) -> Traits {
        self.traits
    }

    unsafe fn add_image(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.queue.context.add_image(name, bytes)
    }

    /// Rounds up to one of eight sizes per power of two, and at least to the alignment of the GPU.
    fn rounded(&self, bytes: usize) -> usize {
        let step = (bytes.next_power_of_two() / 16).max(256);
        bytes.next_multiple_of(step)
    }

    fn allocate(&self, bytes: usize) -> Result<Option<Address>> {
        self.queue.context.make_current()?;
        // SAFETY: the context is current; the result is checked.
        match unsafe { result::malloc_sync(bytes) } {
            Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => Ok(None),
            outcome => {
                Ok(std::num::NonZeroU64::new(self.queue.check("allocating memory", outcome)?).map(Address))
            }
        }
    }

    unsafe fn free(&self, address: Address, _: usize) {
        if self.queue.wait().is_ok() {
            // SAFETY: the caller guarantees that `allocate` returned this address and that the memory is not used any
            // more. After a driver failure this call fails too, and the memory is leaked.
            let _ = unsafe { result::free_sync(address.0.get()) };
        }
    }

    fn memory(&self) -> Result<[usize; 2]> {
        self.queue.context.make_current()?;
        let (free, total) = self.queue.check("reading the amount of memory", result::mem_get_info())?;
        Ok([free, total])
    }

    unsafe fn write(&self, to: Address, bytes: &[u8]) -> Result<()> {
        self.queue.context.make_current()?;
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the context is current; the caller guarantees at least `bytes.len()` allocated bytes at `to`.
        self.queue.check("copying to the GPU", unsafe { staging.write(to, bytes, self.queue.stream) })
    }

    unsafe fn read(&self, from: Address, bytes: &mut [u8]) -> Result<()> {
        self.queue.context.make_current()?;
        // SAFETY: the caller guarantees at least `bytes.len()` allocated bytes at `from`; `bytes` outlives the copy,
        // because this function waits for it.
        let outcome = unsafe { result::memcpy_dtoh_async(bytes, from.0.get(), self.queue.stream) };
        self.queue.check("copying from the GPU", outcome)?;
        self.queue.wait()
    }

    unsafe fn run(&self, command: &Command) -> Result<()> {
        self.queue.context.make_current()?;
        // SAFETY: the caller guarantees that all memory that the command accesses stays allocated until it is done.
        unsafe { self.queue.submit(command) }
    }

    unsafe fn prepare(&self, branches: &[&[Command]]) -> Result<Box<dyn Replay>> {
        // SAFETY: the caller guarantees that all memory that the commands access stays allocated as long as the graph
        // lives.
        Ok(Box::new(unsafe { Graph::of(&self.queue, branches) }?))
    }

    fn wait(&self) -> Result<()> {
        self.queue.wait()
    }
}
