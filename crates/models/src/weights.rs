//! Model weights in safetensors files, with PyTorch's names.
//!
//! A name is the path to a parameter: the part of a model, then indices in its sequences, then the parameter, such as
//! `encoder.0.weight`. The `state_dict` of a PyTorch module with layers at the same indices has the same names, shapes
//! and order of elements, so files can be exchanged in both directions:
//! | here | in PyTorch |
//! | --- | --- |
//! | `Linear`: `weight [outputs, inputs]`, `bias` | `nn.Linear` |
//! | `Conv2d`: `weight [outputs, inputs, h, w]`, `bias` | `nn.Conv2d` |
//! | `ConvTranspose2d`: `weight [inputs, outputs, h, w]`, `bias` | `nn.ConvTranspose2d` |
//! | `BatchNorm`: `weight`, `bias`, `running_mean`, `running_var` | `nn.BatchNorm1d`, `nn.BatchNorm2d` |
//! | `LayerNorm`: `weight`, `bias` | `nn.LayerNorm` |
//! | `SelfAttention`: `qkv.weight [3 d, d]`, `qkv.bias`, `proj.weight`, `proj.bias` | two `nn.Linear` |
//! | `PatchEmbedding`: `weight [d, side * side * c]`, `bias` | `nn.Conv2d`, its weight permuted by `(0, 2, 3, 1)` |
//! | `Residual`: `body.PLACE...`, `skip.PLACE...` | two `nn.Sequential` of these names |
//! | activation, pooling, dropout, flattening: an index, no names | `nn.ReLU`, `nn.MaxPool2d`, ... |
//!
//! PyTorch's `num_batches_tracked` is ignored. `benches/peers/models.py` defines every architecture with these indices.
//!
//! ```
//! use agon_models::{Linear, Module, weights};
//! use tensor::DType;
//! use tensor::random::Stream;
//!
//! let path = std::env::temp_dir().join(format!("agon-weights-{}.safetensors", std::process::id()));
//! let layer = |seed| Linear::new(4, 2, &Stream::new(seed, "init"), DType::F32);
//! let (trained, other) = (layer(0), layer(1));
//! weights::save(&path, trained.params())?;
//! weights::load(&path, other.params())?;
//! assert_eq!(other.params()[0].1.value().to_f64_vec(), trained.params()[0].1.value().to_f64_vec());
//! # std::fs::remove_file(&path).ok();
//! # Ok::<(), agon_models::Error>(())
//! ```

mod config;
mod stream;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use autograd::Param;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};
use system::files;
use tensor::{DType, Device, Element, Tensor};

use crate::{Error, Result};

pub use config::{config, save_with_config};

/// The maximum file size in bytes.
const MAX_BYTES: u64 = 1 << 36;

/// The integer batch counter of PyTorch's batch norms, which is ignored.
const PASSED_OVER: &str = "num_batches_tracked";

/// Writes the parameters and buffers of a model, which may be on any device. The file is written atomically and
/// replaces an existing one.
///
/// # Errors
/// [`Error::File`] if the file cannot be written, [`Error::DiskFull`] if the disk is full.
pub fn save<'a>(path: &Path, model: impl IntoIterator<Item = (String, &'a Param)>) -> Result<()> {
    let tensors: Vec<_> = model.into_iter().map(|(name, param)| (name, param.value())).collect();
    write(path, &tensors)
}

/// Loads the parameters and buffers of a model from a file, each to its current device.
///
/// # Errors
/// As [`read`], and [`Error::Weights`] with every name that is missing, unknown to the model, or of another shape or
/// type; in that case nothing has changed.
pub fn load<'a>(path: &Path, model: impl IntoIterator<Item = (String, &'a Param)>) -> Result<()> {
    let mut stored = read(path)?;
    let (mut fitting, mut misfits) = (Vec::new(), Vec::new());
    for (name, param) in model {
        let own = param.value();
        match stored.remove(&name) {
            Some(tensor) if tensor.dtype() == own.dtype() && tensor.shape() == own.shape() => {
                fitting.push((param, tensor.to_device(&own.device())?));
            }
            Some(tensor) => misfits.push(format!("{name}: expected {}, got {}", kind(&own), kind(&tensor))),
            None => misfits.push(format!("{name}: expected {}, got nothing", kind(&own))),
        }
    }
    misfits.extend(
        stored.iter().map(|(name, tensor)| format!("{name}: not in the model, got {}", kind(tensor))),
    );
    if !misfits.is_empty() {
        return Err(Error::Weights { path: path.into(), misfits });
    }
    fitting.into_iter().try_for_each(|(param, tensor)| Ok(param.set(tensor)?))
}

fn kind(tensor: &Tensor) -> String {
    format!("{} {:?}", tensor.dtype(), tensor.shape())
}

/// Writes named tensors, like [`save`].
///
/// # Errors
/// As [`save`].
pub fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    write_with(path, tensors, None)
}

/// [`write`] with at most one text in the header, because the order of several would be random.
fn write_with(path: &Path, tensors: &[(String, Tensor)], metadata: Option<(String, String)>) -> Result<()> {
    let here = |tensor: &Tensor| Ok(to_bytes(&tensor.to_device(&Device::Cpu)?));
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|(_, tensor)| here(tensor)).collect::<Result<_>>()?;
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        let view = TensorView::new(to_stored(tensor.dtype()), tensor.shape().to_vec(), bytes);
        (name, view.expect("the bytes are those of the shape"))
    });
    let whole = safetensors::serialize(views, metadata.map(|text| [text].into()));
    let whole = whole.map_err(|error| failure(path, "serialise", error))?;
    files::replace(path, &whole).map_err(|error| match files::is_full(&error) {
        true => Error::DiskFull { path: path.into(), reason: error.to_string() },
        false => failure(path, "write", error),
    })
}

/// All tensors of a file by name, except PyTorch's `num_batches_tracked`.
///
/// # Errors
/// [`Error::File`] if the file cannot be read, is not a complete safetensors file, or has tensors of a type other than
/// f64, f32, f16 and bf16.
pub fn read(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let (mut file, length) = opened(path)?;
    parse(&mut file, length).map_err(|reason| failure(path, "read", reason))
}

/// Opens a file of at most [`MAX_BYTES`], and returns its length.
fn opened(path: &Path) -> Result<(File, u64)> {
    let opened = files::open(path, MAX_BYTES).and_then(|file| Ok((file.metadata()?.len(), file)));
    opened.map(|(length, file)| (file, length)).map_err(|error| failure(path, "read", error))
}

/// [`read`] for bytes in memory; `path` appears in errors.
///
/// # Errors
/// As [`read`].
pub fn read_from(path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    parse(&mut &*bytes, bytes.len() as u64).map_err(|reason| failure(path, "read", reason))
}

fn parse(source: &mut impl Read, length: u64) -> std::result::Result<BTreeMap<String, Tensor>, String> {
    let header = stream::header(source, length)?;
    let mut tensors = BTreeMap::new();
    let is_loaded = |name: &str| name.rsplit('.').next() != Some(PASSED_OVER);
    stream::for_tensors(source, &header, is_loaded, |name, tensor| {
        tensors.insert(name, tensor);
    })?;
    Ok(tensors)
}

fn failure(path: &Path, doing: &'static str, reason: impl ToString) -> Error {
    Error::File { path: path.into(), doing, reason: reason.to_string() }
}

fn to_stored(dtype: DType) -> Dtype {
    match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
    }
}

/// The little-endian bytes of the elements in row-major order.
fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    fn of<const N: usize, T: Element>(tensor: &Tensor, bytes: fn(T) -> [u8; N]) -> Vec<u8> {
        let elements = tensor.as_slice::<T>().expect("the type was checked before");
        elements.iter().flat_map(|&element| bytes(element)).collect()
    }
    match tensor.dtype() {
        DType::F64 => of(tensor, f64::to_le_bytes),
        DType::F32 => of(tensor, f32::to_le_bytes),
        DType::F16 => of(tensor, f16::to_le_bytes),
        DType::BF16 => of(tensor, bf16::to_le_bytes),
    }
}

/// The stored tensor moved to the device of `own`, for implementations of [`Optimiser::load`](crate::Optimiser::load).
///
/// # Errors
/// [`Error::State`] unless it has the shape and the element type of `own`.
pub fn fitting(name: &str, own: &Tensor, stored: Option<Tensor>) -> Result<Tensor> {
    let describe = |tensor: &Tensor| format!("{} {:?}", tensor.dtype(), tensor.shape());
    match stored {
        Some(stored) if stored.shape() == own.shape() && stored.dtype() == own.dtype() => {
            Ok(stored.to_device(&own.device())?)
        }
        other => Err(Error::State {
            name: name.into(),
            expected: describe(own),
            got: other.as_ref().map_or_else(|| "nothing".into(), describe),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tensor::random::Stream;

    use super::*;
    use crate::cnn::cnn_s;
    use crate::{Cre, Module, Part};

    fn parse(bytes: &[u8]) -> std::result::Result<BTreeMap<String, Tensor>, String> {
        super::parse(&mut &*bytes, bytes.len() as u64)
    }

    fn model(seed: u64, dtype: DType) -> Cre {
        cnn_s(1, 10, &Stream::new(seed, "init"), dtype).unwrap()
    }

    fn all(model: &Cre) -> impl Iterator<Item = (String, &Param)> {
        model.params().into_iter().chain(model.buffers())
    }

    fn bytes_of(model: &Cre) -> Vec<(String, Vec<u8>)> {
        all(model).map(|(name, param)| (name, to_bytes(&param.value()))).collect()
    }

    #[test]
    fn a_model_of_any_type_round_trips_with_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        for dtype in DType::ALL {
            let path = folder.path().join(format!("{dtype}.safetensors"));
            let (from, to) = (model(1, dtype), model(2, dtype));
            // NaN must be preserved too.
            from.params()[0].1.update(|value| *value = Tensor::full(f64::NAN, value.shape(), dtype));
            save(&path, all(&from)).unwrap();
            assert_ne!(bytes_of(&from), bytes_of(&to));
            load(&path, all(&to)).unwrap();
            assert_eq!(bytes_of(&from), bytes_of(&to), "{dtype}");
        }
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 4, "a partial file is left over");
    }

    #[test]
    fn every_mismatch_is_named_and_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let stored = |name: &str, shape: &[usize], dtype| (name.to_owned(), Tensor::zeros(shape, dtype));
        write(
            &path,
            &[
                stored("0.weight", &[16, 1, 3, 3], DType::F64),
                stored("0.bias", &[17], DType::F32),
                stored("2.weight", &[16], DType::F32),
                stored("9.weight", &[2], DType::F16),
            ],
        )
        .unwrap();
        let model = model(1, DType::F32);
        let first_layers = || model.part(Part::Encoder).params().into_iter().take(4);
        let before = bytes_of(&model);
        let error = load(&path, first_layers()).unwrap_err();
        let Error::Weights { misfits, .. } = &error else { panic!("{error}") };
        assert_eq!(
            misfits[..],
            [
                "0.weight: expected f32 [16, 1, 3, 3], got f64 [16, 1, 3, 3]",
                "0.bias: expected f32 [16], got f32 [17]",
                "2.bias: expected f32 [16], got nothing",
                "9.weight: not in the model, got f16 [2]",
            ]
        );
        assert!(
            error.to_string().contains("w.safetensors does not match the model: 0.weight: expected"),
            "{error}"
        );
        assert_eq!(bytes_of(&model), before);
    }

    #[test]
    fn pytorchs_batch_counter_is_ignored_and_other_integer_tensors_are_refused() {
        let file = |name| {
            let one = 1i64.to_le_bytes();
            let view = TensorView::new(Dtype::I64, vec![], &one).unwrap();
            safetensors::serialize([(name, view)], None).unwrap()
        };
        assert!(parse(&file("encoder.2.num_batches_tracked")).unwrap().is_empty());
        let error = parse(&file("encoder.2.steps")).unwrap_err();
        assert_eq!(error, "encoder.2.steps: expected f64, f32, f16 or bf16, got I64");
    }

    #[test]
    fn an_error_of_a_missing_or_truncated_file_has_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let error = read(&path).unwrap_err().to_string();
        assert!(error.starts_with("cannot read ") && error.contains("w.safetensors: "), "{error}");
        save(&path, all(&model(1, DType::F32))).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("w.safetensors: not a complete safetensors file"), "{error}");
        let nowhere = folder.path().join("no/w.safetensors");
        let error = save(&nowhere, all(&model(1, DType::F32))).unwrap_err().to_string();
        assert!(error.starts_with("cannot write "), "{error}");
    }

    #[test]
    fn a_failed_write_leaves_the_earlier_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        // A folder cannot be replaced by a file.
        let path = folder.path().join("w.safetensors");
        fs::create_dir(&path).unwrap();
        assert!(save(&path, all(&model(1, DType::F32))).is_err());
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        write(
            &path,
            &[
                ("a".into(), Tensor::zeros(&[2, 3], DType::F32)),
                ("b".into(), Tensor::zeros(&[], DType::BF16)),
            ],
        )
        .unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_err(), "the first {length} bytes");
        }
        let mut words = Stream::new(1, "mutations").sequence(0);
        let mut below = |n: usize| (n as f64 * words.uniform()) as usize;
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..=below(4) {
                let place = below(bytes.len());
                bytes[place] = below(256) as u8;
            }
            // A changed element or a changed letter of a name is not an error; most other changes are.
            let _ = parse(&bytes);
        }
        let with_header = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        for header in [
            r#"{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,0]}}"#,
            r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}}"#,
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}"#,
            r#"{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}"#,
            "[]",
            "",
        ] {
            assert!(parse(&with_header(header)).is_err(), "{header}");
        }
        assert!(parse(&u64::MAX.to_le_bytes()).is_err());
    }
}
