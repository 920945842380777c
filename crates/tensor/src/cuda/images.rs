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

/// Bytes at the alignment that the driver expects of a fat binary.
#[allow(dead_code, reason = "a program without kernels has no images")]
#[repr(C, align(64))]
pub(super) struct Aligned<T>(pub(super) T);

// Defines `IMAGES`, and `MISSING`, the reason why there are none. The build script writes it.
include!(concat!(env!("OUT_DIR"), "/images.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_aligned() {
        static IMAGE: Image = Image { file: "", kernels: &[], bytes: &Aligned(*b"odd").0 };
        assert_eq!((IMAGE.bytes, IMAGE.bytes.as_ptr() as usize % 64), (&b"odd"[..], 0));
        assert!(IMAGES.iter().all(|image| image.bytes.as_ptr() as usize % 64 == 0));
    }
}
