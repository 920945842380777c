//! Questions about images that closed forms answer (section 2 of the LBR specification).

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

/// A closed form of the training images, or a linear model held against one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedForm {
    /// What is asked.
    pub question: Question,
}

impl Learner for ClosedForm {
    fn label(&self) -> String {
        match &self.question {
            Question::Alignment { noise } => format!("alignment, {}", noise.label()),
            Question::Front { k } => format!("exact linear front, k = {k}"),
            Question::Optimum { task } => task.label(),
            Question::Bands { .. } => "images in bands of variance".into(),
        }
    }

    /// Square matrices of as many rows as an image has pixels, or as there are images.
    fn image_bytes(&self, images: &Images) -> u64 {
        match self.question {
            // The covariance, and at most six matrices beside it (`theory`).
            Question::Alignment { .. } => 7 * 8 * (images.n_pixels() as u64).saturating_pow(2),
            Question::Front { .. } => matrices(images.n_pixels()),
            Question::Bands { .. } => matrices(images.train.len()),
            Question::Optimum { .. } => 0,
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
            Question::Alignment { noise } => alignment::of(images, noise),
            Question::Front { k } => front(images, k),
            Question::Optimum { task } => task.train(images),
            Question::Bands { shown } => bands(images, shown),
        }
    }

    fn train(&self, _: &Setup<'_>, _: &mut dyn FnMut(&mut dyn Training)) -> Result<()> {
        Err(Error::Usage(format!("{} is a closed form: nothing is trained", self.label())))
    }
}

/// A question about the training images that a closed form answers, or that is put to a closed form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "asked", deny_unknown_fields)]
pub enum Question {
    /// How well codes that denoise best classify: the alignment of section 2.7 over the size of the code.
    Alignment {
        /// What is done to the images before they are encoded.
        noise: Noise,
    },
    /// What the exact linear trade-off is: errors over λ for codes of this size (fact C9).
    Front {
        /// The size of the code.
        #[serde(serialize_with = "models::range::width")]
        k: usize,
    },
    /// Whether gradient descent comes to the optimum of a linear model (section 4).
    Optimum {
        /// The model, and how it is trained.
        task: LinearOptimum,
    },
    /// What the components of the smallest and the largest variance look like (experiment E5).
    Bands {
        /// How many images are shown.
        #[serde(serialize_with = "models::range::steps")]
        shown: usize,
    },
}

/// The weights of reconstruction at which the exact front is solved: dense where the first percent of error is.
const WEIGHTS: [f64; 17] =
    [0.0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.993, 0.995, 0.997, 0.999, 0.9999, 1.0];

/// The sizes of codes at which curves are kept: all up to 64, then in steps of about 8 percent, and the largest.
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
    // Two errors that are nothing but rounding have any ratio.
    let d = moments.d() as f64;
    let rounding = d * f64::EPSILON * moments.covariance()?.diag().sum() / d;
    let least = mse[WEIGHTS.len() - 1];
    if least <= rounding {
        return Err(Error::Usage(format!(
            "codes of {k} dimensions lose nothing of these images, which vary along {} directions: no excess over that error; \
             take a smaller k",
            front.rank()
        )));
    }
    // With every dimension both errors are least at once: the floor of classification.
    let floor = front.solve(0.5, front.rank())?.one_hot_mse;
    let frequencies = moments.class_frequencies()?;
    let nothing = frequencies.mapv(|p| p * (1.0 - p)).mean().unwrap_or(f64::NAN);
    let mut scalars = Scalars::from([("floor".into(), floor / nothing)]);
    let share = one_hot.map(|error| error / nothing).collect();
    let excess = mse.iter().map(|error| error / least - 1.0).collect();
    let mut arrays = vec![("weight", WEIGHTS.to_vec()), ("excess_mse", excess), ("label_error", share)];
    let of_test = |code: &LinearCre| held_out_error(code, images);
    // A constant prediction, the training frequencies, errs by something on any test images of two classes or more.
    if let Some(baseline) = baseline(&frequencies, &images.test) {
        let floor = of_test(&front.solve(0.5, front.rank())?)?;
        scalars.insert("held_out_floor".into(), floor / baseline);
        let held_out = solved.iter().map(|code| Ok(of_test(code)? / baseline)).collect::<Result<_>>()?;
        arrays.push(("held_out_label_error", held_out));
    }
    Ok((scalars, arrays.into_iter().map(|(name, values)| (name.into(), Array::vector(values))).collect()))
}

/// The mean squared error to one-hot labels of a code on the test images, over images and classes.
fn held_out_error(code: &LinearCre, images: &Images) -> Result<f64> {
    let mut sum = 0.0;
    for range in chunks(images.test.len()) {
        let part = images.test.rows(range)?;
        let x = rows(&part, normalised(&part));
        sum += part.len() as f64 * code.evaluate(x.view(), part.labels())?.one_hot_mse;
    }
    Ok(sum / images.test.len() as f64)
}

/// The same of a constant prediction; `None` if it is zero.
fn baseline(frequencies: &Array1<f64>, images: &Split) -> Option<f64> {
    let each = |label: &u8| {
        let gap = |(class, p): (usize, &f64)| (p - f64::from(class == usize::from(*label))).powi(2);
        frequencies.iter().enumerate().map(gap).sum::<f64>()
    };
    let sum: f64 = images.labels().iter().map(each).sum();
    Some(sum / (images.len() * frequencies.len()) as f64).filter(|&error| error > 0.0)
}

/// The images shown, what is left of them below the share, and what lies above it, as bytes: three rows of as many.
fn bands(images: &Images, shown: usize) -> Result<(Scalars, Arrays)> {
    let n = images.train.len();
    let shown = shown.min(n);
    let d: usize = images.train.image_shape().iter().product();
    let x =
        ArrayView2::from_shape((n, d), images.train.pixels()).expect("a split has as many pixels as it says");
    let pca = GramPca::fit(x)?;
    // Spread over the set.
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

/// The components of the smallest variance that hold less than this together are the bottom.
const BOTTOM: f64 = 0.25;

/// An image from its own least to its own largest value.
fn stretched(image: ArrayView1<'_, f64>) -> Vec<u8> {
    let (low, high) =
        image.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    let scale = 255.0 / (high - low).max(f64::MIN_POSITIVE);
    image.iter().map(|x| ((x - low) * scale).round() as u8).collect()
}
