//! CUDA graphs, built node by node from the commands of a recording.
//!
//! Streams are not captured, so other streams of the process may allocate, free and load kernels during a recording.
//! Each node depends on the one before it in its branch, so a replay runs the commands of a branch in their order, and
//! branches concurrently.

use std::ptr;
use std::sync::Arc;

use cudarc::driver::{DriverError, result, sys};

use super::Queue;
use super::context::Call;
use crate::Result;
use crate::gpu::{Command, Replay};

/// A graph that can be launched.
#[derive(Debug)]
pub(super) struct Graph {
    queue: Arc<Queue>,
    executable: sys::CUgraphExec,
}

/// A graph without its executable form.
struct Nodes<'q> {
    queue: &'q Queue,
    graph: sys::CUgraph,
    /// The last node of the current branch.
    last: Option<sys::CUgraphNode>,
}

impl Graph {
    /// Builds the graph of these lists of commands, with a branch for each.
    ///
    /// # Safety
    /// The requirement of [`Driver::prepare`](crate::gpu::Driver::prepare).
    pub(super) unsafe fn of(queue: &Arc<Queue>, branches: &[&[Command]]) -> Result<Self> {
        queue.context.make_current()?;
        let mut nodes = Nodes::new(queue)?;
        for commands in branches {
            nodes.last = None;
            // SAFETY: the caller guarantees that all memory that the commands access stays allocated as long as the
            // graph lives.
            commands.iter().try_for_each(|command| unsafe { nodes.add(command) })?;
        }
        // SAFETY: the graph is alive; its executable form stays valid after the graph is destroyed.
        let executable = unsafe { result::graph::instantiate(nodes.graph, sys::CUgraphInstantiate_flags(0)) };
        let executable = queue.check("instantiating a CUDA graph", executable)?;
        Ok(Self { queue: Arc::clone(queue), executable })
    }
}

impl<'q> Nodes<'q> {
    fn new(queue: &'q Queue) -> Result<Self> {
        let mut graph = ptr::null_mut();
        // SAFETY: the pointer is valid for one handle; the flags must be 0.
        let made = unsafe { sys::cuGraphCreate(&mut graph, 0) }.result();
        queue.check("creating a CUDA graph", made)?;
        Ok(Self { queue, graph, last: None })
    }

    /// Appends a node for the command.
    ///
    /// # Safety
    /// The requirement of [`Driver::prepare`](crate::gpu::Driver::prepare).
    unsafe fn add(&mut self, command: &Command) -> Result<()> {
        let before: &[sys::CUgraphNode] = self.last.as_slice();
        let (graph, before, n, context) =
            (self.graph, before.as_ptr(), before.len(), self.queue.context.handle());
        let mut node = ptr::null_mut();
        let outcome = match command {
            Command::Launch(launch) => {
                let mut call = Call::new(&self.queue.context, launch)?;
                let parameters = sys::CUDA_KERNEL_NODE_PARAMS {
                    func: call.function,
                    gridDimX: call.blocks[0],
                    gridDimY: call.blocks[1],
                    gridDimZ: call.blocks[2],
                    blockDimX: call.threads[0],
                    blockDimY: call.threads[1],
                    blockDimZ: call.threads[2],
                    sharedMemBytes: call.shared,
                    kernelParams: call.pointers().as_mut_ptr(),
                    extra: ptr::null_mut(),
                    kern: ptr::null_mut(),
                    ctx: ptr::null_mut(),
                };
                // SAFETY: the graph and the previous node are alive; the driver copies the bytes of the parameters, and
                // there is one for each parameter of the function.
                unsafe { sys::cuGraphAddKernelNode_v2(&mut node, graph, before, n, &parameters) }
            }
            // The driver rejects empty copies and fills.
            Command::Copy { bytes: 0, .. } | Command::Fill { bytes: 0, .. } => return Ok(()),
            Command::Copy { to, from, bytes } => {
                let copy = between(to.0.get(), from.0.get(), *bytes);
                // SAFETY: the graph and the previous node are alive; the caller guarantees that both regions stay
                // allocated.
                unsafe { sys::cuGraphAddMemcpyNode(&mut node, graph, before, n, &copy, context) }
            }
            Command::Fill { to, value, bytes } => {
                let fill = sys::CUDA_MEMSET_NODE_PARAMS {
                    dst: to.0.get(),
                    pitch: 0,
                    value: u32::from(*value),
                    elementSize: 1,
                    width: *bytes,
                    height: 1,
                };
                // SAFETY: the graph and the previous node are alive; the caller guarantees that the region stays
                // allocated.
                unsafe { sys::cuGraphAddMemsetNode(&mut node, graph, before, n, &fill, context) }
            }
        };
        self.queue.check(&format!("recording: {}", command.doing()), outcome.result())?;
        self.last = Some(node);
        Ok(())
    }
}

impl Drop for Nodes<'_> {
    fn drop(&mut self) {
        // SAFETY: this value owns the graph.
        let _: std::result::Result<(), DriverError> = unsafe { result::graph::destroy(self.graph) };
    }
}

/// The description of a one-row copy within the memory of the GPU.
fn between(to: sys::CUdeviceptr, from: sys::CUdeviceptr, bytes: usize) -> sys::CUDA_MEMCPY3D {
    let on_gpu = sys::CUmemorytype::CU_MEMORYTYPE_DEVICE;
    sys::CUDA_MEMCPY3D {
        srcXInBytes: 0,
        srcY: 0,
        srcZ: 0,
        srcLOD: 0,
        srcMemoryType: on_gpu,
        srcHost: ptr::null(),
        srcDevice: from,
        srcArray: ptr::null_mut(),
        reserved0: ptr::null_mut(),
        srcPitch: bytes,
        srcHeight: 1,
        dstXInBytes: 0,
        dstY: 0,
        dstZ: 0,
        dstLOD: 0,
        dstMemoryType: on_gpu,
        dstHost: ptr::null_mut(),
        dstDevice: to,
        dstArray: ptr::null_mut(),
        reserved1: ptr::null_mut(),
        dstPitch: bytes,
        dstHeight: 1,
        WidthInBytes: bytes,
        Height: 1,
        Depth: 1,
    }
}

// SAFETY: a graph runs only on the stream of its `Queue`, which may be used by any thread; its handle is not shared.
unsafe impl Send for Graph {}
// SAFETY: as for `Send`; the driver serialises launches on one stream.
unsafe impl Sync for Graph {}

impl Replay for Graph {
    fn replay(&self) -> Result<()> {
        self.queue.context.make_current()?;
        // SAFETY: the graph and the stream are alive; the caller of `prepare` guarantees that the memory stays
        // allocated.
        let done = unsafe { result::graph::launch(self.executable, self.queue.stream) };
        self.queue.check("launching a CUDA graph", done)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // The graph may still be running: wait for it.
        let _ = self.queue.wait();
        // SAFETY: this value owns the graph, and the wait above ensures that it is not running any more.
        let _ = unsafe { result::graph::exec_destroy(self.executable) };
    }
}
