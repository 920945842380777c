//! A CUDA kernel that adds the elements of each block.
//!
//! One line is wrong. Find it.

use learn::block::{Memory, Thread};

/// What one thread does between two barriers: it loads an element in phase 0 and adds two partial sums in each later one.
pub fn block_sum(thread: Thread, x: &Memory, shared: &Memory) {
    let Thread { block, index, width, phase } = thread;
    if phase == 0 {
        let at = block * width + index;
        let value = if at < x.len() { x.read(thread, at) } else { 0.0 };
        shared.write(thread, index, value);
        return;
    }
    let stride = width >> phase;
    if index <= stride {
        let sum = shared.read(thread, index) + shared.read(thread, index + stride);
        shared.write(thread, index, sum);
    }
}
