//! Projection of images onto principal subspaces (LBR E3 in `book/lbr.md`).

use std::ops::Range;

use data::Split;
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use serde::{Deserialize, Serialize};
use system::text;
use theory::Pca;

use crate::pixels::{chunks, moments_of, rows};
use crate::{Error, Result};

/// Added to the standard deviation of an image before the division by it.
const FLAT: f64 = 1e-6;

/// The principal components onto which images are projected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kept", deny_unknown_fields)]
pub enum Seen {
    /// All components: the image itself.
    Whole,
    /// The leading components, up to a bound on their explained variance.
    Top(Bound),
    /// The remaining components.
    Bottom(Bound),
    /// The leading components that explain just less than this fraction of the variance.
    TopShare(Share),
    /// The last components that explain this fraction of the variance, or just more.
    BottomShare(Share),
}

/// An exact fraction of the variance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The fraction.
    #[serde(serialize_with = "models::range::fraction")]
    pub share: f64,
}

/// One of `of` bounds between the explained variance of the two leading components and 1: evenly spaced for
/// the top, and by the fourth root for the bottom, as in the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The index of the bound, from 0.
    #[serde(serialize_with = "models::range::offset")]
    pub place: usize,
    /// The number of bounds, at least 2.
    #[serde(serialize_with = "models::range::side")]
    pub of: usize,
}

/// The principal components of contrast-normalised training images.
///
/// Each image is divided by its own standard deviation over all pixels and channels, then the mean of the training
/// images is subtracted. Means are computed in f64.
#[derive(Debug)]
pub struct Subspaces {
    mean: Array1<f64>,
    /// The components as rows in order of decreasing variance, `[d, d]`.
    components: Array2<f32>,
    /// The cumulative explained variance, as fractions.
    explained: Vec<f64>,
}

/// A selection of components and its explained variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selection {
    /// The number of leading components that are selected, or excluded.
    first: usize,
    top: bool,
    /// The number of selected components.
    pub n: usize,
    /// The position on the axis of the paper's figure: the bound for the top, 1 minus the bound for the bottom.
    pub share: f64,
    /// The fraction of the variance explained by the selection.
    pub variance: f64,
}

impl Subspaces {
    /// Fits the components to training images.
    ///
    /// # Errors
    /// If all images are equal after contrast normalisation.
    pub fn of(train: &Split) -> Result<Self> {
        let moments = moments_of(train, contrast)?;
        let pca = Pca::fit(&moments)?;
        if pca.rank() == 0 {
            let images = text::count(train.len(), "image");
            let what = format!(
                "principal components of {images} after contrast normalisation: expected different images, \
                 got identical ones"
            );
            return Err(Error::Usage(what));
        }
        let total = pca.variances().sum();
        let mut sum = 0.0;
        let variances = pca.variances();
        let explained = variances.iter().map(|variance| {
            sum += variance / total;
            sum
        });
        Ok(Self {
            explained: explained.collect(),
            mean: pca.mean().to_owned(),
            components: pca.components().mapv(|x| x as f32),
        })
    }

    /// Fits only the mean, for projections onto all components.
    ///
    /// # Errors
    /// If there are no images.
    pub fn undivided(train: &Split) -> Result<Self> {
        let d = train.image_shape().iter().product();
        let mut sum = Array1::<f64>::zeros(d);
        for rows in chunks(train.len()) {
            sum += &contrast(&train.rows(rows)?).sum_axis(Axis(0));
        }
        let mean = sum / train.len() as f64;
        Ok(Self { mean, components: Array2::zeros((0, d)), explained: vec![1.0; d] })
    }

    /// The fraction of the variance explained by the first `k` components.
    pub fn explained(&self, k: usize) -> f64 {
        if k == 0 { 0.0 } else { self.explained[k - 1] }
    }

    /// Selects components; at the first bound the top is one component, and the bottom all others.
    ///
    /// # Errors
    /// If there are fewer than two bounds, the index is out of range, the images have fewer than three components, or the
    /// first component alone explains more than is selected.
    pub fn select(&self, seen: Seen) -> Result<Selection> {
        let d = self.explained.len();
        let (top, at) = match seen {
            Seen::Whole => return Ok(Selection { first: d, top: true, n: d, share: 1.0, variance: 1.0 }),
            Seen::Top(bound) => (true, self.bound(bound, |step| step)?),
            Seen::Bottom(bound) => (false, self.bound(bound, |step| step.powf(0.25))?),
            Seen::TopShare(Share { share }) => (true, share),
            Seen::BottomShare(Share { share }) => (false, 1.0 - share),
        };
        let first = self.explained.iter().filter(|&&explained| explained < at).count();
        if top && first == 0 {
            return Err(Error::Usage(format!(
                "the top {at} of the variance: expected at least one component, got none, since the first \
                 explains {:.3}",
                self.explained(1)
            )));
        }
        let held = self.explained(first);
        Ok(match top {
            true => Selection { first, top, n: first, share: at, variance: held },
            false => Selection { first, top, n: d - first, share: 1.0 - at, variance: 1.0 - held },
        })
    }

    /// The explained variance at a bound; `spaced` maps equal steps from 0 to 1.
    fn bound(&self, Bound { place, of }: Bound, spaced: fn(f64) -> f64) -> Result<f64> {
        if of < 2 || place >= of {
            let what =
                format!("bound {place} of {of}: expected at least 2 bounds and an index below their number");
            return Err(Error::Usage(what));
        }
        // A difference from 1 within rounding error counts as 1.
        let rounding = self.explained.len() as f64 * f64::EPSILON;
        let (low, high) =
            match (self.explained.get(1), self.explained.iter().rev().find(|&&e| e < 1.0 - rounding)) {
                (Some(&low), Some(&high)) if low < high => (low, high),
                _ => {
                    return Err(Error::Usage(
                        "selecting components: expected at least three components with variance, got at most \
                         two"
                            .into(),
                    ));
                }
            };
        Ok(low + (high - low) * spaced(place as f64 / (of - 1) as f64))
    }

    /// The projection of contrast-normalised, centred images onto the selected components,
    /// `[n, d]`.
    pub fn project(&self, images: &Split, selection: Selection) -> Array2<f32> {
        let d = self.mean.len();
        let mut projected = Array2::zeros((images.len(), d));
        for rows in chunks(images.len()) {
            let part = images.rows(rows.clone()).expect("chunks are within the split");
            let x = (contrast(&part) - &self.mean).mapv(|x| x as f32);
            projected.slice_axis_mut(Axis(0), Slice::from(rows)).assign(&self.project_rows(x, selection));
        }
        projected
    }

    /// Projects by the smaller of the two sets: the selected components, or the identity minus the others.
    fn project_rows(&self, x: Array2<f32>, selection: Selection) -> Array2<f32> {
        let d = self.mean.len();
        if selection.n == d {
            return x;
        }
        let rows = if 2 * selection.first <= d {
            Slice::from(..selection.first)
        } else {
            Slice::from(selection.first..)
        };
        let spans_selection = (2 * selection.first <= d) == selection.top;
        let components: ArrayView2<'_, f32> = self.components.slice_axis(Axis(0), rows);
        let within = x.dot(&components.t()).dot(&components);
        if spans_selection { within } else { x - within }
    }
}

/// Images divided by their own standard deviations, `[n, d]`.
fn contrast(images: &Split) -> Array2<f64> {
    let mut x = rows(images, images.pixels().iter().map(|&byte| f64::from(byte) / 255.0).collect());
    at_equal_contrast(&mut x);
    x
}

/// Divides each row by its own standard deviation.
fn at_equal_contrast(x: &mut Array2<f64>) {
    for mut image in x.outer_iter_mut() {
        let deviation = image.std(0.0);
        image /= FLAT + deviation;
    }
}

/// A range of contrast-normalised images in f64.
fn wide(images: &Array2<f32>, rows: Range<usize>) -> Array2<f64> {
    let mut x = images.slice_axis(Axis(0), Slice::from(rows)).mapv(f64::from);
    at_equal_contrast(&mut x);
    x
}

/// Normalises projected images for a network: contrast normalisation, then subtraction of the training mean.
#[derive(Debug)]
pub struct Normaliser {
    mean: Array1<f64>,
}

impl Normaliser {
    /// Fits the mean to training images `[n, d]`; returns them normalised.
    pub fn fit(train: Array2<f32>) -> (Self, Array2<f32>) {
        let mut sum = Array1::<f64>::zeros(train.ncols());
        for rows in chunks(train.nrows()) {
            // Accumulated image by image, independent of chunks.
            wide(&train, rows).outer_iter().for_each(|image| sum += &image);
        }
        let normaliser = Self { mean: sum / train.nrows() as f64 };
        let normalised = normaliser.apply(train);
        (normaliser, normalised)
    }

    /// Normalises images in place.
    pub fn apply(&self, mut images: Array2<f32>) -> Array2<f32> {
        for rows in chunks(images.nrows()) {
            let x = (wide(&images, rows.clone()) - &self.mean).mapv(|x| x as f32);
            images.slice_axis_mut(Axis(0), Slice::from(rows)).assign(&x);
        }
        images
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Split {
        data::open("fashion-mnist-embedded", None).unwrap().train.first(300).unwrap()
    }

    const fn at(place: usize) -> Bound {
        Bound { place, of: 8 }
    }

    /// LBR C15 in `book/codes.md`.
    #[test]
    fn at_the_first_bound_the_top_is_one_component_and_the_bottom_all_others() {
        let subspaces = Subspaces::of(&images()).unwrap();
        let [top, bottom] =
            [Seen::Top(at(0)), Seen::Bottom(at(0))].map(|seen| subspaces.select(seen).unwrap());
        assert_eq!([top.n, bottom.n], [1, 783]);
        assert!((top.variance + bottom.variance - 1.0).abs() < 1e-12);
        let last = subspaces.select(Seen::Bottom(at(7))).unwrap();
        assert!(last.variance < 1e-3, "{last:?}");
    }

    #[test]
    fn bounds_rise_for_the_top_and_fall_for_the_bottom() {
        let subspaces = Subspaces::of(&images()).unwrap();
        for place in 1..8 {
            let [before, here] =
                [place - 1, place].map(|place| subspaces.select(Seen::Top(at(place))).unwrap());
            assert!(before.n <= here.n && before.share < here.share && here.variance <= here.share);
            let [before, here] =
                [place - 1, place].map(|place| subspaces.select(Seen::Bottom(at(place))).unwrap());
            assert!(before.n >= here.n && before.share > here.share && here.variance >= here.share - 1e-12);
        }
    }

    #[test]
    fn an_exact_fraction_is_missed_by_less_than_one_component() {
        let subspaces = Subspaces::of(&images()).unwrap();
        for share in [0.3, 0.5, 0.9] {
            let top = subspaces.select(Seen::TopShare(Share { share })).unwrap();
            assert!(top.variance < share && subspaces.explained(top.n + 1) >= share, "{top:?}");
            let bottom = subspaces.select(Seen::BottomShare(Share { share })).unwrap();
            let excluded = 784 - bottom.n;
            assert!(bottom.variance > share - 1e-12, "{bottom:?}");
            assert!(1.0 - subspaces.explained(excluded + 1) <= share + 1e-12, "{bottom:?}");
            assert!(top.share == share && (bottom.share - share).abs() < 1e-12);
        }
        let message = subspaces.select(Seen::TopShare(Share { share: 1e-3 })).unwrap_err().to_string();
        assert!(message.starts_with("the top 0.001 of the variance: expected at least one"), "{message}");
    }

    #[test]
    fn whole_images_need_no_components() {
        let images = images();
        let [divided, undivided] = [Subspaces::of(&images), Subspaces::undivided(&images)]
            .map(Result::unwrap)
            .map(|subspaces| subspaces.project(&images, subspaces.select(Seen::Whole).unwrap()));
        // The two means are sums of 300 terms in f64, so they may differ in the last bit of f32.
        let same = |(a, b): (&f32, &f32)| (a - b).abs() <= f32::EPSILON * a.abs().max(1.0);
        assert!(divided.iter().zip(&undivided).all(same));
    }

    /// LBR C15 in `book/codes.md`.
    #[test]
    fn projections_are_idempotent_and_add_up_to_the_image() {
        let images = images();
        let subspaces = Subspaces::of(&images).unwrap();
        let part = images.first(20).unwrap();
        let whole = subspaces.project(&part, subspaces.select(Seen::Whole).unwrap());
        for place in [0, 3, 7] {
            let selected = subspaces.select(Seen::Top(at(place))).unwrap();
            let rest = Selection { top: false, n: 784 - selected.n, ..selected };
            let [top, bottom] = [selected, rest].map(|selection| subspaces.project(&part, selection));
            assert!((&top + &bottom - &whole).iter().all(|gap| gap.abs() < 1e-5));
            let again = subspaces.project_rows(top.clone(), selected);
            assert!((&again - &top).iter().all(|gap| gap.abs() < 1e-4));
        }
    }

    #[test]
    fn normalised_images_have_equal_contrast_and_training_images_no_mean() {
        let images = images();
        let subspaces = Subspaces::of(&images).unwrap();
        let (normaliser, train) =
            Normaliser::fit(subspaces.project(&images, subspaces.select(Seen::Bottom(at(4))).unwrap()));
        let mean = train.mapv(f64::from).mean_axis(Axis(0)).unwrap();
        assert!(mean.iter().all(|mean| mean.abs() < 1e-6));
        let first =
            subspaces.project(&images.first(1).unwrap(), subspaces.select(Seen::Bottom(at(4))).unwrap());
        let gap = normaliser.apply(first) - train.slice_axis(Axis(0), Slice::from(..1));
        assert!(gap.iter().all(|gap| gap.abs() < 1e-5));
    }

    #[test]
    fn bounds_that_do_not_exist_are_refused() {
        let subspaces = Subspaces::of(&images()).unwrap();
        for (place, of) in [(8, 8), (0, 1)] {
            let message = subspaces.select(Seen::Top(Bound { place, of })).unwrap_err().to_string();
            assert!(message.starts_with(&format!("bound {place} of {of}: expected")), "{message}");
        }
    }
}
