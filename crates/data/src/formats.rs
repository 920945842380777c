//! File formats of data sets: IDX, CIFAR records, MATLAB and numpy arrays, tar archives, and JPEG and PNG images.
//!
//! Inputs are untrusted: sizes are compared with the file before memory is allocated, and no input causes a panic.

pub mod cifar;
pub mod idx;
pub(crate) mod images;
pub mod mat;
pub mod npy;
pub(crate) mod stored;
pub mod tar;
mod zip;
