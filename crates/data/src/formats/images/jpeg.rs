//! Finds the end of a JPEG image from its markers, without decoding it.

/// The markers without a length: TEM, the eight RST markers, and SOI.
const BARE: [u8; 10] = [0x01, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8];
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// The first bytes of every JPEG file.
const START: [u8; 2] = [0xff, 0xd8];

/// Whether these bytes begin like a JPEG file.
pub(crate) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&START)
}

/// The bytes of a JPEG file up to and including its end-of-image marker; `None` if there is none.
///
/// Segments are skipped by their lengths, because a thumbnail within one has its own end marker. Bytes after the end,
/// such as the video of a motion photo, are not part of the image.
pub(crate) fn image(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = START.len();
    loop {
        // Decoders skip bytes before a marker, and markers may be padded with ff bytes.
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        at += bytes.get(at..)?.iter().position(|&byte| byte != 0xff)?;
        let marker = bytes[at];
        at += 1;
        match marker {
            END_OF_IMAGE => return Some(&bytes[..at]),
            // Not a marker: ff as data.
            0x00 => {}
            marker if BARE.contains(&marker) => {}
            marker => {
                let length = bytes.get(at..at + 2)?;
                at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                if marker == START_OF_SCAN {
                    at += scan(bytes.get(at..)?)?;
                }
            }
        }
    }
}

/// The length of the entropy-coded data at the beginning of these bytes: up to the first marker other than a restart.
fn scan(bytes: &[u8]) -> Option<usize> {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    bytes.windows(2).position(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a segment that contains a thumbnail, a scan with a stuffed ff byte and a restart, and the end
    /// marker.
    fn whole() -> Vec<u8> {
        let thumbnail = [0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9];
        let segment = [&[0xff, 0xff, 0xe1, 0, thumbnail.len() as u8 + 2][..], &thumbnail].concat();
        let scan = [0xff, 0xda, 0, 4, 1, 2, 5, 0xff, 0x00, 6, 0xff, 0xd3, 9, 0xff, 0xd9];
        [&START[..], &segment, &scan].concat()
    }

    #[test]
    fn an_image_ends_at_its_own_end_marker_whatever_follows() {
        let whole = whole();
        for behind in [&b""[..], &[0], &[0xff, 0xda, 0, 4, 1, 2, 3], &[0xff, 0xd8, 0xff, 0xd9, 1], &[0xff; 9]]
        {
            let file = [&whole[..], behind].concat();
            assert_eq!(image(&file), Some(&whole[..]), "{behind:?}");
        }
    }

    #[test]
    fn a_truncated_file_has_no_end() {
        let whole = whole();
        for end in START.len()..whole.len() {
            assert_eq!(image(&whole[..end]), None, "cut at {end}");
        }
    }
}
