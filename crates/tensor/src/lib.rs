//! Values on a device, and the one place that runs a kernel on them.
//!
//! Reading order: [`DType`] and [`Element`] say how numbers are stored and in what type they are
//! computed; [`Tensor`] is an immutable array with shared storage; [`Kernel`] is a computation with a
//! shape rule, a readable reference and, where it matters, a fast path; [`run`] is the only function
//! that asks which device and which type. This crate knows nothing of derivatives.

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
pub use epilogue::Epilogue;
pub use error::{Error, Result};
pub use indices::Indices;
pub use kernel::{Kernel, Slice, Stored, Update};
pub use memory::{MemoryStatistics, memory_statistics, release_cached_memory};
pub use run::{run, run_reference, update, update_all, with_references};
pub use shape::elements;
pub use tensor::Tensor;
