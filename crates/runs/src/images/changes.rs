//! Transformations of whole data sets: halving, padding, an added background.

use data::Split;
use ndarray::{Array2, Array4, Axis};
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use tensor::random::Stream;

use crate::{Error, Result};

/// A transformation of all images of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Sides of half the length: each pixel is the mean of a block of 2 x 2.
    Halved,
    /// A black border up to sides of this length, for networks that halve the sides often.
    Padded {
        /// The length of a side.
        #[serde(serialize_with = "models::range::side")]
        side: usize,
    },
    /// An added background: the six lowest two-dimensional cosine modes, with independent normal weights for each image,
    /// scaled to this percentage of the total variance (LBR C6 to C8 in `book/codes.md`). The sum is rescaled to bytes.
    Background {
        /// The percentage of the variance, below 100.
        #[serde(serialize_with = "models::range::percent")]
        percent: u32,
    },
}

/// The lowest modes: cycles along the height and along the width.
const MODES: [[usize; 2]; 6] = [[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [2, 0]];

impl Change {
    /// The transformation, for a label.
    pub fn label(self) -> String {
        match self {
            Self::Halved => "halved".into(),
            Self::Padded { side } => format!("padded to {side}"),
            Self::Background { percent } => format!("{percent} % background"),
        }
    }

    /// The transformed training and test images.
    ///
    /// # Errors
    /// If the images are too small or too large for it, or a percentage is 100 or more.
    pub(super) fn apply(self, sets: [Split; 2]) -> Result<[Split; 2]> {
        let [_, h, w] = sets[0].image_shape();
        match self {
            Self::Halved if h % 2 == 0 && w % 2 == 0 => each(sets, halved),
            Self::Halved => Err(Error::Usage(format!("halving images: expected even sides, got {h} x {w}"))),
            Self::Padded { side } if side >= h.max(w) => each(sets, |images| padded(images, side)),
            Self::Padded { side } => Err(Error::Usage(format!(
                "padding images to {side} x {side}: expected no larger images, got {h} x {w}"
            ))),
            Self::Background { percent } if percent < 100 => with_background(sets, percent),
            Self::Background { percent } => Err(Error::Usage(format!(
                "background: expected less than 100 % of the variance, got {percent} %"
            ))),
        }
    }
}

fn each(sets: [Split; 2], change: impl Fn(&Array4<u8>) -> Array4<u8>) -> Result<[Split; 2]> {
    let [train, test] =
        sets.map(|set| Split::new(change(&pixels(&set)), set.labels().to_vec(), set.n_classes()));
    Ok([train?, test?])
}

fn pixels(set: &Split) -> Array4<u8> {
    let [c, h, w] = set.image_shape();
    Array4::from_shape_vec((set.len(), c, h, w), set.pixels().to_vec())
        .expect("the pixels fill the shape of the split")
}

fn halved(images: &Array4<u8>) -> Array4<u8> {
    let (n, c, h, w) = images.dim();
    Array4::from_shape_fn((n, c, h / 2, w / 2), |(image, channel, row, column)| {
        let at = |down, right| u32::from(images[[image, channel, 2 * row + down, 2 * column + right]]);
        ((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 2) / 4) as u8
    })
}

fn padded(images: &Array4<u8>, side: usize) -> Array4<u8> {
    let (n, c, h, w) = images.dim();
    let [down, right] = [h, w].map(|length| (side - length) / 2);
    Array4::from_shape_fn((n, c, side, side), |(image, channel, row, column)| {
        let inside = row.checked_sub(down).zip(column.checked_sub(right));
        inside
            .filter(|&(row, column)| row < h && column < w)
            .map_or(0, |(row, column)| images[[image, channel, row, column]])
    })
}

/// Adds the background and rescales the sum so that the training images span 0 to 255.
fn with_background(sets: [Split; 2], percent: u32) -> Result<[Split; 2]> {
    let [c, h, w] = sets[0].image_shape();
    let modes = modes(h, w);
    let share = f64::from(percent) / 100.0;
    let deviation = (share / (1.0 - share) * energy(&sets[0]) / (c * MODES.len()) as f64).sqrt();
    let mut sums = Vec::new();
    for (set, purpose) in sets.iter().zip(["background of training", "background of testing"]) {
        let stream = Stream::new(0, purpose);
        let mut sum: Array2<f64> = pixels(set)
            .mapv(f64::from)
            .into_shape_with_order((set.len() * c, h * w))
            .expect("channels of images");
        for (image, mut channels) in sum.axis_chunks_iter_mut(Axis(0), c).enumerate() {
            let mut words = stream.sequence(image as u64);
            for mode in modes.outer_iter() {
                let weight: f64 = StandardNormal.sample(&mut words);
                channels
                    .outer_iter_mut()
                    .for_each(|mut channel| channel.scaled_add(deviation * weight, &mode));
            }
        }
        sums.push(sum);
    }
    let (low, high) =
        sums[0].iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    let scale = 255.0 / (high - low).max(f64::MIN_POSITIVE);
    let scaled = sums.iter().zip(&sets).map(|(sum, set)| {
        let bytes: Vec<u8> =
            sum.iter().map(|x| ((x - low) * scale).round().clamp(0.0, 255.0) as u8).collect();
        let images =
            Array4::from_shape_vec((set.len(), c, h, w), bytes).expect("the number of pixels is unchanged");
        Split::new(images, set.labels().to_vec(), set.n_classes())
    });
    let scaled: Vec<Split> = scaled.collect::<std::result::Result<_, _>>()?;
    Ok(scaled.try_into().expect("two sets were given"))
}

/// The variance of images, summed over pixels.
fn energy(set: &Split) -> f64 {
    let d = set.pixels().len() / set.len();
    let mut sums = vec![[0.0; 2]; d];
    for image in set.pixels().chunks_exact(d) {
        for (sum, &byte) in sums.iter_mut().zip(image) {
            let x = f64::from(byte);
            *sum = [sum[0] + x, sum[1] + x * x];
        }
    }
    let n = set.len() as f64;
    sums.iter().map(|[sum, squares]| squares / n - (sum / n).powi(2)).sum()
}

/// The modes of the background as rows of unit length, `[modes, h * w]`.
pub(crate) fn modes(h: usize, w: usize) -> Array2<f64> {
    let wave = |cycles: usize, at: usize, length: usize| {
        (std::f64::consts::PI * cycles as f64 * (at as f64 + 0.5) / length as f64).cos()
    };
    let mut modes = Array2::from_shape_fn((MODES.len(), h * w), |(mode, pixel)| {
        let [down, across] = MODES[mode];
        wave(down, pixel / w, h) * wave(across, pixel % w, w)
    });
    for mut mode in modes.outer_iter_mut() {
        let norm = mode.dot(&mode).sqrt();
        mode /= norm;
    }
    modes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(n: usize, side: usize) -> Split {
        let mut words = Stream::new(1, "pixels").sequence(0);
        let images = Array4::from_shape_simple_fn((n, 1, side, side), || (words.uniform() * 256.0) as u8);
        Split::new(images, (0..n).map(|label| (label % 2) as u8).collect(), 2).unwrap()
    }

    #[test]
    fn a_halved_image_has_the_means_of_blocks_of_two_by_two_pixels() {
        let images = Array4::from_shape_vec((1, 1, 2, 4), vec![0, 1, 10, 10, 2, 3, 20, 20]).unwrap();
        assert_eq!(halved(&images).into_raw_vec_and_offset().0, [2, 15]);
    }

    #[test]
    fn a_padded_image_is_centred() {
        let images = Array4::from_elem((1, 1, 2, 2), 7);
        let expected = [0, 0, 0, 0, 0, 7, 7, 0, 0, 7, 7, 0, 0, 0, 0, 0];
        assert_eq!(padded(&images, 4).into_raw_vec_and_offset().0, expected);
    }

    #[test]
    fn the_modes_are_orthonormal() {
        let modes = modes(6, 5);
        let gram = modes.dot(&modes.t());
        assert!(gram.indexed_iter().all(|((i, j), g)| (g - f64::from(i == j)).abs() < 1e-12), "{gram}");
    }

    #[test]
    fn a_background_has_its_percentage_of_the_variance() {
        let [train, _] = Change::Background { percent: 90 }.apply([set(2_000, 8), set(10, 8)]).unwrap();
        let modes = modes(8, 8);
        let pixels = pixels(&train).mapv(f64::from).into_shape_with_order((2_000, 64)).unwrap();
        let centred = &pixels - &pixels.mean_axis(Axis(0)).unwrap();
        let along = centred.dot(&modes.t()).mapv(|x| x * x).sum() / centred.mapv(|x| x * x).sum();
        // Besides the background, noise lies along 6 of 64 modes; weights drawn for 2,000 images err by about 2 percent.
        assert!((along - (0.9 + 0.1 * 6.0 / 64.0)).abs() < 0.01, "{along}");
    }

    #[test]
    fn impossible_transformations_are_refused() {
        let refused = |change: Change| change.apply([set(2, 3), set(2, 3)]).unwrap_err().to_string();
        assert_eq!(refused(Change::Halved), "halving images: expected even sides, got 3 x 3");
        assert_eq!(
            refused(Change::Padded { side: 2 }),
            "padding images to 2 x 2: expected no larger images, got 3 x 3"
        );
        assert!(refused(Change::Background { percent: 100 }).ends_with("got 100 %"));
    }
}
