//! Two-dimensional latents over λ, with one byte per coordinate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Model;
use super::check::{for_each_lambda, mismatch};
use super::encode::rounded;
use crate::error::{Error, Result};

/// The byte of a missing coordinate; others are in `0..MISSING`.
const MISSING: u8 = 255;

/// The positions of latents of test images in a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Latents {
    /// The description of the plane, such as `The first two principal components of the latent`.
    pub what: String,
    /// The class of each image, an index of the model's classes; at most 256 classes.
    pub labels: Vec<u8>, // [n]
    /// The positions of the images for each λ of the model; `None` if there are none. A position with a non-finite
    /// coordinate is not shown.
    pub places: Vec<Option<Vec<[f32; 2]>>>, // λ: [n, 2]
}

impl Latents {
    pub(super) fn check(&self, of: &str, model: &Model) -> Result<()> {
        let (of, n) = (format!("{of}, latents"), self.labels.len());
        if n == 0 {
            return Err(Error::Empty { of, expected: "latent" });
        }
        if let Some(label) = self.labels.iter().find(|&&label| usize::from(label) >= model.classes.len()) {
            let expected = format!("labels below {}, the number of classes", model.classes.len());
            return Err(mismatch(&of, &expected, label.to_string()));
        }
        if self.places.len() != model.lambdas.len() {
            let got = format!("{} sets of coordinates", self.places.len());
            return Err(mismatch(&of, &for_each_lambda(model.lambdas.len()), got));
        }
        match self.places.iter().flatten().find(|places| places.len() != n) {
            Some(places) => {
                Err(mismatch(&of, &format!("{n} points, one for each label"), places.len().to_string()))
            }
            None => Ok(()),
        }
    }

    /// `clouds` contains for each λ the range of both coordinates and the encoded positions.
    pub(super) fn json(&self) -> Value {
        let clouds: Vec<Option<Value>> = self.places.iter().map(|places| cloud(places.as_ref()?)).collect();
        json!({ "what": self.what, "labels": STANDARD.encode(&self.labels), "clouds": clouds })
    }
}

/// `None` if no position has both coordinates.
fn cloud(places: &[[f32; 2]]) -> Option<Value> {
    let is_there = |place: &[f32; 2]| place.iter().all(|x| x.is_finite());
    let there: Vec<&[f32; 2]> = places.iter().filter(|place| is_there(place)).collect();
    let [x, y] = [0, 1].map(|axis| {
        let values = || there.iter().map(|place| f64::from(place[axis]));
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    });
    let bytes: Vec<u8> = (places.iter())
        .flat_map(|place| match is_there(place) {
            true => [byte(place[0], x), byte(place[1], y)],
            false => [MISSING; 2],
        })
        .collect();
    let frame = [x.0, x.1, y.0, y.1].map(rounded);
    (!there.is_empty()).then(|| json!({ "frame": frame, "places": STANDARD.encode(bytes) }))
}

/// The nearest of 255 steps from `low` to `high`; the middle if they are equal.
fn byte(value: f32, (low, high): (f64, f64)) -> u8 {
    let steps = f64::from(MISSING - 1);
    if low == high {
        return MISSING / 2;
    }
    ((f64::from(value) - low) / (high - low) * steps).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(places: &[[f32; 2]]) -> Vec<u8> {
        let cloud = cloud(places).unwrap();
        STANDARD.decode(cloud["places"].as_str().unwrap()).unwrap()
    }

    #[test]
    fn the_rounding_error_of_a_position_is_at_most_half_a_step() {
        let places: Vec<[f32; 2]> = (0..100).map(|i| [i as f32 * 0.37 - 5.0, (i * i) as f32]).collect();
        let (x, y) = ((-5.0, f64::from(places[99][0])), (0.0, 9_801.0));
        for (place, bytes) in places.iter().zip(bytes(&places).chunks(2)) {
            for ((value, byte), (low, high)) in place.iter().zip(bytes).zip([x, y]) {
                let step: f64 = (high - low) / 254.0;
                let shown = low + f64::from(*byte) * step;
                assert!(
                    (shown - f64::from(*value)).abs() <= 0.5 * step * (1.0 + 1e-9),
                    "{shown} for {value}"
                );
            }
        }
    }

    #[test]
    fn a_non_finite_position_is_missing_and_changes_no_other() {
        assert_eq!(
            bytes(&[[0.0, 1.0], [f32::NAN, 9.0], [2.0, f32::INFINITY], [1.0, 3.0]]),
            [0, 0, 255, 255, 255, 255, 254, 254]
        );
        assert_eq!(cloud(&[[f32::NAN, 1.0]]), None);
    }

    #[test]
    fn equal_positions_are_encoded_in_the_middle() {
        assert_eq!(bytes(&[[4.0, -1.0]; 2]), [127; 4]);
    }
}
