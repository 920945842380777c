//! What the numbers of a config may be: each has a range by its name, so that a slip is refused before anything is
//! opened, allocated or stored.

use std::collections::BTreeSet;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::ops::RangeBounds;

use models::AdamConfig;
use serde_json::Value;

use super::learner::OPTIMISER;
use super::{Features, Learner, RunConfig};
use crate::{Error, Result};

type Range = (Bound<f64>, Bound<f64>);

const ABOVE_ZERO: Range = (Excluded(0.0), Unbounded);
const FROM_ZERO: Range = (Included(0.0), Unbounded);
const SHARE: Range = (Included(0.0), Included(1.0));
const BELOW_ONE: Range = (Included(0.0), Excluded(1.0));

const fn between(least: f64, most: f64) -> Range {
    (Included(least), Included(most))
}

/// A number has the range of the first entry that its key ends in. Bounds of sizes are far above what any of the papers
/// needs, and low enough that no product of them overflows.
const RANGES: [(&[&str], Range); 18] = [
    // A weight beside a supervised term, no share.
    (&["joint.lambda"], FROM_ZERO),
    (&["lambda"], SHARE),
    // Adam moves every parameter by about this much in a step, and the initial ones are below 1.
    (&["learning_rate", "rate"], (Excluded(0.0), Included(10.0))),
    (&["epsilon", "output_precision", "mse"], ABOVE_ZERO),
    (&["beta1", "beta2", "dropout", "drop", "ratio"], BELOW_ONE),
    (&["kept"], (Excluded(0.0), Included(1.0))),
    (&["weight_decay", "weight", "deviation"], FROM_ZERO),
    (&["degrees"], between(0.0, 360.0)),
    (&["percent"], between(0.0, 99.0)),
    (&["epochs"], between(0.0, 1e6)),
    (&["data.train", "data.test", "batch", "labelled"], between(1.0, 1e9)),
    (&["validation"], between(0.0, 1e9)),
    (&["steps", "views", "shown"], between(1.0, 1e8)),
    (&["pixels", "classes"], between(1.0, 1e6)),
    (&["latent", "latent_channels", "classified", "width", "k", "narrower", "heads"], between(1.0, 65_536.0)),
    (&["side", "patch", "channels", "mlp_ratio", "of"], between(1.0, 16_384.0)),
    (&["depth", "encoder_depth", "decoder_depth"], between(1.0, 256.0)),
    (&["crop", "place"], between(0.0, 16_384.0)),
];

impl RunConfig {
    /// The keys of numbers for which no range is declared; a test holds that no config has any.
    pub fn without_range(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        without_range(&serde_json::to_value(self).expect("a config is plain data"), "", &mut found);
        found
    }

    /// That every number lies in the range of its name, and that a batch can be filled.
    ///
    /// # Errors
    /// [`Error::Usage`] with the key, its value and what was wanted.
    pub fn check(&self) -> Result<()> {
        let whole = serde_json::to_value(self).expect("a config is plain data");
        check(&whole, &mut String::new())?;
        self.check_optimiser()?;
        let (batch, train) = (self.batch, self.data.train);
        if batch > train && !matches!(self.learner, Learner::ClosedForm { .. }) {
            return Err(Error::Usage(format!(
                "`batch` is {batch}, and there are {train} images to train on (`data.train`): not one batch is full"
            )));
        }
        Ok(())
    }

    /// That the optimiser of the config is left alone where the learner has one of its own; here and in the run whose
    /// encoder is read.
    fn check_optimiser(&self) -> Result<()> {
        if let Learner::Readout { of: Features::Trained { run }, .. } = &self.learner {
            run.check_optimiser()?;
        }
        let key = self.learner.optimiser_key();
        match key != OPTIMISER && self.optimiser != AdamConfig::PAPER {
            true => Err(Error::Usage(format!(
                "`{OPTIMISER}` is not what {} trains with: it has an optimiser of its own; leave `{OPTIMISER}` as it is \
                 and set `{key}`",
                self.learner.label()
            ))),
            false => Ok(()),
        }
    }
}

/// That every number from here down lies in its range; `key` leads here.
fn check(place: &Value, key: &mut String) -> Result<()> {
    let at = key.len();
    match place {
        Value::Object(fields) => {
            for (name, value) in fields {
                if at > 0 {
                    key.push('.');
                }
                key.push_str(name);
                check(value, key)?;
                key.truncate(at);
            }
            Ok(())
        }
        Value::Array(elements) => elements.iter().try_for_each(|element| check(element, key)),
        Value::Number(number) => {
            let value = number.as_f64().unwrap_or(f64::INFINITY);
            match range(key).filter(|range| !(value.is_finite() && range.contains(&value))) {
                Some(range) => {
                    Err(Error::Usage(format!("`{key}` is {number}: wanted a number {}", words(range))))
                }
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Checks that nothing from here down is null: TOML, which knows no null, has NaN and infinity, and JSON has neither.
///
/// # Errors
/// [`Error::Usage`] with the key and what was wanted.
pub fn check_finite(place: &Value, key: &str) -> Result<()> {
    match place {
        Value::Null => Err(Error::Usage(format!(
            "`{key}` is no finite number: wanted a number{}",
            range(key).map_or(String::new(), |range| format!(" {}", words(range)))
        ))),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            check_finite(value, format!("{key}.{name}").trim_start_matches('.'))
        }),
        Value::Array(elements) => elements.iter().try_for_each(|element| check_finite(element, key)),
        _ => Ok(()),
    }
}

fn without_range(place: &Value, key: &str, found: &mut BTreeSet<String>) {
    match place {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            without_range(value, format!("{key}.{name}").trim_start_matches('.'), found);
        }),
        Value::Array(elements) => elements.iter().for_each(|element| without_range(element, key, found)),
        Value::Number(_) if range(key).is_none() => drop(found.insert(key.to_owned())),
        _ => {}
    }
}

fn range(key: &str) -> Option<Range> {
    let ends = |end: &str| key.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    RANGES.iter().find(|(names, _)| names.iter().any(|name| ends(name))).map(|(_, range)| *range)
}

fn words((least, most): Range) -> String {
    let least = match least {
        Included(least) => format!("from {least}"),
        Excluded(least) => format!("above {least}"),
        Unbounded => String::new(),
    };
    match most {
        Included(most) => format!("{least} to {most}"),
        Excluded(most) => format!("{least} and below {most}"),
        Unbounded => least,
    }
}
