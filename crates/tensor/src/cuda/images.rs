//! The compiled kernels embedded in the program, and the format of images that other crates add.

use std::collections::BTreeMap;

use crate::{Error, Result};

/// One source file of kernels, compiled for every architecture.
pub(super) struct Image {
    /// The file name without its extension.
    pub(super) file: &'static str,
    /// Its entry points.
    pub(super) kernels: &'static [&'static str],
    /// The fat binary that the driver loads.
    pub(super) bytes: &'static [u8],
}

/// Bytes with the alignment that the driver requires for a fat binary.
#[allow(dead_code, reason = "unused in a build without kernels")]
#[repr(C, align(64))]
pub(super) struct Aligned<T>(pub(super) T);

// Defines `IMAGES`, and `MISSING`, the reason why there are none. The build script writes this file.
include!(concat!(env!("OUT_DIR"), "/images.rs"));

/// Returns the bytes to load for an image of another crate. The driver takes no length, so the bytes must contain their
/// own end: the header of a fat binary gives its size, and PTX is text that ends with a zero byte.
pub(super) fn checked(name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    /// A header is this magic number, a version, the size of the header, and the size of the data after it.
    const FAT_BINARY: [u8; 4] = 0xba55_ed50u32.to_le_bytes();
    let refused = |got: String| Err(Error::Image { name: name.into(), got });
    if bytes.starts_with(&FAT_BINARY) {
        let little_endian = |bytes: &[u8]| bytes.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte));
        let sizes = [bytes.get(6..8), bytes.get(8..16)].map(|field| field.map(little_endian));
        return match sizes {
            [Some(header), Some(rest)] if header.saturating_add(rest) <= bytes.len() as u64 => {
                Ok(bytes.to_vec())
            }
            _ => refused(format!("{} bytes of a truncated fat binary", bytes.len())),
        };
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_end_matches('\0');
    match text.contains(".version") && !text.contains('\0') {
        true => Ok([text.as_bytes(), &[0]].concat()),
        false => refused(format!("{} bytes of another format", bytes.len())),
    }
}

/// The loaded images of other crates by name, with their bytes.
pub(super) struct Added<M>(BTreeMap<String, (Vec<u8>, M)>);

impl<M> Default for Added<M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<M> Added<M> {
    /// Loads the image with `load`, unless the same bytes are already loaded under this name.
    pub(super) fn add(
        &mut self,
        name: &str,
        bytes: &[u8],
        load: impl FnOnce(&[u8]) -> Result<M>,
    ) -> Result<()> {
        let bytes = checked(name, bytes)?;
        match self.0.get(name) {
            Some((known, _)) if *known == bytes => Ok(()),
            Some(_) => Err(Error::ImageName { name: name.into() }),
            None => {
                let module = load(&bytes)?;
                self.0.insert(name.into(), (bytes, module));
                Ok(())
            }
        }
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = &M> {
        self.0.values().map(|(_, module)| module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fat_binary_is_accepted_only_whole() {
        let header = [&0xba55_ed50u32.to_le_bytes()[..], &1u16.to_le_bytes(), &16u16.to_le_bytes()].concat();
        let whole = [&header[..], &8u64.to_le_bytes(), &[7; 8]].concat();
        assert_eq!(checked("it", &whole), Ok(whole.clone()));
        for length in 0..whole.len() {
            assert!(matches!(checked("it", &whole[..length]), Err(Error::Image { .. })), "{length} bytes");
        }
        let endless = [&header[..], &u64::MAX.to_le_bytes(), &[7; 8]].concat();
        assert!(checked("it", &endless).is_err());
    }

    #[test]
    fn ptx_is_terminated_and_other_bytes_are_refused() {
        let ptx = "// made by hand\n.version 8.0\n.target sm_80\n";
        let loaded = format!("{ptx}\0").into_bytes();
        assert_eq!(checked("it", ptx.as_bytes()), Ok(loaded.clone()));
        assert_eq!(checked("it", &loaded), Ok(loaded));
        for other in [&b""[..], b"hello", b"\x7fELF", b".version 8.0\0.target", &[0xff; 40]] {
            assert!(checked("it", other).is_err(), "{other:?}");
        }
        let message = checked("it", b"hello").unwrap_err().to_string();
        assert_eq!(
            message,
            "the kernel image `it`: expected a complete fat binary (`nvcc --fatbin`) or PTX, got 5 bytes of \
             another format"
        );
    }

    #[test]
    fn an_image_is_loaded_once_and_other_bytes_of_its_name_are_refused() {
        let mut added = Added::default();
        let [ptx, other] = ["8.0", "8.1"].map(|version| format!(".version {version}\n.target sm_80\n"));
        let refused = Error::Driver { device: "cuda:0".into(), what: "not today".into() };
        assert_eq!(added.add("it", ptx.as_bytes(), |_| Err(refused.clone())), Err(refused));
        let mut add = |bytes: &str, module| added.add("it", bytes.as_bytes(), |_| Ok(module));
        assert_eq!((add(&ptx, 1), add(&ptx, 2)), (Ok(()), Ok(())));
        assert_eq!(add(&other, 3), Err(Error::ImageName { name: "it".into() }));
        assert_eq!(added.modules().collect::<Vec<_>>(), [&1]);
    }

    #[test]
    fn images_are_aligned() {
        static IMAGE: Image = Image { file: "", kernels: &[], bytes: &Aligned(*b"odd").0 };
        assert_eq!((IMAGE.bytes, IMAGE.bytes.as_ptr() as usize % 64), (&b"odd"[..], 0));
        assert!(IMAGES.iter().all(|image| (image.bytes.as_ptr() as usize).is_multiple_of(64)));
    }
}
