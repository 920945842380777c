//! A CUDA kernel that adds the elements of each block.

use learn::block::{Memory, Thread};

/// What one thread does between two barriers. Phase 0 loads the block's part of `x`, of which the last block may have fewer elements
/// than threads, into `shared`, which has `width` elements. Each later phase halves the number of partial sums. After the last one,
/// of number log2(width), `shared[0]` is the sum of the block. Threads of a phase run in any order.
///
/// ```cuda
/// __shared__ float shared[WIDTH];
/// // phase 0
/// __syncthreads();
/// // phase 1, and so on
/// ```
pub fn block_sum(thread: Thread, x: &Memory, shared: &Memory) {
    // `x.read(thread, i)` is an element, `x.len()` their number, `shared.write(thread, i, value)` changes one.
    let _ = (thread, x);
    shared.write(thread, thread.index, 0.0); // replace this
}
