//! What the CPU computes: loops over slices, matrix multiplications and convolutions, compiled for its instruction set.

pub mod conv;
pub(crate) mod gemm;
pub(crate) mod isa;
pub(crate) mod loops;
