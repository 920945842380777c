//! Advice on masks: which masks should help an autoencoder keep class information, by closed forms on labelled images.

mod held_out;

use data::Split;
use ndarray::{Array1, ArrayView2};
use runs::pixels::{moments_of, normalised, rows};
use serde::Serialize;
use theory::{Alignment, Corruption, Denoising, GramDenoising};

use crate::{Error, Result};

pub use held_out::{HeldOut, Judged};

/// The reported code sizes below the rank of the images; 1 and 2 only for a rank of at most [`JUDGED_FROM`].
const SIZES: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// The smallest code by which masks are judged, if the rank of the images is at least twice as large.
const JUDGED_FROM: usize = 16;

/// The patch sizes of the masks, if they divide the sides of the images, and the fractions dropped.
const PATCHES: [usize; 5] = [1, 2, 4, 8, 16];
const DROPPED: [f64; 3] = [0.25, 0.5, 0.75];

/// The smallest number of images per pixel for advice: with as many, a linear probe explains at most about a fifth of
/// the variance of random labels.
const ENOUGH: usize = 5;

/// The results of the closed forms for a set of labelled images.
#[derive(Debug, Clone, Serialize)]
pub struct Advice {
    /// The number of images.
    pub images: usize,
    /// The shape of an image: channels, rows and columns.
    pub shape: [usize; 3],
    /// The number of classes with an image.
    pub classes: usize,
    /// The rank of the images: the number of directions with variance.
    pub rank: usize,
    /// For 50, 90, 95 and 99 percent of the variance, the number of leading principal components that hold it.
    pub components: Vec<(u32, usize)>,
    /// R² of a linear probe of all pixels.
    pub explained: f64,
    /// The task alignment of reconstruction in percent by code size (`book/lbr.md`, section 2.7).
    pub alignment: Vec<(usize, f64)>,
    /// The impact of masks.
    pub masks: Vec<Impact>,
    /// Masks chosen on one half of the images and judged on the other; `None` if there are too few images.
    pub held_out: Option<HeldOut>,
    /// The reason why there is no advice, if there are too few images.
    pub too_few: Option<String>,
}

/// The way to compute alignments that needs fewer operations.
enum Route<'a> {
    /// From the covariance of pixels.
    Pixels(Box<Denoising>),
    /// From the Gram matrix of images, if they are fewer than pixels.
    Images(Box<GramDenoising<'a, u8>>),
}

impl<'a> Route<'a> {
    fn of(images: &'a Split) -> Result<Self> {
        let (n, d) = (images.len(), images.image_shape().iter().product());
        if n >= d {
            let moments = moments_of(images, |part| rows(part, normalised(part)))?;
            return Ok(Self::Pixels(Box::new(Denoising::new(&moments)?)));
        }
        // As bytes, since an alignment does not depend on the scale or the origin of pixels.
        let x =
            ArrayView2::from_shape((n, d), images.pixels()).expect("the pixels fill the shape of the split");
        Ok(Self::Images(Box::new(GramDenoising::new(x, images.labels(), images.n_classes())?)))
    }

    fn alignment(&self, corruption: &Corruption) -> theory::Result<Alignment> {
        match self {
            Self::Pixels(denoising) => denoising.alignment(corruption),
            Self::Images(denoising) => denoising.alignment(corruption),
        }
    }

    fn rank(&self) -> usize {
        self.variances().len()
    }

    fn variances(&self) -> Array1<f64> {
        match self {
            Self::Pixels(denoising) => denoising.variances().to_owned(),
            Self::Images(denoising) => denoising.variances(),
        }
    }

    /// The alignment without a mask, and its change by each mask; `observe` receives the name of each mask before it is computed.
    fn impacts(&self, shape: [usize; 3], observe: &mut dyn FnMut(&str)) -> Result<(Alignment, Vec<Impact>)> {
        let [_, h, w] = shape;
        let clean = self.alignment(&Corruption::None)?;
        let sizes = sizes(self.rank());
        let fits = |patch: &usize| h % patch == 0 && w % patch == 0 && 2 * patch <= h.min(w);
        let mut masks = Vec::new();
        for patch in PATCHES.into_iter().filter(fits) {
            for drop in DROPPED {
                observe(&format!("patches of {patch} x {patch}, {:.0} % dropped", 100.0 * drop));
                let of = self.alignment(&Corruption::PatchMask { image: shape, patch, drop })?;
                let impact = of.impact(&clean)?;
                let change = |k: usize| Some(impact[k - 1]).filter(|change| change.is_finite());
                let change = sizes.iter().map(|&k| (k, change(k))).collect();
                masks.push(Impact { patch, drop, alignment: at(&sizes, &of), change });
            }
        }
        Ok((clean, masks))
    }
}

/// The change of the alignment by a mask.
#[derive(Debug, Clone, Serialize)]
pub struct Impact {
    /// The side of a patch in pixels.
    pub patch: usize,
    /// The probability that a patch is dropped.
    pub drop: f64,
    /// The alignment in percent by code size.
    pub alignment: Vec<(usize, f64)>,
    /// Its relative change in percent by code size; `None` where the alignment without a mask is zero.
    pub change: Vec<(usize, Option<f64>)>,
}

/// Computes the advice; `observe` receives the name of each step before it begins.
///
/// # Errors
/// If there is only one class, or all images are equal.
pub fn advise(images: &Split, mut observe: impl FnMut(&str)) -> Result<Advice> {
    let shape = images.image_shape();
    let mut present: Vec<u8> = images.labels().to_vec();
    present.sort_unstable();
    present.dedup();
    if present.len() < 2 {
        return Err(Error::Usage("advise: expected images of at least two classes, got one".into()));
    }
    observe("principal components");
    let route = Route::of(images)?;
    let (clean, masks) = route.impacts(shape, &mut observe)?;
    let variances = route.variances();
    let total = variances.sum();
    let held = |share: u32| {
        let mut sum = 0.0;
        let mut below = |variance: &f64| {
            sum += variance / total;
            sum < f64::from(share) / 100.0
        };
        (share, variances.iter().take_while(|&variance| below(variance)).count() + 1)
    };
    let mut advice = Advice {
        images: images.len(),
        shape,
        classes: present.len(),
        rank: route.rank(),
        components: [50, 90, 95, 99].map(held).into(),
        explained: clean.r2[clean.r2.len() - 1],
        alignment: at(&sizes(route.rank()), &clean),
        masks,
        held_out: None,
        too_few: None,
    };
    let d: usize = shape.iter().product();
    drop(route);
    match images.len() < ENOUGH * d {
        true => {
            advice.too_few = Some(format!(
                "{} images of {d} pixels, to which a linear probe overfits; use at least {} images, or smaller ones (--side)",
                images.len(),
                ENOUGH * d
            ));
        }
        false => match held_out::judged(images, &mut observe) {
            Ok(held_out) => advice.held_out = Some(held_out),
            Err(Error::Runs(error)) => {
                advice.too_few = Some(format!("too few images to hold out half of them: {error}"))
            }
            Err(error) => return Err(error),
        },
    }
    Ok(advice)
}

/// The reported code sizes for images of this rank, at least one. The last size is `rank`, unless it is larger than all of
/// [`SIZES`].
fn sizes(rank: usize) -> Vec<usize> {
    let largest = SIZES[SIZES.len() - 1];
    let is_shown = |&k: &usize| k < rank && (k >= 4 || rank <= JUDGED_FROM);
    SIZES.into_iter().filter(is_shown).chain((rank <= largest).then_some(rank)).collect()
}

fn at(sizes: &[usize], of: &Alignment) -> Vec<(usize, f64)> {
    sizes.iter().map(|&k| (k, of.alignment[k - 1])).collect()
}

impl Advice {
    /// The alignment in percent by code size, for codes smaller than the rank. A code of all directions has an alignment of 100 %
    /// by construction.
    pub fn of_smaller_codes(&self) -> impl DoubleEndedIterator<Item = (usize, f64)> {
        self.alignment.iter().copied().filter(|&(k, _)| k < self.rank)
    }

    /// The mask with the largest increase of the alignment at a code size that is shown but not judged.
    pub fn best_not_judged(&self) -> Option<Extreme<'_>> {
        let judged_from = judged_from(self.rank);
        extreme(&self.masks, |_, k| k < judged_from, |a, b| a > b)
    }

    /// The smallest code by which masks are judged.
    pub fn judged_from(&self) -> usize {
        judged_from(self.rank)
    }
}

/// A mask, a code size, and the relative change of the alignment in percent; infinite if the alignment without a mask is zero.
pub type Extreme<'a> = (&'a Impact, usize, f64);

/// The mask and code size with the extreme change, and among equal changes with the extreme alignment.
fn extreme(
    masks: &[Impact],
    includes: impl Fn(&Impact, usize) -> bool,
    beats: impl Fn((f64, f64), (f64, f64)) -> bool,
) -> Option<Extreme<'_>> {
    let mut found: Option<(&Impact, usize, (f64, f64))> = None;
    for mask in masks {
        for (&(k, with), &(_, change)) in mask.alignment.iter().zip(&mask.change) {
            let change = change.unwrap_or(if with > 0.0 { f64::INFINITY } else { 0.0 });
            if includes(mask, k) && found.is_none_or(|(_, _, best)| beats((change, with), best)) {
                found = Some((mask, k, (change, with)));
            }
        }
    }
    found.map(|(mask, k, (change, _))| (mask, k, change))
}

/// The smallest code by which masks are judged, for images of this rank. A mask hardly changes a code that keeps most
/// directions, so all reported sizes are judged if the rank is below twice [`JUDGED_FROM`].
fn judged_from(rank: usize) -> usize {
    if rank >= 2 * JUDGED_FROM { JUDGED_FROM } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_has_a_code_size_in_the_table() {
        for rank in 1..200 {
            let sizes = sizes(rank);
            assert!(
                sizes.is_sorted() && sizes.last() == Some(&rank.min(128)) && sizes[0] >= 1,
                "{rank}: {sizes:?}"
            );
        }
        assert_eq!(sizes(300), [4, 8, 16, 32, 64, 128]);
        assert_eq!(sizes(20), [4, 8, 16, 20]);
        assert_eq!(sizes(16), [1, 2, 4, 8, 16]);
        assert_eq!(sizes(3), [1, 2, 3]);
        assert_eq!(sizes(1), [1]);
    }
}
