//! The CUDA kernels, compiled as C++ and launched on the host as on a GPU.
//!
//! The kernels are the `.cu` files in the parent folder, one for each operation; `emulator/` implements the CUDA
//! extensions of C++. [`launch`] takes the arguments of `cuLaunchKernel`: a name, a grid, a block, the size of the
//! dynamic shared memory, and one argument for each parameter. It is stricter than a GPU: argument types are checked,
//! [`Memory`] is between guard pages, and unwritten memory is NaN.
//!
//! [`Setting::device`] returns a device of [`tensor`] that runs the same launches as a GPU.
//!
//! No other package of this repository depends on this one. It exists for its tests, which compare every kernel with the
//! reference of its operation, and for the tests of other projects, whose kernels it compiles too if the environment
//! variable `AGON_KERNELS` names their folder; the documentation of `agon::autograd::testing` shows how.

#![allow(unsafe_code)]

mod error;
mod memory;
mod launch;
mod emulator;

pub use emulator::Setting;
pub use error::{Error, Result};
pub use launch::{Argument, Order, launch, names, signature};
pub use memory::{Memory, Side};
