//! Per-image results of a reader of the latent: whether each test image is classified correctly, and its squared error.

use crate::names::LABEL;
use crate::store::{Array, FinishedRun, Values};

/// A classifier of latents: an online head or a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reader {
    /// The classifier trained with the encoder; in a frozen-encoder probe, the new one trained for the epochs of the
    /// run.
    Online,
    /// Ridge regression to one-hot labels.
    Ridge,
    /// A vote of the nearest training latents.
    NearestNeighbours,
    /// The attentive probe, for latents of tokens.
    Attentive,
    /// A classifier that was trained to convergence on the frozen latents.
    Converged,
}

impl Reader {
    /// All readers.
    pub const ALL: [Self; 5] =
        [Self::Online, Self::Ridge, Self::NearestNeighbours, Self::Attentive, Self::Converged];

    /// The name of the final array with one bit per test image: whether the image is classified correctly.
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "correct/online",
            Self::Ridge => "correct/ridge",
            Self::NearestNeighbours => "correct/knn",
            Self::Attentive => "correct/attentive",
            Self::Converged => "correct/converged",
        }
    }

    /// The name of the final array of its mean squared error on each test image, `[n]` in f32; `None` for readers that
    /// only classify.
    pub fn errors(self) -> Option<&'static str> {
        match self {
            Self::Online => Some("errors/online"),
            Self::Ridge => Some("errors/ridge"),
            Self::Converged => Some("errors/converged"),
            Self::NearestNeighbours | Self::Attentive => None,
        }
    }

    /// The final array of these mean squared errors, one per test image.
    pub(crate) fn with_errors(self, errors: &[f64]) -> Option<(String, Array)> {
        let values = Values::F32(errors.iter().map(|&error| error as f32).collect());
        Some((self.errors()?.into(), Array { shape: vec![errors.len()], values }))
    }
}

/// Packs one bit per image into bytes: image `i` has bit `i % 8` of byte `i / 8`, where bit 0 is the least significant.
/// Bits beyond the last image are 0.
pub(crate) fn packed(correct: &[bool]) -> Array {
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, &bit| 2 * byte + u8::from(bit));
    let bytes: Vec<u8> = correct.chunks(8).map(byte).collect();
    Array { shape: vec![bytes.len()], values: Values::U8(bytes) }
}

/// Whether each test image of a run is classified correctly by a reader; `None` where that was not measured.
pub fn correct_of(run: &FinishedRun, reader: Reader) -> Option<Vec<bool>> {
    let (bits, labels) = (run.finals.get(reader.name())?, run.finals.get(LABEL)?);
    let (Values::U8(bytes), &[n]) = (&bits.values, labels.shape.as_slice()) else { return None };
    (bytes.len() == n.div_ceil(8))
        .then(|| (0..n).map(|image| bytes[image / 8] >> (image % 8) & 1 == 1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_image_is_the_least_significant_bit_of_the_first_byte() {
        let correct = [true, false, false, true, false, false, false, false, false, true];
        let Array { shape, values } = packed(&correct);
        assert_eq!((shape, values), (vec![2], Values::U8(vec![0b1001, 0b10])));
        assert_eq!(packed(&[]).values, Values::U8(vec![]));
    }
}
