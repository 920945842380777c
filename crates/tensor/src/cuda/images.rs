//! The compiled kernels embedded in the program.

/// One source file of kernels, compiled for every architecture.
pub(super) struct Image {
    /// The file name without its extension.
    pub(super) file: &'static str,
    /// Its entry points.
    pub(super) kernels: &'static [&'static str],
    /// The fat binary that the driver loads.
    pub(super) bytes: &'static [u8],
}

// Defines `IMAGES`, and `MISSING`, the reason why there are none. The build script writes it.
include!(concat!(env!("OUT_DIR"), "/images.rs"));
