//! The compiled kernels, which the program carries.

/// One file of kernels, compiled for every architecture.
pub(super) struct Image {
    /// The file, without its ending.
    pub(super) file: &'static str,
    /// Its entry points.
    pub(super) kernels: &'static [&'static str],
    /// What the driver loads.
    pub(super) bytes: &'static [u8],
}

// `IMAGES`, and `MISSING`: why there are none. The build script writes it.
include!(concat!(env!("OUT_DIR"), "/images.rs"));
