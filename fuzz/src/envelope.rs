//! Envelopes for mutated bytes, so that they are parsed beyond the checksums: compression and repaired checksums.

use flate2::Crc;

/// A gzip stream of uncompressed blocks, which is fast to create.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(content);
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let foot = [crc.sum(), crc.amount()].map(u32::to_le_bytes);
    [&head[..], &stored(content), foot.as_flattened()].concat()
}

/// A MAT-file whose only element is the compressed rest of `file` after its header.
pub fn compressed_array(file: &[u8]) -> Vec<u8> {
    let (header, array) = file.split_at(file.len().min(128));
    let mut sums = [1, 0];
    for &byte in array {
        sums[0] = (sums[0] + u32::from(byte)) % 65_521;
        sums[1] = (sums[1] + sums[0]) % 65_521;
    }
    let adler = (sums[1] << 16 | sums[0]).to_be_bytes();
    let stream = [&[0x78, 0x01], &stored(array)[..], &adler].concat();
    let tag = [15, stream.len() as u32].map(u32::to_le_bytes);
    [header, tag.as_flattened(), &stream].concat()
}

/// Uncompressed deflate blocks.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut stream = Vec::with_capacity(content.len() + 16);
    for block in content.chunks(0xffff) {
        let length = block.len() as u16;
        stream.push(0);
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    // The last block is an empty one.
    stream.extend([1, 0, 0, 0xff, 0xff]);
    stream
}

/// Repairs the checksum of every chunk of a PNG image.
pub fn png(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let mut at = 8;
    while let Some(length) = file.get(at..at + 4) {
        let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        let end = at + 8 + length;
        let Some(chunk) = file.get(at + 4..end) else { break };
        let mut crc = Crc::new();
        crc.update(chunk);
        let Some(place) = file.get_mut(end..end + 4) else { break };
        place.copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
    file
}

/// An NPZ archive with these bytes as its only array, stored or, for an even number of bytes, deflated.
pub fn npz(array: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(array);
    let (method, packed) = match array.len().is_multiple_of(2) {
        true => (8, stored(array)),
        false => (0, array.to_vec()),
    };
    let sizes = [crc.sum(), packed.len() as u32, array.len() as u32].map(u32::to_le_bytes);
    let common = [&[20, 0, 0, 0, method, 0, 0, 0, 0, 0][..], sizes.as_flattened(), &[5, 0, 0, 0]].concat();
    let content = [&b"PK\x03\x04"[..], &common, b"a.npy", &packed].concat();
    let directory = [&b"PK\x01\x02\x14\0"[..], &common, &[0; 14], b"a.npy"].concat();
    let places = [directory.len() as u32, content.len() as u32].map(u32::to_le_bytes);
    let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], places.as_flattened(), &[0, 0]].concat();
    [content, directory, end].concat()
}

/// Repairs the checksum of every header block of a tar archive.
pub fn tar(archive: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    for block in archive.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    archive
}

/// Repairs the header length of a safetensors file; the header ends at the last brace and the blanks after it.
pub fn safetensors(file: &[u8]) -> Vec<u8> {
    let rest = file.get(8..).unwrap_or_default();
    let brace = rest.iter().rposition(|&byte| byte == b'}').map_or(0, |brace| brace + 1);
    let length = brace + rest[brace..].iter().take_while(|&&byte| byte == b' ').count();
    [&(length as u64).to_le_bytes()[..], rest].concat()
}

/// Repairs the length and the checksum of every line of a journal.
pub fn journal(file: &[u8]) -> Vec<u8> {
    let mut journal = Vec::with_capacity(file.len() + 64);
    for line in file.split_inclusive(|&byte| byte == b'\n') {
        let marker = b"\"entry\":";
        let entry = line.windows(marker.len()).position(|window| window == marker);
        let entry = entry.and_then(|at| line[at + marker.len()..].strip_suffix(b"}\n"));
        let Some(entry) = entry else {
            journal.extend(line);
            continue;
        };
        let mut crc = Crc::new();
        crc.update(entry);
        let frame = format!("{{\"len\":{},\"crc32\":\"{:08x}\",\"entry\":", entry.len(), crc.sum());
        journal.extend([frame.as_bytes(), entry, b"}\n"].concat());
    }
    journal
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::{GzDecoder, ZlibDecoder};

    use super::*;

    #[test]
    fn compressed_content_is_read_back() {
        for length in [0, 1, 5_000, 70_000] {
            let content: Vec<u8> = (0..length).map(|at: u32| (at * at) as u8).collect();
            let mut unpacked = Vec::new();
            GzDecoder::new(&*gzip(&content)).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, content);
            let mut unpacked = Vec::new();
            let file = compressed_array(&[&[b' '; 128][..], &content].concat());
            ZlibDecoder::new(&file[136..]).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, content);
        }
    }

    #[test]
    fn a_valid_file_is_unchanged() {
        for (name, envelope) in [
            ("image", png as crate::readers::Envelope),
            ("tar", tar),
            ("weights", safetensors),
            ("checkpoint", safetensors),
            ("journal", journal),
        ] {
            let good = &crate::corpus::of(name)[0].1;
            assert_eq!(&envelope(good), good, "{name}");
        }
    }
}
