//! The images of a run: which parts of which set, opened once and shared.

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
use crate::pixels::{chunks, moments_of, normalised, normalised_part, rows};
use crate::subspaces::Subspaces;
use crate::{Error, Result};

/// The pixels of all images whose mean is taken at once.
const COLUMNS_OF_MEAN: usize = 256;

/// What needs the principal components of images of more pixels than this is left out where it is not asked for: the
/// eigendecomposition takes a time that grows with the cube, and would be longer than the training.
pub const LARGEST_DECOMPOSED: usize = 4_096;

/// Which images of which set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The name of the set.
    pub name: String,
    /// How many images are trained on: the first of the training set.
    #[serde(serialize_with = "models::range::positive_count")]
    pub train: usize,
    /// How many images choose the epoch: the last of the training set. 0 is none, and nothing is measured on any then.
    #[serde(serialize_with = "models::range::count")]
    pub validation: usize,
    /// How many images are tested on: the first of the test set.
    #[serde(serialize_with = "models::range::positive_count")]
    pub test: usize,
    /// How the images are changed before anything else sees them, one change after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl DataConfig {
    /// So many images of the set of this name, as they are.
    pub fn new(name: impl Into<String>, train: usize, validation: usize, test: usize) -> Self {
        Self { name: name.into(), train, validation, test, changes: vec![] }
    }

    /// The same with this change after the others.
    #[must_use]
    pub fn changed(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// The same with so many of the training images held out to choose the epoch.
    #[must_use]
    pub fn holding_out(self, n: usize) -> Self {
        Self { train: self.train.saturating_sub(n), validation: n, ..self }
    }

    /// The name of the set and what is changed, in words.
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
    /// Where the set comes from, in words.
    pub source: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Trained on.
    pub train: Split,
    /// Chooses the epoch, where the config has such a part.
    pub validation: Option<Split>,
    /// Tested on.
    pub test: Split,
    known: Known,
}

/// What is computed of the training images once.
#[derive(Debug, Default)]
struct Known {
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
    /// Opens the set and takes these parts of it.
    ///
    /// # Errors
    /// If the set cannot be found or read, or has too few images.
    pub fn open(config: &DataConfig, folder: Option<&Path>) -> Result<Self> {
        Self::of(config, &data::open(&config.name, folder)?)
    }

    /// Takes these parts of a set that is open.
    ///
    /// # Errors
    /// If the set has too few images, or they cannot be changed as asked.
    pub fn of(config: &DataConfig, set: &Dataset) -> Result<Self> {
        let n_train = set.train.len();
        if config.train.saturating_add(config.validation) > n_train {
            return Err(Error::Usage(format!(
                "{} has {n_train} training images; {} to train on and {} to choose the epoch are too many",
                config.name, config.train, config.validation
            )));
        }
        let n_test = set.test.len();
        if config.test > n_test {
            let what = format!("{} has {n_test} test images; {} are too many", config.name, config.test);
            return Err(Error::Usage(what));
        }
        let mut test = set.test.first(config.test)?;
        // What is not changed is not copied whole.
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
            known: Known::default(),
        })
    }

    /// The same with the first `n` training and test images, for trying something.
    ///
    /// # Errors
    /// If there are no images.
    pub fn first(&self, n: usize) -> Result<Self> {
        let first = |split: &Split| split.first(n.min(split.len()));
        Ok(Self {
            config: self.config.clone(),
            sha256: self.sha256.clone(),
            source: self.source.clone(),
            classes: self.classes.clone(),
            train: first(&self.train)?,
            validation: self.validation.as_ref().map(first).transpose()?,
            test: first(&self.test)?,
            known: Known::default(),
        })
    }

    /// The pixels of an image, those of all channels.
    pub fn n_pixels(&self) -> usize {
        self.train.image_shape().iter().product()
    }

    /// Mean and covariances of the training images and their labels; computed once, while others wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn moments(&self) -> Result<Arc<Moments>> {
        once(&self.known.moments, || moments_of(&self.train, |part| rows(part, normalised(part))))
    }

    /// The mean of the training images, the same bits as that of [`Images::moments`], without the memory of a covariance.
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

    /// The principal components of the training images; computed once, while others wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn pca(&self) -> Result<Arc<Pca>> {
        once(&self.known.pca, || Ok(Pca::fit(&*self.moments()?)?))
    }

    /// The principal components of the training images at equal contrast; computed once, while others wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn subspaces(&self) -> Result<Arc<Subspaces>> {
        once(&self.known.subspaces, || Subspaces::of(&self.train))
    }

    /// The training images as closed forms of denoising see them; computed once, while others wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn denoising(&self) -> Result<Arc<Denoising>> {
        once(&self.known.denoising, || Ok(Denoising::new(&*self.moments()?)?))
    }

    /// The moments of groups of training images, of which image `i` is in group `i % n`: for what is measured of each half, or
    /// of all groups but one.
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

    /// The eigenvectors of the second moments of the training images in [0, 1], nothing taken off; computed once, while
    /// others wait.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn uncentred(&self) -> Result<Arc<Pca>> {
        once(&self.known.uncentred, || {
            let unit = |part: &Split| part.pixels().iter().map(|&byte| f64::from(byte) / 255.0).collect();
            Ok(Pca::uncentred(&moments_of(&self.train, |part| rows(part, unit(part)))?)?)
        })
    }
}

/// What is known, or is computed now while others wait.
fn once<T>(known: &Once<T>, compute: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = &*known {
        return Ok(Arc::clone(known));
    }
    let computed = Arc::new(compute()?);
    *known = Some(Arc::clone(&computed));
    Ok(computed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principal_components_that_several_runs_ask_for_at_once_are_computed_once() {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 60, 0, 10), None).unwrap();
        let asked: Vec<Arc<Pca>> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| images.pca().unwrap())).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(asked.iter().all(|pca| Arc::ptr_eq(pca, &asked[0])));
    }

    #[test]
    fn no_validation_images_are_none_and_a_whole_set_is_trained_on() {
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
