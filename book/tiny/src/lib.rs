//! A complete engine for scalars: a tape, its backward pass, a gradient check, a network and a picture of the graph;
//! and two algorithms of the large engine in their smallest form.
//!
//! The chapter `book/tape.md` builds it up step by step. The engine in `crates/` has the same structure, with tensors
//! in place of scalars.

#![forbid(unsafe_code)]

pub mod check;
pub mod graph;
pub mod matmul;
pub mod mlp;
pub mod online;
pub mod tape;

pub use tape::{Gradients, Tape, Var};
