//! Reverse-mode automatic differentiation on a tape, and tests for every derivative.
//!
//! A [`Tape`] records each operation as it is computed; [`Tape::backward`] traverses the list in reverse and
//! accumulates gradients. An operation is an [`Op`]: the tensors it saves and its backward pass, one file
//! each in [`ops`]. [`gradcheck()`] compares the gradients of any function with finite differences.
//!
//! With the facade `agon` as the only dependency, the names of the examples `agon_autograd::…` and `tensor::…` are
//! `agon::autograd::…` and `agon::tensor::…`, and the most common ones are in `agon::prelude`.
//!
//! ```
//! use agon_autograd::{Tape, Var};
//! use tensor::Tensor;
//!
//! let tape = Tape::new();
//! let x = tape.input(&Tensor::from_vec(vec![1.0f64, -2.0], &[1, 2])?);
//! let w = tape.input(&Tensor::from_vec(vec![0.5f64, 1.0, -1.0, 0.25], &[2, 2])?);
//! let y = x.matmul(&w)?.tanh()?;
//! let loss = y.mse(&x)?;
//! let gradients = tape.backward(&loss)?;
//! println!("{:?}", gradients.of(&w)?.to_f64_vec());
//! # Ok::<(), agon_autograd::Error>(())
//! ```
#![forbid(unsafe_code)]

mod error;
mod tape;
mod gradients;
mod clipping;
mod cross_entropy;
mod var;
mod param;
mod op;
mod epilogue;
mod launch;
pub mod ops;
mod operators;
mod moments;
pub mod gradcheck;
#[cfg(feature = "testing")]
pub mod testing;

pub use cross_entropy::CrossEntropy;
pub use error::{Error, Result};
pub use gradcheck::{GradCheck, gradcheck};
pub use gradients::Gradients;
pub use op::{Op, if_needed, run_if};
pub use param::Param;
pub use tape::Tape;
pub use tape::anomaly::NonFinite;
pub use tape::view::{NodeKind, View, ViewNode};
pub use var::Var;
