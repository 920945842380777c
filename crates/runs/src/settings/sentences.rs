//! Errors of the deserializer as sentences: which key has which value, and what is expected.

use serde_json::Value;
use system::nearest::nearest;

use super::quoted;

/// The type that is expected instead of `new`, if `new` cannot replace `old`. Texts and tables may replace each other,
/// since an enum is either.
pub fn is_of_other_type(old: &Value, new: &Value) -> Option<String> {
    let of = |fits: bool, expected: &str| (!fits).then(|| expected.to_owned());
    match old {
        Value::Bool(_) => of(new.is_boolean(), "true or false"),
        // A number below 0 is refused with its range, or by the deserializer.
        Value::Number(old) if old.is_f64() => of(new.is_number(), "a number"),
        Value::Number(_) => of(new.is_i64() || new.is_u64(), "an integer"),
        Value::Array(_) => of(new.is_array(), &format!("a list, as in `[{new}]`")),
        _ => None,
    }
}

/// A deserialization error as a sentence. `keys` are the keys that a user set, if any: the value is looked for there first.
pub fn in_words(message: &str, config: &Value, keys: &[&str]) -> String {
    let names = quoted(message);
    if let (true, Some((unknown, known))) = (message.starts_with("unknown"), names.split_first()) {
        let hint = nearest(unknown, known);
        return match message.starts_with("unknown variant") {
            true => {
                let described = format!("string {unknown:?}");
                format!("{}{hint}; expected one of {}", subject(&described, config, keys), known.join(", "))
            }
            false => format!("no config key `{unknown}`{hint}; the keys are {}", known.join(", ")),
        };
    }
    if let (true, Some(key)) = (message.starts_with("missing field"), names.first()) {
        return format!("the config lacks the key `{key}`");
    }
    let invalid = ["invalid type: ", "invalid value: "].iter().find_map(|start| message.strip_prefix(start));
    let Some((got, expected)) = invalid.and_then(|rest| rest.rsplit_once(", expected ")) else {
        return format!("the config is invalid: {message}");
    };
    format!(
        "{}: expected {}",
        subject(got, config, keys),
        in_plain_words(expected, &place(got, config, keys))
    )
}

/// `` `key` is value``, or a sentence about the config if the value does not identify one key.
fn subject(described: &str, config: &Value, keys: &[&str]) -> String {
    let value = match described {
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        "null" => "nothing".to_owned(),
        // `string "x"`, `integer `3``, `floating point `0.5`` and `boolean `true``.
        _ => described.split_once(['`', '"']).map_or(described.to_owned(), |(kind, rest)| match kind {
            "string " => format!("\"{rest}"),
            _ => rest.trim_end_matches('`').to_owned(),
        }),
    };
    match (&*place(described, config, keys), keys) {
        ("", [key]) => format!("`{key}` has the value {value}"),
        ("", _) => format!("the config has the value {value}"),
        (key, _) => format!("`{key}` is {value}"),
    }
}

/// The key of the value that the deserializer describes; empty unless exactly one key matches.
fn place(described: &str, config: &Value, keys: &[&str]) -> String {
    let mut found = vec![];
    find(described, config, "", &mut found);
    let set = |key: &&String| keys.iter().any(|set| key.starts_with(set) || matches(key, set));
    let among: Vec<&String> = found.iter().filter(set).collect();
    match (&among[..], &found[..]) {
        ([one], _) => (*one).clone(),
        ([], [one]) => one.clone(),
        _ => String::new(),
    }
}

/// Whether `key` matches `set`, in which `*` stands for any element of a list.
fn matches(key: &str, set: &str) -> bool {
    let part = |(part, set): (&str, &str)| part == set || set == "*";
    key.split('.').count() == set.split('.').count() && key.split('.').zip(set.split('.')).all(part)
}

fn find(described: &str, place: &Value, key: &str, found: &mut Vec<String>) {
    let is_it = match place {
        Value::Null => described == "null",
        Value::Bool(value) => described == format!("boolean `{value}`"),
        Value::Number(value) if value.is_f64() => described == format!("floating point `{value}`"),
        Value::Number(value) => described == format!("integer `{value}`"),
        Value::String(text) => described == format!("string {text:?}"),
        Value::Array(_) => described == "sequence",
        Value::Object(_) => described == "map",
    };
    if is_it && !key.is_empty() {
        found.push(key.to_owned());
    }
    if let Value::Object(fields) = place {
        for (name, value) in fields {
            find(described, value, format!("{key}.{name}").trim_start_matches('.'), found);
        }
    }
}

/// The deserializer's expectation in plain words.
fn in_plain_words(expected: &str, key: &str) -> String {
    match expected {
        "f64" | "f32" => "a number".into(),
        "u8" | "u16" | "u64" | "usize" => "a non-negative integer".into(),
        "u32" => format!("an integer from 0 to {}", u32::MAX),
        "a string" | "a borrowed string" => "a string".into(),
        "a boolean" => "true or false".into(),
        "a sequence" => "a list".into(),
        _ if expected.contains("struct") || expected.contains("enum") || expected == "map" => match key {
            "" => "a table".into(),
            key => format!("a table, as in `{key}.KEY=VALUE`"),
        },
        _ if expected.contains("variant") || expected == "string or map" => "a name or a table".into(),
        other => other.into(),
    }
}

/// The value in words, as a user would type it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a table".into(),
        other => other.to_string(),
    }
}
