//! CPU kernels: loops over slices, matrix multiplications and convolutions, compiled for each instruction set.

pub mod conv;
pub(crate) mod gemm;
pub(crate) mod isa;
pub(crate) mod loops;
