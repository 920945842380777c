//! An experiment's config, and single values of it set on the command line.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::nearest::nearest;
use crate::{Error, Result};

/// One `key=value` of the command line; the key may name a part of a part, as in `model.latent`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
}

impl std::str::FromStr for Setting {
    type Err = String;

    /// The value is written as in TOML; a bare word is taken as a string.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(format!("`{text}` is not a setting; write KEY=VALUE"));
        };
        let (key, value) = (key.trim().to_owned(), value.trim());
        let parsed = toml::from_str::<Map<String, Value>>(&format!("value = {value}"))
            .or_else(|error| match value.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
                true => Ok(Map::from_iter([("value".to_owned(), Value::from(value))])),
                false => Err(error),
            })
            .map_err(|error| format!("`{value}` is not a value for {key}: {}", error.message()))?;
        let value = parsed.get("value").cloned().unwrap_or_default();
        Ok(Self { key, value })
    }
}

/// The config with these values set; `*` in a key stands for every element of a list, as in `families.*.epochs`.
///
/// # Errors
/// [`Error::Usage`] if a key does not exist or a value has the wrong type.
pub fn with_settings<C: Serialize + DeserializeOwned>(config: C, settings: &[Setting]) -> Result<C> {
    let mut whole = serde_json::to_value(config).expect("a config is plain data");
    for Setting { key, value } in settings {
        let parts: Vec<&str> = key.split('.').collect();
        set(&mut whole, key, &parts, value)?;
    }
    serde_json::from_value(whole).map_err(|error| {
        let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
        Error::Usage(format!("the config with {} set is not valid: {error}", keys.join(", ")))
    })
}

/// Sets what the parts of a key lead to, from here down.
fn set(place: &mut Value, key: &str, parts: &[&str], value: &Value) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        // A number that is written 1 is as good as 1.0 where the config holds 1.0.
        *place = match (value.as_f64(), place.is_f64()) {
            (Some(number), true) => Value::from(number),
            _ => value.clone(),
        };
        return Ok(());
    };
    match place {
        Value::Array(elements) if *part == "*" => {
            elements.iter_mut().try_for_each(|element| set(element, key, rest, value))
        }
        Value::Object(fields) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let field = fields.get_mut(*part).ok_or_else(|| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let hint = nearest(part, &names);
                Error::Usage(format!("no config key `{key}`{hint}; there are {}", names.join(", ")))
            })?;
            set(field, key, rest, value)
        }
        _ => Err(Error::Usage(format!("no config key `{key}`: there is nothing below `{part}`"))),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        epochs: u32,
        rate: f64,
        latents: Vec<usize>,
        data: String,
    }

    fn set(texts: &[&str]) -> Result<Config> {
        let settings: Vec<Setting> = texts.iter().map(|text| text.parse().unwrap()).collect();
        with_settings(Config { epochs: 1, rate: 0.5, latents: vec![4], data: "a".into() }, &settings)
    }

    #[test]
    fn values_are_set_by_key() {
        let config = set(&["epochs=3", "rate=1", "latents=[2, 8]", "data=mnist-part"]).unwrap();
        let expected = Config { epochs: 3, rate: 1.0, latents: vec![2, 8], data: "mnist-part".into() };
        assert_eq!(config, expected);
    }

    #[test]
    fn a_star_stands_for_every_element() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Outer {
            parts: Vec<Config>,
        }
        let part = || Config { epochs: 1, rate: 0.5, latents: vec![4], data: "a".into() };
        let settings = ["parts.*.epochs=7".parse().unwrap()];
        let set = with_settings(Outer { parts: vec![part(), part()] }, &settings).unwrap();
        assert!(set.parts.iter().all(|part| part.epochs == 7));
    }

    #[test]
    fn an_unknown_key_and_a_wrong_type_are_refused_by_name() {
        let message = set(&["epoch=3"]).unwrap_err().to_string();
        assert!(message.contains("`epoch`") && message.contains("did you mean `epochs`"), "{message}");
        assert!(set(&["epochs=many"]).unwrap_err().to_string().contains("epochs"));
        assert!("epochs".parse::<Setting>().unwrap_err().contains("KEY=VALUE"));
        assert!("epochs=[1".parse::<Setting>().is_err());
    }
}
