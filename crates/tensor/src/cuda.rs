//! The CUDA driver API as a [`Driver`]: one stream on a GPU, loaded at run time.
//!
//! Reading order: `context` opens a GPU once and loads kernels; `images` holds the compiled kernels; `staging` is the
//! pinned memory through which bytes are copied to the GPU; this file is one stream of work.

mod context;
mod images;
mod staging;

use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{DriverError, result, sys};

use crate::gpu::{Address, Command, Driver, Gpu, Launch, Replay, Traits};
use crate::{Error, Result};
use context::Context;
use staging::Staging;

/// Opens the GPU with this ordinal: each call creates its own stream.
pub(crate) fn open(ordinal: usize) -> Result<Arc<Gpu>> {
    let context = Context::open(ordinal)?;
    let stream = context.new_stream()?;
    let staging = Mutex::new(Staging::new(&context)?);
    Ok(Gpu::new(Cuda { queue: Arc::new(Queue { context, stream }), staging }))
}

/// The number of embedded entry points, or why there are none.
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
}

#[derive(Debug)]
struct Queue {
    context: Arc<Context>,
    stream: sys::CUstream,
}

// SAFETY: the handle of a stream may be used by any thread on which its context is current, and every use makes it so.
unsafe impl Send for Queue {}
// SAFETY: as above; the driver serialises calls on one stream.
unsafe impl Sync for Queue {}

impl Drop for Queue {
    fn drop(&mut self) {
        // A failure has been reported by the work that failed; it cannot be reported here.
        let _ = self.wait();
        // SAFETY: this value owns the stream, and nothing runs on it any more.
        let _ = unsafe { result::stream::destroy(self.stream) };
    }
}

impl Queue {
    /// Converts a driver error during `doing` into [`Error::Driver`].
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
    unsafe fn submit(&self, command: &Command, stream: sys::CUstream) -> Result<()> {
        match command {
            // SAFETY: the caller guarantees it.
            Command::Launch(launch) => unsafe { self.launch(launch, stream) },
            Command::Copy { to, from, bytes } => {
                // SAFETY: the caller guarantees that both regions are allocated.
                let done = unsafe { result::memcpy_dtod_async(to.0.get(), from.0.get(), *bytes, stream) };
                self.check("copying within the GPU", done)
            }
            Command::Clear { to, bytes } => {
                // SAFETY: the caller guarantees that the region is allocated.
                let done = unsafe { result::memset_d8_async(to.0.get(), 0, *bytes, stream) };
                self.check("clearing memory", done)
            }
        }
    }

    /// # Safety
    /// As [`Driver::run`].
    unsafe fn launch(&self, launch: &Launch, stream: sys::CUstream) -> Result<()> {
        let Launch { kernel, grid, parameters } = launch;
        let function = self.context.function(kernel, grid.shared)?;
        let mut values: Vec<Vec<u64>> = parameters.iter().map(|parameter| parameter.value()).collect();
        let mut pointers: Vec<_> = values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
        let [blocks, threads] = [grid.blocks, grid.threads].map(|[x, y, z]| (x, y, z));
        let shared = u32::try_from(grid.shared)
            .map_err(|_| Error::TooLarge { kernel: kernel.clone(), size: grid.shared })?;
        // SAFETY: the function belongs to a module that stays loaded; there is one pointer for each parameter, to its
        // bytes, which the driver copies; the caller guarantees the rest.
        let done = unsafe { result::launch_kernel(function, blocks, threads, shared, stream, &mut pointers) };
        self.check(&format!("launching `{kernel}`"), done)
    }
}

impl Driver for Cuda {
    fn name(&self) -> String {
        self.queue.context.name()
    }

    fn traits(&self) -> Traits {
        self.queue.context.traits()
    }

    fn add_image(&self, name: &str, bytes: &[u8]) -> Result<()> {
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
            // SAFETY: the caller guarantees that the memory was allocated here and is unused. After a driver failure this fails
            // too, and the memory is lost with everything else.
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
        // SAFETY: the caller guarantees that the memory there is as long.
        self.queue.check("copying to the GPU", unsafe { staging.write(to, bytes, self.queue.stream) })
    }

    unsafe fn read(&self, from: Address, bytes: &mut [u8]) -> Result<()> {
        self.queue.context.make_current()?;
        // SAFETY: the caller guarantees that the memory there is as long; the bytes outlive the copy, for which the
        // next line waits.
        let outcome = unsafe { result::memcpy_dtoh_async(bytes, from.0.get(), self.queue.stream) };
        self.queue.check("copying from the GPU", outcome)?;
        self.queue.wait()
    }

    unsafe fn run(&self, command: &Command) -> Result<()> {
        self.queue.context.make_current()?;
        // SAFETY: the caller guarantees it.
        unsafe { self.queue.submit(command, self.queue.stream) }
    }

    unsafe fn prepare(&self, commands: Vec<Command>) -> Result<Box<dyn Replay>> {
        let queue = &self.queue;
        queue.context.make_current()?;
        // Captured work is not executed; capturing uses its own stream, where nothing else runs.
        let stream = queue.context.new_stream()?;
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream was just made.
        queue.check("beginning a graph", unsafe { result::stream::begin_capture(stream, mode) })?;
        // SAFETY: the caller guarantees that all memory stays allocated as long as the graph lives.
        let outcome = commands.iter().try_for_each(|command| unsafe { queue.submit(command, stream) });
        // SAFETY: the stream is being captured.
        let graph = queue.check("ending a graph", unsafe { result::stream::end_capture(stream) });
        // SAFETY: nothing runs on the stream.
        let _ = unsafe { result::stream::destroy(stream) };
        outcome?;
        let graph = graph?;
        let no_flags = sys::CUgraphInstantiate_flags(0);
        // SAFETY: the graph was just made, is used once more, and is then destroyed.
        let executable = unsafe { result::graph::instantiate(graph, no_flags) };
        // SAFETY: as above; the executable graph does not need it.
        let _ = unsafe { result::graph::destroy(graph) };
        let executable = queue.check("preparing a graph", executable)?;
        Ok(Box::new(Graph { queue: Arc::clone(queue), executable }))
    }

    fn wait(&self) -> Result<()> {
        self.queue.wait()
    }
}

/// A captured CUDA graph.
#[derive(Debug)]
struct Graph {
    queue: Arc<Queue>,
    executable: sys::CUgraphExec,
}

// SAFETY: as for `Queue`, on whose stream alone it runs.
unsafe impl Send for Graph {}
// SAFETY: as above.
unsafe impl Sync for Graph {}

impl Replay for Graph {
    fn replay(&self) -> Result<()> {
        self.queue.context.make_current()?;
        // SAFETY: both are alive; the caller of `prepare` keeps the memory that the graph accesses.
        let done = unsafe { result::graph::launch(self.executable, self.queue.stream) };
        self.queue.check("launching a graph", done)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // The graph may still be running.
        let _ = self.queue.wait();
        // SAFETY: this value owns the graph, which is not running any more.
        let _ = unsafe { result::graph::exec_destroy(self.executable) };
    }
}
