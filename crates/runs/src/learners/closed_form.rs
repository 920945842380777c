//! Closed forms of the training images (`book/lbr.md`, section 2), computed as runs.

mod alignment;
mod linear_optimum;
mod noise;

use data::Split;
use ndarray::{Array1, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use theory::{GramPca, LinearCre, LinearFront};

pub use self::linear_optimum::{LinearOptimum, Problem};
pub use self::noise::Noise;
use crate::images::Images;
use crate::learner::Learner;
use crate::pixels::{chunks, matrices, normalised, rows};
use crate::store::{Array, Arrays, Values};
use crate::training::{Scalars, Setup, Training};
use crate::{Error, Result};

/// A closed form of the training images, or a trained linear model compared with one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedForm {
    /// The quantity to compute.
    pub question: Question,
}

impl Learner for ClosedForm {
    fn label(&self) -> String {
        match &self.question {
            Question::Alignment { noise, code } => format!("alignment{}, {}", code.of(), noise.label()),
            Question::Front { k } => format!("exact linear front, k = {k}"),
            Question::Optimum { task } => task.label(),
            Question::Bands { .. } => "images in bands of variance".into(),
        }
    }

    /// The bytes of square matrices with one row per pixel, or per image.
    fn image_bytes(&self, images: &Images) -> u64 {
        match self.question {
            // The covariance, and at most six further matrices (`theory`).
            Question::Alignment { .. } => 7 * 8 * (images.n_pixels() as u64).saturating_pow(2),
            Question::Front { .. } => matrices(images.n_pixels()),
            Question::Bands { .. } => matrices(images.train.len()),
            Question::Optimum { .. } => 0,
        }
    }

    fn fits_components(&self, _: &Images) -> bool {
        matches!(self.question, Question::Alignment { .. } | Question::Front { .. })
    }

    fn closed_form_flops(&self, n: f64, d: f64) -> f64 {
        match self.question {
            Question::Alignment { .. } | Question::Front { .. } => SOLUTION * product(d),
            Question::Optimum { task } => task.flops(),
            // The Gram matrix of the images and its eigendecomposition.
            Question::Bands { .. } => 2.0 * n * n * d + DECOMPOSITION * product(n),
        }
    }

    fn classifies(&self) -> bool {
        false
    }

    fn learns(&self) -> bool {
        false
    }

    fn answer(&self, images: &Images) -> Result<(Scalars, Arrays)> {
        match self.question {
            Question::Alignment { noise, code } => alignment::of(images, noise, code),
            Question::Front { k } => front(images, k),
            Question::Optimum { task } => task.train(images),
            Question::Bands { shown } => bands(images, shown),
        }
    }

    fn train(&self, _: &Setup<'_>, _: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        Err(Error::Usage(format!("{} is a closed form: nothing is trained", self.label())))
    }
}

/// A quantity of the training images with a closed form, or the gap of a trained linear model to one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "asked", deny_unknown_fields)]
pub enum Question {
    /// The task alignment of the optimal codes by code size (`book/lbr.md`, section 2.7).
    Alignment {
        /// The corruption of the images.
        noise: Noise,
        /// What the codes are optimal for.
        #[serde(default, skip_serializing_if = "Code::is_for_reconstruction")]
        code: Code,
    },
    /// The exact linear trade-off: both errors over λ for codes of this size (LBR C9 in `book/codes.md`).
    Front {
        /// The code size.
        #[serde(serialize_with = "models::range::width")]
        k: usize,
    },
    /// The gap of gradient descent on a linear model to its optimum (`book/lbr.md`, section 4).
    Optimum {
        /// The model and its training.
        task: LinearOptimum,
    },
    /// Projections of images on the components of the smallest and of the largest variance (LBR E5 in `book/codes.md`).
    Bands {
        /// The number of images.
        #[serde(serialize_with = "models::range::steps")]
        shown: usize,
    },
}

/// What a linear code is optimal for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Reconstruction of the clean image from a corrupted one.
    #[default]
    Reconstruction,
    /// Agreement of two corrupted views of an image ([`theory::Denoising::joint_embedding`]).
    JointEmbedding,
}

impl Code {
    fn is_for_reconstruction(&self) -> bool {
        *self == Self::Reconstruction
    }

    /// The part of a label that tells it from codes for reconstruction.
    fn of(self) -> &'static str {
        match self {
            Self::Reconstruction => "",
            Self::JointEmbedding => " of joint embedding",
        }
    }
}

/// The time of a symmetric eigendecomposition, in units of one multiplication of matrices of the same size.
pub(crate) const DECOMPOSITION: f64 = 10.0;

/// The time of a closed form given the covariance, in the same units.
const SOLUTION: f64 = 30.0;

/// The FLOP of multiplying two matrices of `d` rows and columns.
pub(crate) fn product(d: f64) -> f64 {
    2.0 * d.powi(3)
}

/// The weights of reconstruction at which the exact front is solved, dense near the first percent of excess error.
const WEIGHTS: [f64; 17] =
    [0.0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.993, 0.995, 0.997, 0.999, 0.9999, 1.0];

/// The code sizes at which curves are stored: all up to 64, then in steps of about 8 percent, and the largest.
fn sizes(largest: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = (1..=largest.min(64)).collect();
    let mut size = 64.0f64;
    while (size as usize) < largest {
        size = (size * 1.08).ceil();
        sizes.push((size as usize).min(largest));
    }
    sizes
}

fn front(images: &Images, k: usize) -> Result<(Scalars, Arrays)> {
    let moments = images.moments()?;
    let front = LinearFront::new(&moments, LinearFront::FRACTION)?;
    let solved =
        WEIGHTS.iter().map(|&weight| Ok(front.solve(weight, k)?)).collect::<Result<Vec<LinearCre>>>()?;
    let mse: Vec<f64> = solved.iter().map(|code| code.mse).collect();
    let one_hot = solved.iter().map(|code| code.one_hot_mse);
    // The ratio of two rounding errors is arbitrary.
    let d = moments.d() as f64;
    let rounding = d * f64::EPSILON * moments.covariance()?.diag().sum() / d;
    let least = mse[WEIGHTS.len() - 1];
    if least <= rounding {
        return Err(Error::Usage(format!(
            "exact front: expected k below the rank of the images, got k = {k} and rank {}, where reconstruction is perfect; \
             use a smaller k",
            front.rank()
        )));
    }
    // A code of all dimensions minimises both errors at once: the floor of the label error.
    let floor = front.solve(0.5, front.rank())?.one_hot_mse;
    let frequencies = moments.class_frequencies()?;
    let constant = frequencies.mapv(|p| p * (1.0 - p)).mean().unwrap_or(f64::NAN);
    let mut scalars = Scalars::from([("floor".into(), floor / constant)]);
    let relative = one_hot.map(|error| error / constant).collect();
    let excess = mse.iter().map(|error| error / least - 1.0).collect();
    let mut arrays = vec![("weight", WEIGHTS.to_vec()), ("excess_mse", excess), ("label_error", relative)];
    let of_test = |code: &LinearCre| held_out_error(code, images);
    // The error of the constant prediction is above 0 for test images of two classes or more.
    if let Some(baseline) = baseline(&frequencies, &images.test) {
        let floor = of_test(&front.solve(0.5, front.rank())?)?;
        scalars.insert("held_out_floor".into(), floor / baseline);
        let held_out = solved.iter().map(|code| Ok(of_test(code)? / baseline)).collect::<Result<_>>()?;
        arrays.push(("held_out_label_error", held_out));
    }
    Ok((scalars, arrays.into_iter().map(|(name, values)| (name.into(), Array::vector(values))).collect()))
}

/// The mean squared error of a code to the one-hot labels of the test images, over images and classes.
fn held_out_error(code: &LinearCre, images: &Images) -> Result<f64> {
    let mut sum = 0.0;
    for range in chunks(images.test.len()) {
        let part = images.test.rows(range)?;
        let x = rows(&part, normalised(&part));
        sum += part.len() as f64 * code.evaluate(x.view(), part.labels())?.one_hot_mse;
    }
    Ok(sum / images.test.len() as f64)
}

/// The mean squared error of predicting the class frequencies for every image; `None` if it is zero.
fn baseline(frequencies: &Array1<f64>, images: &Split) -> Option<f64> {
    let each = |label: &u8| {
        let gap = |(class, p): (usize, &f64)| (p - f64::from(class == usize::from(*label))).powi(2);
        frequencies.iter().enumerate().map(gap).sum::<f64>()
    };
    let sum: f64 = images.labels().iter().map(each).sum();
    Some(sum / (images.len() * frequencies.len()) as f64).filter(|&error| error > 0.0)
}

/// Images, their projections on the components of small variance, and those on the components of large variance, as bytes.
fn bands(images: &Images, shown: usize) -> Result<(Scalars, Arrays)> {
    let n = images.train.len();
    let shown = shown.min(n);
    let d: usize = images.train.image_shape().iter().product();
    let x = ArrayView2::from_shape((n, d), images.train.pixels())
        .expect("the pixels fill the shape of the split");
    let pca = GramPca::fit(x)?;
    // Evenly spaced over the set.
    let picked: Vec<usize> = (0..shown).map(|place| place * n / shown).collect();
    let (rank, n_top) = (pca.rank(), pca.top_without(BOTTOM)?);
    let originals = x.select(Axis(0), &picked).mapv(f64::from);
    let [top, bottom] = [0..n_top, n_top..rank].map(|range| pca.part(&picked, range));
    let [top, bottom] = [top? + pca.mean(), bottom? + pca.mean()];
    let bytes = [&originals, &bottom, &top]
        .into_iter()
        .flat_map(|rows| rows.outer_iter().flat_map(stretched))
        .collect();
    let [c, h, w] = images.train.image_shape();
    let array = Array { shape: vec![3, shown, c, h, w], values: Values::U8(bytes) };
    let share = n_top as f64 / rank as f64;
    let scalars = Scalars::from([("top_components".into(), n_top as f64), ("top_share".into(), share)]);
    Ok((scalars, Arrays::from([("bands".into(), array)])))
}

/// The components of the smallest variance that together hold less than this fraction are the bottom.
const BOTTOM: f64 = 0.25;

/// An image whose values are scaled so that its minimum is 0 and its maximum 255.
fn stretched(image: ArrayView1<'_, f64>) -> Vec<u8> {
    let (low, high) =
        image.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    let scale = 255.0 / (high - low).max(f64::MIN_POSITIVE);
    image.iter().map(|x| ((x - low) * scale).round() as u8).collect()
}
