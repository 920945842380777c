//! Valid ranges of settings: constructors check them, and configs declare them for each field by
//! `#[serde(serialize_with = "range::probability")]`.
//!
//! Such a field is serialized as a newtype named after its range. JSON and TOML write only the content of a newtype, so
//! configs and the keys of runs do not contain the name. The serializer of `runs::run::RunConfig::check`, which reads
//! the names, finds the range of every number, and numbers without a range.

use std::fmt;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::ops::{RangeBounds, RangeInclusive};

use serde::{Serialize, Serializer};

use crate::Error;

/// A range of finite numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    least: Bound<f64>,
    most: Bound<f64>,
}

impl Range {
    /// The range with this name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, range)| *range)
    }

    pub(crate) fn of(range: RangeInclusive<f64>) -> Self {
        Self { least: Included(*range.start()), most: Included(*range.end()) }
    }

    /// Whether the range contains this value.
    pub fn contains(self, value: f64) -> bool {
        value.is_finite() && (self.least, self.most).contains(&value)
    }

    /// Returns an error that names the setting if the value is outside the range.
    pub(crate) fn check(self, setting: &'static str, got: f64) -> crate::Result<()> {
        if self.contains(got) { Ok(()) } else { Err(Error::OutOfRange { setting, range: self, got }) }
    }
}

/// Displays a range such as `from 0 and below 1`.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |bound: f64| match bound.abs() {
            1e-5..1e16 | 0.0 => bound.to_string(),
            _ => format!("{bound:e}"),
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
            /// The errors of the serializer.
            pub fn $name<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct(stringify!($name), value)
            }
        )*

        const ALL: &[(&str, Range)] = &[$((stringify!($name), $constant)),*];
    };
}

// Bounds of sizes are far above any size in the papers, but low enough that no product of them overflows.
ranges! {
    /// A probability, or one of two weights that sum to 1.
    probability PROBABILITY: Included(0.0), Included(1.0);
    /// A probability or a decay rate below 1.
    below_one BELOW_ONE: Included(0.0), Excluded(1.0);
    /// A positive fraction.
    fraction FRACTION: Excluded(0.0), Included(1.0);
    /// A positive number.
    positive POSITIVE: Excluded(0.0), Unbounded;
    /// A non-negative number.
    non_negative NON_NEGATIVE: Included(0.0), Unbounded;
    /// An epsilon added to a denominator: smaller values are subnormal in f32, and zero gives NaN.
    epsilon EPSILON: Included(1.2e-38), Unbounded;
    /// The learning rate in the config of a run. Adam changes every parameter by about this amount per step, and
    /// initial parameters are below 1. Constructors of optimisers accept any finite rate above 0.
    learning_rate LEARNING_RATE: Excluded(0.0), Included(10.0);
    /// An angle in degrees.
    degrees DEGREES: Included(0.0), Included(360.0);
    /// A percentage below 100.
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
    /// A number of units, channels or heads of a layer, or its divisor.
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
    fn bounds_are_checked_and_displayed() {
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
