//! The images of a run: the training, validation and test split of a data set, opened once and shared.

mod changes;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use data::{Dataset, Split};
use ndarray::{Array1, Axis, Slice};
use serde::{Deserialize, Serialize};
use system::text;
use theory::{Denoising, Moments, Pca};

pub use self::changes::Change;
pub(crate) use self::changes::modes as background_modes;
use crate::pixels::{chunks, moments_of, normalised, normalised_part, rows};
use crate::subspaces::Subspaces;
use crate::{Error, Result};

/// The number of pixels whose mean is computed at once.
const COLUMNS_OF_MEAN: usize = 256;

/// The largest number of pixels for which optional measures use principal components: the eigendecomposition takes
/// cubic time and would take longer than the training.
pub const LARGEST_DECOMPOSED: usize = 4_096;

/// A data set and the sizes of its splits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The name of the data set.
    pub name: String,
    /// The number of training images: the first of the training set.
    #[serde(serialize_with = "models::range::positive_count")]
    pub train: usize,
    /// The number of validation images: the last of the training set. With 0 there is no validation split.
    #[serde(serialize_with = "models::range::count")]
    pub validation: usize,
    /// The number of test images: the first of the test set.
    #[serde(serialize_with = "models::range::positive_count")]
    pub test: usize,
    /// Transformations of the images, applied in order when the set is opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl DataConfig {
    /// Splits of these sizes from the data set of this name, without transformations.
    pub fn new(name: impl Into<String>, train: usize, validation: usize, test: usize) -> Self {
        Self { name: name.into(), train, validation, test, changes: vec![] }
    }

    /// The same config with this transformation appended.
    #[must_use]
    pub fn changed(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// The same config with `n` of its training images held out as the validation split.
    #[must_use]
    pub fn holding_out(self, n: usize) -> Self {
        Self { train: self.train.saturating_sub(n), validation: n, ..self }
    }

    /// The name of the set and its transformations, for a label.
    pub fn label(&self) -> String {
        let changes = self.changes.iter().map(|change| format!(", {}", change.label()));
        std::iter::once(text::line(&self.name).into_owned()).chain(changes).collect()
    }
}

/// The images of a [`DataConfig`], in memory.
#[derive(Debug)]
pub struct Images {
    /// The config.
    pub config: DataConfig,
    /// SHA-256 of all images and labels of the set.
    pub sha256: String,
    /// Where the set comes from, as text for users.
    pub source: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The training split.
    pub train: Split,
    /// The validation split, where the config has one.
    pub validation: Option<Split>,
    /// The test split.
    pub test: Split,
    cache: Cache,
}

/// Statistics of the training images, computed on first use.
#[derive(Debug, Default)]
struct Cache {
    moments: Once<Moments>,
    pca: Once<Pca>,
    subspaces: Once<Subspaces>,
    uncentred: Once<Pca>,
    denoising: Once<Denoising>,
}

type Once<T> = Mutex<Option<Arc<T>>>;

/// Data sets that have been opened, so that runs share them.
pub type OpenData = HashMap<DataConfig, Arc<Images>>;

impl Images {
    /// Opens the data set and takes the splits of the config.
    ///
    /// # Errors
    /// If the set cannot be found or read, or has too few images.
    pub fn open(config: &DataConfig, folder: Option<&Path>) -> Result<Self> {
        Self::of(config, &data::open(&config.name, folder)?)
    }

    /// Takes the splits of the config from an open data set.
    ///
    /// # Errors
    /// If the set has too few images, or a transformation does not fit them.
    pub fn of(config: &DataConfig, set: &Dataset) -> Result<Self> {
        let n_train = set.train.len();
        if config.train.saturating_add(config.validation) > n_train {
            return Err(Error::Usage(format!(
                "{}: {} training and {} validation images: expected at most {n_train} together, the size of its training set",
                config.name, config.train, config.validation
            )));
        }
        let n_test = set.test.len();
        if config.test > n_test {
            let what = format!(
                "{}: {} test images: expected at most {n_test}, the size of its test set",
                config.name, config.test
            );
            return Err(Error::Usage(what));
        }
        let mut test = set.test.first(config.test)?;
        // The whole set is copied only if it is transformed.
        let mut changed: Option<Split> = None;
        for change in &config.changes {
            let train = match changed.take() {
                Some(train) => train,
                None => set.train.first(n_train)?,
            };
            let [train, changed_test] = change.apply([train, test])?;
            (changed, test) = (Some(train), changed_test);
        }
        let held_out = n_train - config.validation..n_train;
        let train = changed.as_ref().unwrap_or(&set.train);
        Ok(Self {
            config: config.clone(),
            sha256: set.provenance.content_sha256.clone(),
            source: set.provenance.origin.source.clone(),
            train: train.rows(0..config.train)?,
            validation: (!held_out.is_empty()).then(|| train.rows(held_out)).transpose()?,
            test,
            classes: set.classes.clone(),
            cache: Cache::default(),
        })
    }

    /// The same set with the first `n` training and test images only, for timing: its [`Images::subspaces`] have no
    /// components, since a decomposition would take longer than what is timed.
    ///
    /// # Errors
    /// If there are no images.
    pub fn first(&self, n: usize) -> Result<Self> {
        let first = |split: &Split| split.first(n.min(split.len()));
        let train = first(&self.train)?;
        let undivided = Subspaces::undivided(&train)?;
        Ok(Self {
            config: self.config.clone(),
            sha256: self.sha256.clone(),
            source: self.source.clone(),
            classes: self.classes.clone(),
            train,
            validation: self.validation.as_ref().map(first).transpose()?,
            test: first(&self.test)?,
            cache: Cache { subspaces: Mutex::new(Some(Arc::new(undivided))), ..Cache::default() },
        })
    }

    /// The number of values per image, over all channels.
    pub fn n_pixels(&self) -> usize {
        self.train.image_shape().iter().product()
    }

    /// Mean and covariances of the training images and their labels. Computed once; concurrent callers wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn moments(&self) -> Result<Arc<Moments>> {
        once(&self.cache.moments, || moments_of(&self.train, |part| rows(part, normalised(part))))
    }

    /// The mean of the training images, bit-identical to that of [`Images::moments`], without allocating a covariance.
    ///
    /// # Errors
    /// If it cannot be computed.
    pub fn mean(&self) -> Result<Array1<f64>> {
        let d = self.n_pixels();
        let mut mean = Array1::zeros(d);
        for start in (0..d).step_by(COLUMNS_OF_MEAN) {
            let columns = start..d.min(start + COLUMNS_OF_MEAN);
            let mut moments = Moments::new(columns.len(), self.train.n_classes())?;
            for rows in chunks(self.train.len()) {
                let part = normalised_part(&self.train, rows.clone(), columns.clone());
                moments.add(part.view(), &self.train.labels()[rows])?;
            }
            mean.slice_axis_mut(Axis(0), Slice::from(columns)).assign(&moments.mean());
        }
        Ok(mean)
    }

    /// The principal components of the training images. Computed once; concurrent callers wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn pca(&self) -> Result<Arc<Pca>> {
        once(&self.cache.pca, || Ok(Pca::fit(&*self.moments()?)?))
    }

    /// The principal components of the contrast-normalised training images. Computed once; concurrent callers wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn subspaces(&self) -> Result<Arc<Subspaces>> {
        once(&self.cache.subspaces, || Subspaces::of(&self.train))
    }

    /// The statistics of the training images for closed-form denoising. Computed once; concurrent callers wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn denoising(&self) -> Result<Arc<Denoising>> {
        once(&self.cache.denoising, || Ok(Denoising::new(&*self.moments()?)?))
    }

    /// The moments of `n` groups of training images, where image `i` is in group `i % n`, for measures on halves or by
    /// leaving one group out.
    ///
    /// # Errors
    /// If they cannot be computed, or a group has no image.
    pub fn moments_of_groups(&self, n: usize) -> Result<Vec<Moments>> {
        let mut groups = vec![Moments::new(self.n_pixels(), self.train.n_classes())?; n];
        let mut image = 0;
        for range in chunks(self.train.len()) {
            let part = self.train.rows(range)?;
            let x = rows(&part, normalised(&part));
            for first in 0..n.min(part.len()) {
                let group = (image + first) % n;
                let rows = x.slice_axis(Axis(0), Slice::new(first as isize, None, n as isize));
                let labels: Vec<u8> = part.labels().iter().skip(first).step_by(n).copied().collect();
                groups[group].add(rows, &labels)?;
            }
            image += part.len();
        }
        Ok(groups)
    }

    /// The eigenvectors of the uncentred second moments of the training images in [0, 1]. Computed once; concurrent
    /// callers wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn uncentred(&self) -> Result<Arc<Pca>> {
        once(&self.cache.uncentred, || {
            let unit = |part: &Split| part.pixels().iter().map(|&byte| f64::from(byte) / 255.0).collect();
            Ok(Pca::uncentred(&moments_of(&self.train, |part| rows(part, unit(part)))?)?)
        })
    }
}

/// Returns the cached value, or computes it; concurrent callers wait.
fn once<T>(cached: &Once<T>, compute: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
    let mut cached = cached.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cached) = &*cached {
        return Ok(Arc::clone(cached));
    }
    let computed = Arc::new(compute()?);
    *cached = Some(Arc::clone(&computed));
    Ok(computed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principal_components_requested_concurrently_are_computed_once() {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 60, 0, 10), None).unwrap();
        let components: Vec<Arc<Pca>> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| images.pca().unwrap())).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(components.iter().all(|pca| Arc::ptr_eq(pca, &components[0])));
    }

    #[test]
    fn an_empty_validation_split_is_none_and_the_whole_set_can_be_trained_on() {
        let whole = DataConfig::new("fashion-mnist-embedded", 6_000, 0, 10);
        let images = Images::open(&whole, None).unwrap();
        assert!(images.validation.is_none() && images.train.len() == 6_000);
        assert!(images.first(5).unwrap().validation.is_none());
        let images = Images::open(&whole.holding_out(7), None).unwrap();
        assert_eq!((images.train.len(), images.validation.map(|split| split.len())), (5_993, Some(7)));
        let more = DataConfig::new("fashion-mnist-embedded", usize::MAX, 1, 10);
        assert!(matches!(Images::open(&more, None), Err(Error::Usage(_))));
    }
}
