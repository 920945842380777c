//! Sets values of experiment configs from the command line.

mod sentences;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use system::nearest::nearest;

pub use self::sentences::{in_words, is_of_other_type, plain};
use crate::run::ranges::check_finite;
use crate::{Error, Result};

/// The maximum number of levels of a setting's key.
const DEEPEST: usize = 32;

/// One `key=value` of the command line; dots in the key select nested fields, as in `model.latent`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
}

impl std::str::FromStr for Setting {
    type Err = String;

    /// Parses the value as TOML; a bare word is a string.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(format!("setting: expected KEY=VALUE, got `{text}`"));
        };
        let (key, value) = (key.trim().to_owned(), value.trim());
        let parsed = toml::from_str::<Map<String, Value>>(&format!("value = {value}"))
            .or_else(|error| match value.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
                true => Ok(Map::from_iter([("value".to_owned(), Value::from(value))])),
                false => Err(error),
            })
            .map_err(|error| match values(value).len() {
                1 => format!("`{value}` is not a value for {key}: {}", error.message()),
                n => format!("`{text}` has {n} values: expected one; `agon sweep` runs all of them"),
            })?;
        let value = parsed.get("value").cloned().unwrap_or_default();
        Ok(Self { key, value })
    }
}

/// The values of a list without brackets, as in `0,0.5,[1, 2]`: a comma inside of brackets, braces or quotes separates
/// nothing.
pub fn values(text: &str) -> Vec<&str> {
    let (mut values, mut start, mut depth, mut quote) = (vec![], 0, 0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                values.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    values.push(text[start..].trim());
    values
}

/// The config with these values set; `*` in a key selects every element of a list, as in `families.*.epochs`.
///
/// # Errors
/// [`Error::Usage`] if a key is unknown or set twice, or a value has the wrong type.
pub fn with_settings<C: Serialize + DeserializeOwned>(config: C, settings: &[Setting]) -> Result<C> {
    each_once(settings)?;
    let mut whole = serde_json::to_value(config).expect("a config is serialisable");
    for Setting { key, value } in settings {
        let parts: Vec<&str> = key.split('.').collect();
        // Each missing part adds a nesting level, and the deserializer recurses as deep.
        if parts.len() > DEEPEST {
            let start: String = key.chars().take(40).collect();
            let what =
                format!("the setting `{start}…` has {} levels: expected at most {DEEPEST}", parts.len());
            return Err(Error::Usage(what));
        }
        check_finite(value, key)?;
        set(&mut whole, key, &parts, value)?;
    }
    C::deserialize(&whole).map_err(|error| {
        let message = error.to_string();
        let names = quoted(&message);
        let unknown = names.first().filter(|_| message.starts_with("unknown field"));
        let key = |unknown: &&str| {
            settings
                .iter()
                .map(|setting| &setting.key)
                .find(|key| key.split('.').any(|part| part == *unknown))
        };
        if let Some((name, key)) = unknown.and_then(|name| Some((name, key(name)?))) {
            let hint = nearest(name, &names[1..]);
            return Error::Usage(format!(
                "no config key `{key}`{hint}; the keys are {}",
                names[1..].join(", ")
            ));
        }
        let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
        Error::Usage(in_words(&message, &whole, &keys))
    })
}

/// Checks that no value is set twice, directly or as part of another setting.
fn each_once(settings: &[Setting]) -> Result<()> {
    for (place, Setting { key, .. }) in settings.iter().enumerate() {
        for Setting { key: other, .. } in &settings[..place] {
            let [parts, others] = [key, other].map(|key| key.split('.').count());
            let same = |(part, other): (&str, &str)| part == other || part == "*" || other == "*";
            if !key.split('.').zip(other.split('.')).all(same) {
                continue;
            }
            return Err(Error::Usage(match parts == others {
                true if key == other => format!("`{key}` is set twice; set it once"),
                true => format!("`{other}` and `{key}` set the same value; set it once"),
                false => {
                    format!("`{other}` and `{key}` are both set, and one contains the other; set one of them")
                }
            }));
        }
    }
    Ok(())
}

/// The names between backticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// The keys of all fields of a config, nested ones included: both `data` and `data.name`.
pub fn keys(config: &Value) -> Vec<String> {
    let Value::Object(fields) = config else { return vec![] };
    let below = |(name, value): (&String, &Value)| {
        let deeper = keys(value).into_iter().map(|key| format!("{name}.{key}"));
        std::iter::once(name.clone()).chain(deeper).collect::<Vec<_>>()
    };
    fields.iter().flat_map(below).collect()
}

/// Sets the value at the remaining parts of a key.
fn set(place: &mut Value, key: &str, parts: &[&str], value: &Value) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        if let Some(expected) = is_of_other_type(place, value) {
            return Err(Error::Usage(format!("`{key}` is {}: expected {expected}", plain(value))));
        }
        // An integer is accepted where the config holds a float.
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
        // Fields that the config omits can be set too; unknown names are refused on deserialization.
        Value::Object(fields) => set(fields.entry(*part).or_insert(Value::Null), key, rest, value),
        Value::Null => {
            *place = Value::Object(Map::new());
            set(place, key, parts, value)
        }
        _ => Err(Error::Usage(format!("no config key `{key}`: the value above `{part}` has no fields"))),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[test]
    fn a_key_of_thousands_of_parts_is_refused_and_exhausts_no_stack() {
        let setting = Setting { key: "a.".repeat(100_000), value: Value::from(1) };
        let message = with_settings(Value::Null, &[setting]).unwrap_err().to_string();
        assert!(message.contains("has 100001 levels") && message.len() < 200, "{message}");
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        epochs: u32,
        rate: f64,
        latents: Vec<usize>,
        data: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turned: Option<Turned>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Turned {
        degrees: f64,
    }

    fn config() -> Config {
        Config { epochs: 1, rate: 0.5, latents: vec![4], data: "a".into(), turned: None }
    }

    fn set(texts: &[&str]) -> Result<Config> {
        let settings: Vec<Setting> = texts.iter().map(|text| text.parse().unwrap()).collect();
        with_settings(config(), &settings)
    }

    #[test]
    fn a_list_without_brackets_is_split_at_its_outermost_commas() {
        assert_eq!(values("0, 0.5,1"), ["0", "0.5", "1"]);
        assert_eq!(values("[1, 2],{a = 1, b = 2},'x,y'"), ["[1, 2]", "{a = 1, b = 2}", "'x,y'"]);
        assert_eq!((values("3"), values(""), values("]],1")), (vec!["3"], vec![""], vec!["]]", "1"]));
    }

    #[test]
    fn values_are_set_by_key() {
        let config = set(&["epochs=3", "rate=1", "latents=[2, 8]", "data=mnist-part"]).unwrap();
        let expected =
            Config { epochs: 3, rate: 1.0, latents: vec![2, 8], data: "mnist-part".into(), turned: None };
        assert_eq!(config, expected);
    }

    #[test]
    fn a_star_selects_every_element() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Outer {
            parts: Vec<Config>,
        }
        let settings = ["parts.*.epochs=7".parse().unwrap()];
        let set = with_settings(Outer { parts: vec![config(), config()] }, &settings).unwrap();
        assert!(set.parts.iter().all(|part| part.epochs == 7));
    }

    #[test]
    fn omitted_fields_can_be_set_whole_or_in_parts() {
        for text in ["turned.degrees=15", "turned={degrees = 15.0}"] {
            assert_eq!(set(&[text]).unwrap().turned, Some(Turned { degrees: 15.0 }));
        }
        let message = set(&["turned.degree=15"]).unwrap_err().to_string();
        assert!(message.contains("no config key `turned.degree`, did you mean `degrees`?"), "{message}");
        assert!(set(&["turned={}"]).unwrap_err().to_string().contains("lacks the key `degrees`"));
        assert!(set(&["data.name=b"]).unwrap_err().to_string().contains("has no fields"));
    }

    #[test]
    fn setting_a_value_twice_whole_or_in_part_is_refused() {
        for (texts, words) in [
            (["epochs=3", "epochs=4"], "`epochs` is set twice"),
            (["epochs=3", "epochs=3"], "`epochs` is set twice"),
            (["turned={degrees=1}", "turned.degrees=2"], "one contains the other"),
            (["turned.degrees=2", "turned={degrees=1}"], "one contains the other"),
        ] {
            let message = set(&texts).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
        let settings = ["parts.*.epochs=7", "parts.0.epochs=8"].map(|text| text.parse().unwrap());
        let message = with_settings(Value::Null, &settings).unwrap_err().to_string();
        assert!(message.contains("`parts.*.epochs` and `parts.0.epochs` set the same value"), "{message}");
        assert!(set(&["epochs=3", "rate=1"]).is_ok());
    }

    #[test]
    fn the_keys_of_a_config_include_nested_ones() {
        let nested = serde_json::json!({ "data": { "name": "a" }, "epochs": 3 });
        assert_eq!(keys(&nested), ["data", "data.name", "epochs"]);
    }

    #[test]
    fn an_unknown_key_and_a_wrong_type_are_refused_by_name() {
        let message = set(&["epoch=3"]).unwrap_err().to_string();
        assert!(message.contains("`epoch`") && message.contains("did you mean `epochs`"), "{message}");
        for (text, expected) in [
            ("epochs=many", "`epochs` is \"many\": expected an integer"),
            ("epochs=1.5", "`epochs` is 1.5: expected an integer"),
            ("epochs=-1", "`epochs` is -1: expected an integer from 0 to 4294967295"),
            ("rate=[1]", "`rate` is a list: expected a number"),
            ("latents=3", "`latents` is 3: expected a list, as in `[3]`"),
            ("latents=[1, x]", "`[1, x]` is not a value for latents"),
            ("latents=[1, 2.5]", "`latents` has the value 2.5: expected a non-negative integer"),
            ("data=3", "`data` is 3: expected a string"),
            ("turned=15", "`turned` is 15: expected a table, as in `turned.KEY=VALUE`"),
            ("turned.degrees=x", "`turned.degrees` is \"x\": expected a number"),
            ("epochs=1,2", "`epochs=1,2` has 2 values: expected one; `agon sweep` runs all of them"),
        ] {
            let settings: std::result::Result<Vec<Setting>, _> =
                [text].iter().map(|text| text.parse()).collect();
            let message = match settings {
                Ok(settings) => with_settings(config(), &settings).unwrap_err().to_string(),
                Err(message) => message,
            };
            assert!(message.starts_with(expected), "{text}: {message}");
        }
        assert!("epochs".parse::<Setting>().unwrap_err().contains("KEY=VALUE"));
        assert!("epochs=[1".parse::<Setting>().is_err());
    }
}
