//! Tensors on a device, and the dispatch of kernels.
//!
//! Reading order: [`DType`] and [`Element`] define the element types and the type of arithmetic;
//! [`Tensor`] is an immutable array with shared storage; [`Kernel`] is a computation with a shape rule,
//! a readable reference and, where it matters, a fast path; [`run`] is the only function that dispatches
//! on device and element type. Derivatives are in the crate `autograd`.

#![allow(unsafe_code)]

mod error;
mod cuda;
mod dtype;
mod device;
pub mod gpu;
mod shape;
mod tensor;
mod indices;
mod kernel;
pub mod elementwise;
mod epilogue;
mod run;
pub mod flops;
pub mod random;
mod memory;
mod cpu;
pub mod sums;
pub mod math;

pub use cpu::conv;
pub use cpu::gemm::{Init, Matrix, gemm_f32};
pub use cpu::isa::{Isa, Work};
pub use cpu::loops::{planes, rows, vector};
pub use device::{Device, cuda_kernels};
pub use dtype::{DType, Element, Real};
pub use elementwise::{Map, Map2};
pub use epilogue::FusedActivation;
pub use error::{Error, Result};
pub use indices::Indices;
pub use kernel::{Kernel, Slice, Storage, Update};
pub use memory::{MemoryStatistics, memory_statistics, release_cached_memory};
pub use run::{run, run_reference, update, update_all, with_references};
pub use shape::elements;
pub use tensor::Tensor;
