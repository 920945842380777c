//! The configuration of a model in the header of its weights file, with which the model can be built from the file.

use std::io::Read;
use std::path::Path;

use autograd::Param;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{failure, opened, stream, write_with};
use crate::Result;

/// The key of the configuration in the metadata of a safetensors file. The value is JSON text.
const CONFIG: &str = "config";

/// [`save`](super::save) with the configuration of the model, such as an [`Architecture`](crate::Architecture), in the
/// header.
///
/// ```
/// use agon_models::{Architecture, fc, weights};
/// use tensor::DType;
/// use tensor::random::Stream;
///
/// let path = std::env::temp_dir().join(format!("agon-config-{}.safetensors", std::process::id()));
/// let architecture = Architecture::Fc(fc::Config { pixels: 16, classes: 3, ..fc::Config::of(fc::Size::S, 4) });
/// let model = architecture.build(&Stream::new(0, "init"), DType::F32)?;
/// weights::save_with_config(&path, model.params(), &architecture)?;
///
/// let architecture: Architecture = weights::config(&path)?;
/// let loaded = architecture.build(&Stream::new(1, "init"), DType::F32)?;
/// weights::load(&path, loaded.params())?;
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), agon_models::Error>(())
/// ```
///
/// # Errors
/// As [`save`](super::save); [`Error::File`](crate::Error::File) if the configuration is not a JSON value.
pub fn save_with_config<'a>(
    path: &Path,
    model: impl IntoIterator<Item = (String, &'a Param)>,
    config: &impl Serialize,
) -> Result<()> {
    let config = serde_json::to_string(config).map_err(|error| failure(path, "serialise", error))?;
    let tensors: Vec<_> = model.into_iter().map(|(name, param)| (name, param.value())).collect();
    write_with(path, &tensors, Some((CONFIG.into(), config)))
}

/// The configuration in the header of a file written by [`save_with_config`].
///
/// # Errors
/// [`Error::File`](crate::Error::File) if the file cannot be read, has no configuration, or one of another model.
pub fn config<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let (mut file, length) = opened(path)?;
    parse(&mut file, length).map_err(|reason| failure(path, "read the config of", reason))
}

/// Reads the configuration from the header only.
fn parse<T: DeserializeOwned>(source: &mut impl Read, length: u64) -> std::result::Result<T, String> {
    let header = stream::header(source, length)?;
    let text = header.metadata().as_ref().and_then(|texts| texts.get(CONFIG));
    let text = text.ok_or("expected one in its metadata, got none; write it with `save_with_config`")?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tensor::DType;
    use tensor::random::Stream;

    use super::super::{load, save};
    use super::*;
    use crate::{Linear, Module, mlp};

    const CONFIG: mlp::Config = mlp::Config { inputs: 4, classes: 2, depth: 3 };

    #[test]
    fn a_file_contains_the_config_of_its_model_and_is_read_by_load() {
        let folder = tempfile::tempdir().unwrap();
        let [path, again] = ["a", "b"].map(|name| folder.path().join(name));
        let model = |seed| mlp::classifier(&CONFIG, &Stream::new(seed, "init"), DType::F32).unwrap();
        let (saved, loaded) = (model(1), model(2));
        let all = |model| Module::params(model).into_iter().chain(Module::buffers(model));
        save_with_config(&path, all(&saved), &CONFIG).unwrap();
        assert_eq!(config(&path), Ok(CONFIG));
        load(&path, all(&loaded)).unwrap();
        let value = |model| Module::params(model)[0].1.value().to_f64_vec();
        assert_eq!(value(&saved), value(&loaded));
        save_with_config(&again, all(&saved), &CONFIG).unwrap();
        assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
    }

    #[test]
    fn a_missing_or_other_config_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let layer = Linear::new(2, 1, &Stream::new(0, "init"), DType::F32);
        save(&path, layer.params()).unwrap();
        let message = config::<mlp::Config>(&path).unwrap_err().to_string();
        assert!(message.contains("expected one in its metadata, got none"), "{message}");
        save_with_config(&path, layer.params(), &7).unwrap();
        assert!(config::<mlp::Config>(&path).unwrap_err().to_string().contains("invalid type"));
        assert_eq!(config::<u8>(&path), Ok(7));
    }

    #[test]
    fn the_tensors_are_not_read_and_a_header_is_limited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let layer = Linear::new(100, 100, &Stream::new(0, "init"), DType::F32);
        save_with_config(&path, layer.params(), &7).unwrap();
        let whole = fs::read(&path).unwrap();
        let mut rest = &whole[..];
        assert_eq!(parse(&mut rest, whole.len() as u64), Ok(7));
        assert!(rest.len() >= 40_000, "{} bytes are left", rest.len());
        // A sparse file whose header has this length according to its first bytes.
        let long = 100_000_001u64;
        fs::write(&path, long.to_le_bytes()).unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(8 + long).unwrap();
        for error in [config::<u8>(&path).unwrap_err(), super::super::read(&path).unwrap_err()] {
            let part = "expected a header of at most 100000000 bytes, got one of 100000001 bytes";
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic() {
        for length in [0, 1, 7, 8, 9, 40] {
            let bytes = vec![0xff; length];
            assert!(parse::<u8>(&mut &bytes[..], length as u64).is_err());
        }
    }
}
