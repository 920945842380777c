//! Tensors on a device, and the dispatch of kernels.
//!
//! Reading order: [`DType`] and [`Element`] define the element types and their accumulator types; [`Tensor`] is an
//! immutable array with shared storage; [`Kernel`] is a computation with a shape rule, a readable reference and, where
//! speed matters, a fast path; [`run`] is the only function that dispatches on device and element type. Derivatives are
//! in the crate `autograd`.
//!
//! With the facade `agon` as the only dependency, the names of the examples `agon_tensor::…` are `agon::tensor::…`, and
//! the most common ones are in `agon::prelude`.
//!
//! ```
//! use agon_tensor::{Map, Real, Tensor};
//!
//! /// `x^2`, element-wise.
//! #[derive(Clone, Copy)]
//! struct Square;
//!
//! impl Map for Square {
//!     const NAME: &'static str = "square";
//!
//!     fn formula<A: Real>(&self, x: A) -> A {
//!         x * x
//!     }
//! }
//!
//! let x = Tensor::from_vec(vec![1.0f32, -2.0, 3.0], &[3])?;
//! let [y] = agon_tensor::run(&Square, [&x])?;
//! assert_eq!(y.to_f64_vec(), [1.0, 4.0, 9.0]);
//! # Ok::<(), agon_tensor::Error>(())
//! ```

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
mod dry_run;
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
pub use dry_run::{Counts, dry_run, is_dry_run};
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
