//! Encodes the explorer's data as JSON.

use serde_json::{Value, json};

use super::{Explorer, Linear, Model, Reader, Size, Spread, Trained};
use crate::marker::{is_open, outline};
use crate::palette::Style;
use crate::svg::At;

/// The radius of the markers in the JSON; paths have two decimals.
const RADIUS: f64 = 10.0;

impl Explorer {
    /// The data as one line of JSON for a script element. `<` occurs only in strings and is written as a JSON escape, so
    /// no text can end the element or open a comment in it.
    pub(super) fn json(&self) -> String {
        let n_classes = self.models.iter().map(|model| model.classes.len()).max().unwrap_or(0);
        let markers: Vec<Value> = (0..n_classes)
            .map(|class| {
                let marker = Style::category(class).marker;
                json!({ "d": outline(marker, At { x: 0.0, y: 0.0 }, RADIUS), "open": is_open(marker) })
            })
            .collect();
        let models: Vec<Value> = self.models.iter().map(Model::json).collect();
        json!({ "markers": markers, "models": models }).to_string().replace('<', "\\u003c")
    }
}

impl Model {
    fn json(&self) -> Value {
        let sizes: Vec<Value> = self.sizes.iter().map(Size::json).collect();
        json!({
            "data": self.data, "family": self.family, "classes": self.classes, "lambdas": self.lambdas, "sizes": sizes,
        })
    }
}

impl Size {
    fn json(&self) -> Value {
        let trained: Vec<Value> = self.trained.iter().map(Trained::json).collect();
        let linear: Vec<Value> = self.linear.iter().map(Linear::json).collect();
        let images = self.images.as_ref().map(|images| images.json());
        let latents = self.latents.as_ref().map(|latents| latents.json());
        let reader = |reader: &Reader| json!({ "name": reader.name, "accuracy": reader.accuracy.iter().map(|of| of.json()).collect::<Vec<_>>() });
        let readers: Vec<Value> = self.readers.iter().map(reader).collect();
        json!({
            "k": self.k, "trained": trained, "readers": readers, "linear": linear, "images": images, "latents": latents,
        })
    }
}

impl Trained {
    fn json(&self) -> Value {
        let [mse, entropy, accuracy] = [self.mse, self.cross_entropy, self.accuracy].map(Spread::json);
        json!({ "n": self.n, "mse": mse, "entropy": entropy, "accuracy": accuracy })
    }
}

impl Spread {
    /// `[mean, low, high]`, or null if the mean is missing.
    fn json(self) -> Value {
        match self.mean.is_finite() {
            true => json!([self.mean, self.low, self.high].map(rounded)),
            false => Value::Null,
        }
    }
}

impl Linear {
    fn json(&self) -> Value {
        json!({ "lambda": self.lambda, "mse": rounded(self.mse), "accuracy": rounded(self.accuracy) })
    }
}

/// The value with five significant digits, finer than any screen; null if it is not finite.
pub(super) fn rounded(value: f64) -> Value {
    format!("{value:.4e}").parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_five_digits_and_non_finite_ones_are_null() {
        assert_eq!(rounded(0.123_456_7), json!(0.12346));
        assert_eq!(rounded(-98_765.43), json!(-98_765.0));
        assert_eq!(rounded(0.0), json!(0.0));
        for missing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(rounded(missing), Value::Null);
        }
    }

    #[test]
    fn a_spread_without_a_mean_is_missing_as_a_whole() {
        assert_eq!(Spread { mean: f64::NAN, low: 1.0, high: 2.0 }.json(), Value::Null);
        assert_eq!(Spread { mean: 1.5, low: f64::NAN, high: 2.0 }.json(), json!([1.5, null, 2.0]));
    }
}
