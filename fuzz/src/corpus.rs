//! Valid inputs with realistic headers, from which mutations start.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use data::formats::idx;
use experiments::experiment::Experiment;
use experiments::{Profile, claims};
use flate2::{Compression, write::GzEncoder};
use image::{DynamicImage, ImageFormat};
use runs::store::{Array, Checkpoint, DataId, Outcome, RunSpec, Store, Values};
use tensor::{DType, Tensor};

use crate::envelope;

/// Inputs with their file names.
pub type Files = Vec<(&'static str, Vec<u8>)>;

/// The inputs of a reader with their file names; empty for an unknown reader.
///
/// # Panics
/// If a temporary folder cannot be created.
pub fn of(reader: &str) -> Files {
    match reader {
        "idx" => of_idx(),
        "cifar" => of_cifar(),
        "mat" => of_mat(),
        "npy" => of_npy(),
        "image" => of_image(),
        "tar" => of_tar(),
        "weights" => of_weights(),
        "checkpoint" => stored().0,
        "journal" => stored().1,
        "settings" => of_settings(),
        _ => Vec::new(),
    }
}

/// The folder of a reader's inputs in the repository.
pub fn folder(reader: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(reader)
}

/// Bytes that do not compress well.
fn pixels(n: usize) -> Vec<u8> {
    (0..n).map(|at| (at * at / 7 + at) as u8).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(content);
    written.and_then(|()| encoder.finish()).expect("memory can be written")
}

fn of_idx() -> Files {
    let images = idx::encode([2, 28, 28], &pixels(2 * 28 * 28)).expect("the values fit");
    let small = idx::encode([3, 4, 5], &pixels(60)).expect("the values fit");
    let labels = idx::encode([12], &[5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5]).expect("the values fit");
    vec![
        ("images", images),
        ("small", small.clone()),
        ("small.gz", gzip(&small)),
        ("labels", labels.clone()),
        ("labels.gz", gzip(&labels)),
    ]
}

fn of_cifar() -> Files {
    let fine = [&[6][..], &pixels(3_072)].concat();
    let coarse = [&[11, 19][..], &pixels(3_072)].concat();
    let flat = [[6; 3_073], [9; 3_073]].concat();
    vec![("ten.bin", fine), ("hundred.bin", coarse), ("ten.bin.gz", gzip(&flat))]
}

fn of_mat() -> Files {
    let header = [&[b' '; 124][..], &[0, 1, b'I', b'M']].concat();
    let text = b"MATLAB 5.0 MAT-file, Platform: GLNXA64";
    let header = [&text[..], &header[text.len()..]].concat();
    let array = |name: u8, class: u32, rows: u32, kind: u32, values: &[u8]| {
        let padding = vec![0; values.len().next_multiple_of(8) - values.len()];
        let parts = [6, 8, class, 0, 5, 8, rows, 1, 1 | 1 << 16, u32::from(name), kind, values.len() as u32];
        let body = [parts.map(u32::to_le_bytes).as_flattened(), values, &padding].concat();
        [[14, body.len() as u32].map(u32::to_le_bytes).as_flattened(), &body].concat()
    };
    let doubles: Vec<u8> = [1.0_f64, 10.0, -0.5].into_iter().flat_map(f64::to_le_bytes).collect();
    let (labels, bytes) = (array(b'y', 6, 3, 9, &doubles), array(b'X', 9, 20, 2, &pixels(20)));
    let plain = [&header[..], &labels, &bytes].concat();
    let one = [&header[..], &bytes].concat();
    vec![("compressed.mat", envelope::compressed_array(&one)), ("plain.mat", plain), ("bytes.mat", one)]
}

fn of_npy() -> Files {
    let array = |descr: &str, shape: &str, values: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let length = (header.len() as u16).to_le_bytes();
        [&b"\x93NUMPY\x01\0"[..], &length, header.as_bytes(), values].concat()
    };
    let floats =
        array("<f4", "(2, 3)", [0.5f32, -1.0, 2.0, 1e-3, 0.0, 7.0].map(f32::to_le_bytes).as_flattened());
    let labels = array("<i8", "(3,)", [2i64, 0, 1].map(i64::to_le_bytes).as_flattened());
    let bytes = array("|u1", "(7,)", &pixels(7));
    vec![
        ("floats.npy", floats.clone()),
        ("labels.npy", labels.clone()),
        ("bytes.npy", bytes.clone()),
        ("floats.npz", envelope::npz(&floats)),
        ("bytes.npz", envelope::npz(&bytes)),
    ]
}

fn of_image() -> Files {
    let rgb = image::RgbImage::from_vec(9, 8, pixels(9 * 8 * 3)).expect("the pixels fit");
    let rgb = DynamicImage::ImageRgb8(rgb);
    let encoded = |image: &DynamicImage, format| {
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).expect("memory can be written");
        file.into_inner()
    };
    let jpeg = encoded(&rgb, ImageFormat::Jpeg);
    // Exif data with one entry: an upside-down orientation.
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0";
    let length = (exif.len() as u16 + 2).to_be_bytes();
    let turned = [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat();
    vec![
        ("rgb.png", encoded(&rgb, ImageFormat::Png)),
        ("grey.png", encoded(&rgb.to_luma8().into(), ImageFormat::Png)),
        ("deep.png", encoded(&rgb.to_rgba16().into(), ImageFormat::Png)),
        ("rgb.jpg", jpeg),
        ("grey.jpg", encoded(&rgb.to_luma8().into(), ImageFormat::Jpeg)),
        ("turned.jpg", turned),
    ]
}

fn of_tar() -> Files {
    let entry = |path: &str, kind: u8, content: &[u8]| {
        let mut header = vec![0; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..124].copy_from_slice(b"0000644\x000001750\x000001750\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[136..148].copy_from_slice(b"11176304300\0");
        header[156] = kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        let padding = vec![0; content.len().next_multiple_of(512) - content.len()];
        envelope::tar(&[&header[..], content, &padding].concat())
    };
    let folder = entry("cifar-10-batches-bin/", b'5', b"");
    let file = entry("cifar-10-batches-bin/batches.meta.txt", b'0', b"airplane\nautomobile\n");
    let note = entry("././@LongLink", b'L', b"cifar-10-batches-bin/a_long_name\0");
    let end = vec![0; 1_024];
    let several =
        [&folder[..], &file, &entry("cifar-10-batches-bin/test_batch.bin", b'0', &pixels(600)), &end];
    vec![("several.tar", several.concat()), ("note.tar", [note, file, end].concat())]
}

fn of_weights() -> Files {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("w.safetensors");
    let named = |name: &str, shape: &[usize], dtype| (name.to_owned(), Tensor::full(0.5, shape, dtype));
    let tensors = [
        named("encoder.0.weight", &[2, 1, 3, 3], DType::F32),
        named("encoder.0.bias", &[2], DType::F16),
        named("encoder.1.running_var", &[2], DType::F64),
        named("decoder.0.weight", &[2, 2], DType::BF16),
    ];
    models::weights::write(&path, &tensors).expect("a temporary folder can be written");
    vec![("model.safetensors", std::fs::read(&path).expect("it was written"))]
}

/// Files of the run store: a checkpoint, and the journals of a stopped and of a finished run.
fn stored() -> (Files, Files) {
    let promise = "a temporary folder can be written";
    let root = tempfile::tempdir().expect(promise);
    let spec = RunSpec {
        config: serde_json::json!({ "model": { "latent": 4 }, "lambda": 0.5, "epochs": 2 }),
        seed: 1,
        data: DataId { name: "fashion-mnist-embedded".into(), sha256: "5a".repeat(32), classes: vec![] },
        schema: 1,
    };
    let mut run = Store::open(root.path()).and_then(|store| store.run(&spec)).expect(promise);
    let values = [
        ("weight", Array { shape: vec![2, 3], values: Values::F32(vec![0.25; 6]) }),
        ("moment", Array { shape: vec![2], values: Values::F64(vec![1e-9, f64::NAN]) }),
        ("labels", Array { shape: vec![0, 4], values: Values::U32(vec![]) }),
        ("counter", Array { shape: vec![], values: Values::U64(vec![u64::MAX]) }),
        ("pixels", Array { shape: vec![3], values: Values::U8(vec![0, 128, 255]) }),
    ];
    let arrays: BTreeMap<_, _> = values.map(|(name, array)| (name.to_owned(), array)).into();
    for epoch in 1..=2 {
        let scalars = BTreeMap::from([("loss".to_owned(), 0.1), ("test/accuracy".to_owned(), f64::NAN)]);
        run.record(&Checkpoint { epoch, arrays: arrays.clone() }, scalars, 0.25).expect(promise);
    }
    let folder = run.folder().to_owned();
    let read = |name: &str| std::fs::read(folder.join(name)).expect("the store writes it");
    let (checkpoint, stopped) = (read("checkpoint-2.safetensors"), read("journal.jsonl"));
    run.finish(Outcome::Finished, &arrays).expect(promise);
    let journals = vec![("stopped.jsonl", stopped), ("finished.jsonl", read("journal.jsonl"))];
    (vec![("checkpoint.safetensors", checkpoint)], journals)
}

fn of_settings() -> Files {
    let grid = claims::fc_lambda_sweep::FcLambdaSweep.grid(Profile::Smoke);
    let grid = serde_json::to_value(grid).expect("a config is serialisable");
    let keys = grid.as_object().expect("a config has keys").keys();
    let all: String = keys.map(|key| format!("{key}=[0.5, 1]\n")).collect();
    let known = "lambdas=[0, 0.5, 1.0]\nseeds=[7, 8, 9]\nfamilies.*.epochs=3\nfamilies.*.batch=64\n";
    let awkward =
        "families.*.label=fc-m\nfamilies.*.data=[{name=\"mnist\", train=10}]\nfamilies.*.optimiser={}\n";
    vec![("keys", all.into_bytes()), ("known", known.into()), ("awkward", awkward.into())]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::readers::READERS;

    #[test]
    fn the_committed_inputs_are_up_to_date() {
        let mut total = 0;
        for reader in READERS {
            let made = of(reader.name);
            assert_eq!(fs::read_dir(folder(reader.name)).unwrap().count(), made.len(), "{}", reader.name);
            for (name, bytes) in made {
                let committed = fs::read(folder(reader.name).join(name)).unwrap();
                total += committed.len();
                let hint = "run `cargo run --release -p fuzz --example corpus`";
                assert!(committed == bytes, "{}/{name} is another; {hint}", reader.name);
            }
        }
        assert!(total < 100_000, "{total} bytes");
    }
}
