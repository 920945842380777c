//! A complete engine for scalars: a tape, its backward pass, a gradient check, a network and a picture of the graph.
//!
//! The chapter `book/tape.md` builds it up step by step. The engine in `crates/` has the same structure, with tensors
//! in place of scalars.

#![forbid(unsafe_code)]

pub mod check;
pub mod graph;
pub mod mlp;
pub mod tape;

pub use tape::{Gradients, Tape, Var};
