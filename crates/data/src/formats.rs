//! File formats of data sets: IDX, CIFAR's records, MATLAB arrays, tar archives, and JPEG and PNG images.
//!
//! Readers take bytes from strangers: sizes are compared with the file before anything is allocated, and no input panics.

pub mod cifar;
pub mod idx;
pub(crate) mod images;
pub mod mat;
pub(crate) mod stored;
pub mod tar;
