//! Reverse-mode differentiation on a flat list, and the tools that prove every derivative.
//!
//! A [`Tape`] writes down each operation as it is computed; [`Tape::backward`] reads the list from the end
//! and adds up gradients. An operation is an [`Op`]: what it saves and how it differentiates, one file for
//! each in [`ops`]. [`gradcheck()`] compares any function with finite differences.
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
mod var;
mod param;
mod op;
mod epilogue;
mod launch;
pub mod ops;
mod moments;
pub mod gradcheck;

pub use error::{Error, Result};
pub use gradcheck::gradcheck;
pub use gradients::Gradients;
pub use op::Op;
pub use param::Param;
pub use tape::Tape;
pub use tape::anomaly::NonFinite;
pub use var::Var;
