//! The CUDA kernels, compiled as C++ and launched on the host as a GPU's driver launches them on a GPU.
//!
//! The kernels are the `.cu` files beside this folder, one for each operation; `emulator/` holds what CUDA adds
//! to C++. [`launch`] takes what `cuLaunchKernel` takes: a name, a grid, a block, the size of the dynamic shared
//! memory, and one argument for each parameter. It is stricter than a GPU: arguments are compared with the types
//! of the parameters, [`Memory`] lies between pages that must not be touched, and whatever a kernel has not
//! written is NaN.
//!
//! [`Setting::device`] is a device of [`tensor`]: what runs there runs the same launches as on a GPU.
//!
//! Nothing depends on this package. It exists for its tests, which hold every kernel against the reference of its
//! operation.

#![allow(unsafe_code)]

mod error;
mod memory;
mod launch;
mod emulator;

pub use emulator::Setting;
pub use error::{Error, Result};
pub use launch::{Argument, Order, launch, names, signature};
pub use memory::{Memory, Side};
