//! Hand-written hostile inputs: declared sizes without content, decompression bombs, and deep nesting.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::envelope;

/// Sizes that a file may declare without having the bytes.
const SIZES: [u32; 7] = [0, 1, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX];

/// The zeros of a decompression bomb, at most [`MAX_BYTES`](crate::mutation::MAX_BYTES) compressed.
const ZEROS: usize = 15 << 20;

/// A gzip bomb: `head` and zeros.
fn bomb(head: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(head).and_then(|()| encoder.write_all(&vec![0; ZEROS]));
    written.and_then(|()| encoder.finish()).expect("memory can be written")
}

/// A zlib bomb with this number of zeros.
fn zlib(head: &[u8], zeros: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(head).and_then(|()| encoder.write_all(&vec![0; zeros]));
    written.and_then(|()| encoder.finish()).expect("memory can be written")
}

/// Every combination of declared dimensions, plain and compressed, and bombs of the declared size.
pub fn idx() -> Vec<Vec<u8>> {
    let claim = |dims: [u32; 3]| [&[0, 0, 8, 3][..], dims.map(u32::to_be_bytes).as_flattened()].concat();
    let mut inputs = vec![vec![], vec![0x1f, 0x8b], vec![0, 0, 9, 3], vec![0, 0, 8, 255]];
    for n in SIZES {
        for h in SIZES {
            inputs.extend([claim([n, h, u32::MAX]), claim([n, h, 28])]);
            inputs.push(envelope::gzip(&claim([n, h, 28])));
        }
        inputs.push([&[0, 0, 8, 1][..], &n.to_be_bytes(), &[1; 8]].concat());
    }
    inputs.extend([bomb(&claim([1 << 14, 32, 32])), bomb(&claim([1 << 10, 1 << 10, 1 << 10]))]);
    inputs.push(bomb(&[0, 0, 8, 1, 1, 0, 0, 0]));
    // A nested stream: only the outer one is decompressed.
    inputs.push(envelope::gzip(&bomb(&claim([1, 1, 1]))));
    inputs
}

/// Incomplete records, labels out of range, and bombs of thousands of records.
pub fn cifar() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = [0, 1, 3_072, 3_073, 3_074, 6_147].map(|n| vec![255; n]).to_vec();
    inputs.extend([bomb(&[]), bomb(&[9]), envelope::gzip(&[])]);
    inputs
}

/// Declared sizes and dimensions, arrays without end, and one or many bombs.
pub fn mat() -> Vec<Vec<u8>> {
    let header = [&[b' '; 124][..], &[0, 1, b'I', b'M']].concat();
    let array = |rows: u32, columns: u32, kind: u32, size: u32| {
        let parts = [6, 8, 9, 0, 5, 8, rows, columns, 1 | 1 << 16, u32::from(b'y'), kind, size];
        [
            [14, size.saturating_add(48)].map(u32::to_le_bytes).as_flattened(),
            parts.map(u32::to_le_bytes).as_flattened(),
        ]
        .concat()
    };
    let file = |body: &[u8]| [&header, body].concat();
    let mut inputs = vec![vec![], header.clone(), file(&[0xff; 64])];
    for rows in SIZES {
        for size in SIZES {
            for kind in [2, 9] {
                let claim = array(rows, u32::MAX, kind, size);
                inputs.extend([file(&claim), envelope::compressed_array(&file(&claim))]);
                inputs.push(file(&array(rows, 1, kind, size)));
            }
        }
        inputs.push(file(&[[15, rows].map(u32::to_le_bytes).as_flattened(), &[0x78, 1]].concat()));
    }
    // One bomb that exceeds the limit, and several that do so together.
    let element = |n: usize| {
        let stream = zlib(&array(n as u32, 1, 2, n as u32), n);
        [[15, stream.len() as u32].map(u32::to_le_bytes).as_flattened(), &stream].concat()
    };
    inputs.extend([file(&element(ZEROS)), file(&element(ZEROS).repeat(8)), bomb(&header)]);
    inputs.extend([file(&element(1 << 20).repeat(14)), file(&element(1 << 21).repeat(16))]);
    inputs
}

/// Declared sizes without pixels in both formats, and a bomb of one colour.
pub fn image() -> Vec<Vec<u8>> {
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        [&(content.len() as u32).to_be_bytes()[..], kind, content, &[0; 4]].concat()
    };
    let head = |w: u32, h: u32, depth: u8, colour: u8, interlaced: u8| {
        let sizes = [w, h].map(u32::to_be_bytes);
        let header = [sizes.as_flattened(), &[depth, colour, 0, 0, interlaced]].concat();
        [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header)].concat()
    };
    let png = |w, h, colour, interlaced, pixels: &[u8]| {
        let file = [head(w, h, 8, colour, interlaced), chunk(b"IDAT", pixels), chunk(b"IEND", &[])].concat();
        envelope::png(&file)
    };
    let mut inputs = vec![vec![], vec![0xff, 0xd8], vec![0xff, 0xd8, 0xff, 0xd9]];
    for side in SIZES.into_iter().chain([1 << 14, 4_096, 1_024]) {
        for colour in [0, 2, 3, 4, 6] {
            for interlaced in [0, 1] {
                inputs.push(png(side, side, colour, interlaced, &[0x78, 1, 3, 0, 0, 0, 0, 1]));
            }
        }
        inputs.push(png(side, 1, 0, 0, &[]));
    }
    let stream = zlib(&[], ZEROS);
    inputs.extend([
        png(4_096, 3_800, 0, 0, &stream),
        png(2_048, 2_048, 6, 1, &stream),
        png(8, 8, 0, 0, &stream),
    ]);
    // Baseline and progressive, with sizes up to two bytes.
    for frame in [0xc0, 0xc2] {
        for side in [0, 1, 0x2000, 0xffff_u16] {
            let [high, low] = side.to_be_bytes();
            let start = [0xff, frame, 0, 17, 8, high, low, high, low, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0];
            let scan = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0, 0xff, 0xd9];
            inputs.push([&[0xff, 0xd8][..], &start, &scan].concat());
        }
    }
    inputs
}

/// Paths outside the folder, other kinds of entries, declared sizes without content, and long names.
pub fn tar() -> Vec<Vec<u8>> {
    let entry = |path: &[u8], kind: u8, size: &[u8]| {
        let mut block = vec![0; 1_024];
        block[..path.len().min(100)].copy_from_slice(&path[..path.len().min(100)]);
        block[124..124 + size.len()].copy_from_slice(size);
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        envelope::tar(&block)
    };
    let mut inputs = vec![vec![], vec![0; 512], vec![0xff; 512]];
    for path in [&b"../x"[..], b"/x", b"a/../../x", b"", b"..", &[0xff; 100], &[b'/'; 100], b"./././."] {
        for kind in (0..=255).step_by(7).chain(b'0'..=b'7').chain(*b"xgLKS") {
            inputs.push(entry(path, kind, b"00000000010"));
        }
    }
    for size in
        [&b"77777777777"[..], b"777777777777", b"-1", b"zzz", &[0x80, 0, 0, 0, 0, 0, 0, 0, 0xff], &[0xff; 12]]
    {
        inputs.push(entry(b"a", b'0', size));
        inputs.push(entry(b"a", b'L', size));
    }
    inputs.push(entry(b"a", b'0', b"0").repeat(100));
    inputs
}

/// Headers with missing data, overflow, overlap or nesting, and invalid headers.
pub fn safetensors() -> Vec<Vec<u8>> {
    let with =
        |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat();
    let mut inputs =
        vec![vec![], u64::MAX.to_le_bytes().to_vec(), [100_000_000_u64.to_le_bytes(), [b'{'; 8]].concat()];
    for shape in
        ["18446744073709551615,2", "4611686018427387904,4,0", "-1", "1e9", "0,18446744073709551615", "4"]
    {
        for offsets in ["0,16", "0,0", "16,0", "0,18446744073709551615", "8,16"] {
            let header = format!(r#"{{"a":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{offsets}]}}}}"#);
            inputs.push(with(&header));
        }
    }
    let twice = r#""a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}"#;
    inputs.push(with(&format!("{{{twice},{twice}}}")));
    inputs.push(with(r#"{"__metadata__":{"epoch":"99999999999999999999"}}"#));
    inputs.push(with(&format!(
        r#"{{"a":{{"dtype":"F32","shape":[{}0],"data_offsets":[0,0]}}}}"#,
        "0,".repeat(4_000)
    )));
    inputs.extend(nested().iter().map(|text| with(text)));
    inputs
}

/// Long lines, nested entries, and numbers out of range.
pub fn journal() -> Vec<Vec<u8>> {
    let line = |entry: &str| envelope::journal(format!("{{\"entry\":{entry}}}\n").as_bytes());
    let mut inputs = vec![vec![], vec![b'\n'; 1_000], vec![b'{'; 16_384], vec![0; 1_000]];
    inputs.extend(nested().iter().map(|text| line(text)));
    for number in ["18446744073709551616", "-1", "1e400", "0.5", "\"NaN\"", "null", "4294967296"] {
        inputs.push(line(&format!(
            r#"{{"kind":"epoch","epoch":{number},"scalars":{{"a":{number}}},"seconds":{number}}}"#
        )));
        inputs.push(line(&format!(r#"{{"kind":"header","format":{number},"key":"","provenance":{{}}}}"#)));
    }
    inputs.push(b"{\"len\":99999999999999999999,\"crc32\":\"00000000\",\"entry\":}\n".to_vec());
    inputs
}

/// Nested keys and values, and numbers out of range.
pub fn settings() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> =
        nested().iter().map(|text| format!("families={text}").into_bytes()).collect();
    for value in [
        "1e999",
        "-0",
        "18446744073709551616",
        "nan",
        "inf",
        "[[[]]]",
        "{a={b={c=1}}}",
        "\"\\u0000\"",
        "1979-05-27",
    ] {
        for key in
            ["lambdas", "seeds", "families.*.epochs", "families.*.members.*.learner", "", ".", "*", "*.*"]
        {
            inputs.push(format!("{key}={value}").into_bytes());
        }
    }
    inputs.push([&b"families"[..], &b".*".repeat(8_000), b"=1"].concat());
    inputs.push([&b"seeds="[..], &b"a.".repeat(8_000), b"=1"].concat());
    inputs.push([&b"seeds={"[..], &b"a.".repeat(4_000), b"a=1}"].concat());
    inputs.push([&b"seeds=["[..], &b"0,".repeat(8_000), b"]"].concat());
    inputs
}

/// JSON and TOML nested deeper than any stack.
fn nested() -> Vec<String> {
    let deep = 8_000;
    vec![
        "[".repeat(deep),
        "[".repeat(deep) + &"]".repeat(deep),
        "{\"a\":".repeat(deep / 4),
        "{\"a\":".repeat(deep / 4) + "1" + &"}".repeat(deep / 4),
        "{a=".repeat(deep / 2) + "1" + &"}".repeat(deep / 2),
        "[{\"a\":".repeat(deep / 4),
    ]
}
