//! Masks chosen on one half of the images and judged on the other.

use data::Split;
use ndarray::Axis;
use runs::pixels::{chunks, normalised, rows};
use serde::Serialize;
use tensor::random::Stream;
use theory::{Corruption, Denoising};

use super::{Impact, Route, extreme, judged_from};
use crate::statistics::{Interval, interval};
use crate::{Error, Result};

/// The results on one half of the images of codes computed from the other half.
#[derive(Debug, Clone, Serialize)]
pub struct HeldOut {
    /// R² of a linear probe of all pixels on the other half, which may be negative.
    pub explained: f64,
    /// The mask with the largest increase of the alignment on the first half, judged on the second.
    pub best: Option<Judged>,
    /// The mask with the largest decrease on the first half, never the one that helps, judged on the second.
    pub worst: Option<Judged>,
}

/// A mask and a code size, with the change by the mask of the R² of a linear probe of the code on the second half, in
/// percentage points.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    /// The side of a patch in pixels.
    pub patch: usize,
    /// The probability that a patch is dropped.
    pub drop: f64,
    /// The code size.
    pub k: usize,
    /// The change.
    pub change: f64,
    /// The lower end of its 95 % interval over images.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl HeldOut {
    /// The best mask, if it helps significantly.
    pub fn helps(&self) -> Option<&Judged> {
        self.best.as_ref().filter(|mask| mask.low > 0.0)
    }

    /// The worst mask, if it harms significantly; never the one that helps.
    pub fn harms(&self) -> Option<&Judged> {
        self.worst.as_ref().filter(|mask| mask.high < 0.0)
    }
}

/// Chooses masks on one half of the images and judges them on the other, so that the choice of the best mask has no bias: two
/// comparisons of paired images for any number of masks.
///
/// # Errors
/// If the images or the labels of a half do not vary.
pub(super) fn judged(images: &Split, observe: &mut dyn FnMut(&str)) -> Result<HeldOut> {
    let shape = images.image_shape();
    let [first, second] = halves(images)?;
    observe("principal components of one half");
    let route = Route::of(&first)?;
    let (_, masks) = route.impacts(shape, &mut |mask| observe(&format!("{mask}, one half")))?;
    let Route::Pixels(denoising) = route else {
        let (n, d) = (first.len().min(second.len()), shape.iter().product::<usize>());
        return Err(Error::Usage(format!(
            "advise: expected at least {d} images in each half, one for each input dimension, got {n}; use more images, or \
             smaller ones (`--side`)"
        )));
    };
    observe("evaluation on the other half");
    let judged_from = judged_from(denoising.rank());
    let judge = |chosen: Option<(&Impact, usize, f64)>| -> Result<Option<Judged>> {
        let Some((&Impact { patch, drop, .. }, k, _)) = chosen else { return Ok(None) };
        let mask = Corruption::PatchMask { image: shape, patch, drop };
        let Interval { mean: change, low, high } = change(&denoising, &mask, k, &second)?.times(100.0);
        Ok(Some(Judged { patch, drop, k, change, low, high }))
    };
    let best = judge(extreme(&masks, |_, k| k >= judged_from, |a, b| a > b))?;
    let helps = |mask: &Impact| {
        best.as_ref().is_some_and(|best| best.low > 0.0 && (best.patch, best.drop) == (mask.patch, mask.drop))
    };
    let worst = judge(extreme(&masks, |mask, k| k >= judged_from && !helps(mask), |a, b| a < b))?;
    let [none, all] = errors(&denoising, &Corruption::None, denoising.rank(), &second)?;
    Ok(HeldOut { explained: 1.0 - all.iter().sum::<f64>() / none.iter().sum::<f64>(), best, worst })
}

/// The change by a mask of the held-out R² of a code of `k` dimensions, over paired images.
fn change(denoising: &Denoising, mask: &Corruption, k: usize, images: &Split) -> Result<Interval> {
    let [none, without] = errors(denoising, &Corruption::None, k, images)?;
    let [_, with] = errors(denoising, mask, k, images)?;
    let baseline = none.iter().sum::<f64>() / none.len() as f64;
    let gains: Vec<f64> =
        without.iter().zip(&with).map(|(without, with)| (without - with) / baseline).collect();
    Ok(interval(&gains))
}

/// The squared errors by image of the class frequencies and of a code of `k` dimensions.
fn errors(denoising: &Denoising, corruption: &Corruption, k: usize, images: &Split) -> Result<[Vec<f64>; 2]> {
    let codes = denoising.codes(corruption, k)?;
    let mut errors = [vec![], vec![]];
    for range in chunks(images.len()) {
        let part = images.rows(range)?;
        let judged = codes.judge(rows(&part, normalised(&part)).view(), part.labels(), &[0, k])?;
        for (errors, of_size) in errors.iter_mut().zip(judged.squared_errors.columns()) {
            errors.extend(of_size);
        }
    }
    Ok(errors)
}

/// Two random halves with equal numbers of images of each class, up to one.
fn halves(images: &Split) -> Result<[Split; 2]> {
    let mut order = Stream::new(0, "halves of the images").permutation(images.len(), 0);
    order.sort_by_key(|&image| images.labels()[image as usize]);
    let half = |first: usize| -> Result<Split> {
        let picked: Vec<usize> = order.iter().skip(first).step_by(2).map(|&image| image as usize).collect();
        let labels = picked.iter().map(|&image| images.labels()[image]).collect();
        Ok(Split::new(images.images().select(Axis(0), &picked), labels, images.n_classes())?)
    };
    Ok([half(0)?, half(1)?])
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    #[test]
    fn halves_share_the_classes_and_no_image() {
        let n = 31;
        let images = Array4::from_shape_fn((n, 1, 1, 1), |(image, ..)| image as u8);
        let labels = (0..n).map(|image| u8::from(image > 20)).collect();
        let [first, second] = halves(&Split::new(images, labels, 2).unwrap()).unwrap();
        let mut all: Vec<u8> = first.pixels().iter().chain(second.pixels()).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..n as u8).collect::<Vec<_>>());
        let counts = [&first, &second].map(Split::class_counts);
        assert!((0..2).all(|class| counts[0][class].abs_diff(counts[1][class]) <= 1), "{counts:?}");
        assert!(!first.pixels().is_sorted());
    }
}
