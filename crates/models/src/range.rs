//! Ranges of settings: constructors check them, and configs declare them with each field,
//! `#[serde(serialize_with = "range::probability")]`.
//!
//! To serde such a number is a newtype with the name of its range. JSON and TOML write a newtype as the number inside, so
//! configs and the keys of runs are spelt without it; a serializer that looks at names (`runs::run::RunConfig::check`) finds
//! the range of every number, and the numbers that have none.

use std::fmt;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::ops::RangeBounds;

use serde::{Serialize, Serializer};

use crate::Error;

/// The numbers that a setting may have, always finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    least: Bound<f64>,
    most: Bound<f64>,
}

impl Range {
    /// The range of this name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, range)| *range)
    }

    /// Whether it holds this number.
    pub fn contains(self, value: f64) -> bool {
        value.is_finite() && (self.least, self.most).contains(&value)
    }

    /// Refuses a number outside, by the name of its setting.
    pub(crate) fn check(self, setting: &'static str, got: f64) -> crate::Result<()> {
        if self.contains(got) { Ok(()) } else { Err(Error::OutOfRange { setting, range: self, got }) }
    }
}

/// `from 0 and below 1`.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |bound: f64| match bound.abs() < 1e-5 && bound != 0.0 {
            true => format!("{bound:e}"),
            false => bound.to_string(),
        };
        match self.least {
            Included(least) => write!(f, "from {}", number(least))?,
            Excluded(least) => write!(f, "above {}", number(least))?,
            Unbounded => {}
        }
        match self.most {
            Included(most) => write!(f, " to {}", number(most)),
            Excluded(most) => write!(f, " and below {}", number(most)),
            Unbounded => Ok(()),
        }
    }
}

macro_rules! ranges {
    ($($(#[$doc:meta])* $name:ident $constant:ident: $least:expr, $most:expr;)*) => {
        $(
            $(#[$doc])*
            pub const $constant: Range = Range { least: $least, most: $most };

            $(#[$doc])*
            ///
            /// # Errors
            /// Those of the serializer.
            pub fn $name<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct(stringify!($name), value)
            }
        )*

        const ALL: &[(&str, Range)] = &[$((stringify!($name), $constant)),*];
    };
}

// Bounds of sizes are far above what any of the papers needs, and low enough that no product of them overflows.
ranges! {
    /// A probability or a weight of two that add up to 1.
    probability PROBABILITY: Included(0.0), Included(1.0);
    /// A probability or a decay at which something is left: below 1.
    below_one BELOW_ONE: Included(0.0), Excluded(1.0);
    /// A fraction that is not nothing.
    fraction FRACTION: Excluded(0.0), Included(1.0);
    /// A number above 0.
    positive POSITIVE: Excluded(0.0), Unbounded;
    /// A number from 0 on.
    non_negative NON_NEGATIVE: Included(0.0), Unbounded;
    /// What is added to a root that is divided by: in f32 a smaller number has few digits, and zero gives NaN.
    epsilon EPSILON: Included(1.2e-38), Unbounded;
    /// The learning rate of a run's config: Adam moves every parameter by about this much in a step, and the initial ones are
    /// below 1. Constructors of optimisers take any that is finite and above 0.
    learning_rate LEARNING_RATE: Excluded(0.0), Included(10.0);
    /// An angle in degrees.
    degrees DEGREES: Included(0.0), Included(360.0);
    /// A part in percent, not the whole.
    percent PERCENT: Included(0.0), Included(99.0);
    /// A number of epochs.
    epochs EPOCHS: Included(0.0), Included(1e6);
    /// A number of images.
    count COUNT: Included(0.0), Included(1e9);
    /// A number of images, at least one.
    positive_count POSITIVE_COUNT: Included(1.0), Included(1e9);
    /// A number of steps or repetitions.
    steps STEPS: Included(1.0), Included(1e8);
    /// A number of pixels or classes: the size of an input or an output.
    outputs OUTPUTS: Included(1.0), Included(1e6);
    /// A number of units, channels or heads of a layer, or what it is divided by.
    width WIDTH: Included(1.0), Included(65_536.0);
    /// The side of an image or a patch, or another small size.
    side SIDE: Included(1.0), Included(16_384.0);
    /// A number of layers.
    depth DEPTH: Included(1.0), Included(256.0);
    /// A border in pixels, or an index from 0.
    offset OFFSET: Included(0.0), Included(16_384.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_it_is_whatever_its_range() {
        #[derive(Serialize)]
        struct Config {
            #[serde(serialize_with = "below_one")]
            drop: f64,
            #[serde(serialize_with = "count")]
            labelled: Option<usize>,
        }
        let text = serde_json::to_string(&Config { drop: 0.5, labelled: Some(3) }).unwrap();
        assert_eq!(text, r#"{"drop":0.5,"labelled":3}"#);
    }

    #[test]
    fn bounds_are_kept_and_said() {
        let said = |name: &str| Range::named(name).map(|range| range.to_string());
        assert_eq!(said("below_one").as_deref(), Some("from 0 and below 1"));
        assert_eq!(said("learning_rate").as_deref(), Some("above 0 to 10"));
        assert_eq!(said("positive").as_deref(), Some("above 0"));
        assert_eq!(said("epsilon").as_deref(), Some("from 1.2e-38"));
        assert_eq!(said("share"), None);
        let below_one = Range::named("below_one").unwrap();
        assert!(below_one.contains(0.0) && !below_one.contains(1.0) && !below_one.contains(f64::NAN));
        let positive = Range::named("positive").unwrap();
        assert!(positive.contains(1e-300) && !positive.contains(0.0) && !positive.contains(f64::INFINITY));
    }
}
