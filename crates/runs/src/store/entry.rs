//! The entries of a journal: header, epochs, finish.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::spec::RunSpec;

/// One recorded epoch of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number; consecutive epochs differ by 1.
    pub epoch: u32,
    /// The metrics, by name. NaN payloads are lost, all other bits are kept.
    #[serde(with = "exact_map")]
    pub scalars: BTreeMap<String, f64>,
    /// The wall time in seconds; the only value that differs between repeated computations.
    #[serde(with = "exact")]
    pub seconds: f64,
    /// The SHA-256 of the checkpoint file, 64 hex digits; `None` if the epoch has no checkpoint.
    pub checkpoint: Option<String>,
}

/// The number of training epochs among these; epoch 0 precedes training.
pub fn trained(epochs: &[Epoch]) -> u32 {
    epochs.last().map_or(0, |epoch| epoch.epoch)
}

impl Epoch {
    /// Describes the first difference from the same epoch computed again; `None` if only
    /// [`Epoch::seconds`] differs.
    pub fn difference(&self, again: &Epoch) -> Option<String> {
        let epoch = self.epoch;
        if epoch != again.epoch {
            return Some(format!("epoch {epoch} was computed again as epoch {}", again.epoch));
        }
        for name in self.scalars.keys().chain(again.scalars.keys()) {
            let (was, is) = (self.scalars.get(name), again.scalars.get(name));
            if was.map(|v| exact::text(*v)) != is.map(|v| exact::text(*v)) {
                return Some(format!("`{name}` of epoch {epoch} was {was:?} and is now {is:?}"));
            }
        }
        // Which epochs have a checkpoint depends on timing; their content does not.
        match (&self.checkpoint, &again.checkpoint) {
            (Some(was), Some(is)) if was != is => {
                Some(format!("the SHA-256 of the checkpoint of epoch {epoch} was {was} and is now {is}"))
            }
            _ => None,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Outcome {
    /// All epochs were computed.
    Finished,
    /// A loss or a parameter became non-finite: a result, but never averaged with others.
    Diverged {
        /// The epoch in which it happened.
        epoch: u32,
        /// The operation, the layer and the step.
        reason: String,
    },
    /// The run could not be computed.
    Failed {
        /// The error message.
        reason: String,
    },
}

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Entry {
    Header(Header),
    /// The run was resumed by another program version or on another device.
    Continued {
        provenance: Map<String, Value>,
    },
    Epoch(Epoch),
    Finish(Finish),
}

/// The first line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Header {
    /// [`FORMAT`]
    pub format: u32,
    /// The full key of the spec.
    pub key: String,
    pub spec: RunSpec,
    pub provenance: Map<String, Value>,
}

/// The last line of a finished journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Finish {
    pub outcome: Outcome,
    /// SHA-256 of `final.safetensors`, 64 hex digits.
    pub finals: String,
}

/// The version of the journal format.
pub(super) const FORMAT: u32 = 1;

/// Floats as JSON: finite ones in the shortest form that parses to the same bits, the others as
/// the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, which JSON numbers cannot express.
mod exact {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    pub(super) enum Number {
        Finite(f64),
        Named(String),
    }

    impl Number {
        pub(super) fn new(value: f64) -> Number {
            if value.is_finite() { Number::Finite(value) } else { Number::Named(text(value)) }
        }

        pub(super) fn value(&self) -> Result<f64, String> {
            match self {
                Number::Finite(value) => Ok(*value),
                Number::Named(name) => match name.as_str() {
                    "NaN" => Ok(f64::NAN),
                    "Infinity" => Ok(f64::INFINITY),
                    "-Infinity" => Ok(f64::NEG_INFINITY),
                    other => Err(format!("expected a number, got the text {other:?}")),
                },
            }
        }
    }

    /// The value as text; values with equal texts have equal bits, or are both NaN.
    pub(super) fn text(value: f64) -> String {
        match value {
            v if v.is_nan() => "NaN".to_owned(),
            v if v.is_infinite() => if v > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            v => format!("{v:?}"),
        }
    }

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        Number::new(*value).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Number::deserialize(from)?.value().map_err(D::Error::custom)
    }
}

/// Exact serialization of maps of floats.
mod exact_map {
    use std::collections::BTreeMap;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::exact::Number;

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<String, f64>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(map.iter().map(|(name, value)| (name, Number::new(*value))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
        BTreeMap::<String, Number>::deserialize(from)?
            .into_iter()
            .map(|(name, number)| Ok((name, number.value().map_err(D::Error::custom)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn epoch(loss: f64) -> Epoch {
        let scalars = BTreeMap::from([("loss".to_owned(), loss)]);
        Epoch { epoch: 3, scalars, seconds: 0.25, checkpoint: Some("ab".into()) }
    }

    fn through_json(loss: f64) -> f64 {
        let text = serde_json::to_string(&Entry::Epoch(epoch(loss))).unwrap();
        match serde_json::from_str(&text).unwrap() {
            Entry::Epoch(epoch) => epoch.scalars["loss"],
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn non_finite_values_round_trip() {
        assert!(through_json(f64::NAN).is_nan());
        for value in [f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX, 1.0] {
            assert_eq!(through_json(value).to_bits(), value.to_bits());
        }
    }

    proptest! {
        #[test]
        fn every_finite_value_round_trips_bit_for_bit(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(through_json(value).to_bits(), bits);
        }
    }

    #[test]
    fn a_difference_names_the_metric_and_both_values() {
        assert_eq!(epoch(0.5).difference(&epoch(0.5)), None);
        assert_eq!(epoch(f64::NAN).difference(&epoch(f64::NAN)), None);
        let slower = Epoch { seconds: 9.0, ..epoch(0.5) };
        assert_eq!(epoch(0.5).difference(&slower), None);
        let what = epoch(0.5).difference(&epoch(0.25)).unwrap();
        assert_eq!(what, "`loss` of epoch 3 was Some(0.5) and is now Some(0.25)");
        assert!(epoch(0.0).difference(&epoch(-0.0)).is_some());
        let other = Epoch { checkpoint: Some("cd".into()), ..epoch(0.5) };
        assert!(epoch(0.5).difference(&other).unwrap().contains("checkpoint of epoch 3"));
    }
}
