//! The images of a run: which parts of which set, opened once and shared.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use data::Split;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use theory::{Moments, Pca};

use crate::{Error, Result};

/// Images that are turned into numbers at once.
const CHUNK: usize = 1_000;

/// Which images of which set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The name of the set.
    pub name: String,
    /// How many images are trained on: the first of the training set.
    pub train: usize,
    /// How many images choose the epoch: the last of the training set.
    pub validation: usize,
    /// How many images are tested on: the first of the test set.
    pub test: usize,
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
    /// Chooses the epoch.
    pub validation: Split,
    /// Tested on.
    pub test: Split,
    moments: OnceLock<Arc<Moments>>,
    pca: OnceLock<Arc<Pca>>,
}

/// Data sets that have been opened, so that runs share them.
pub type OpenData = HashMap<DataConfig, Arc<Images>>;

impl Images {
    /// Opens the set and takes these parts of it.
    ///
    /// # Errors
    /// If the set cannot be found or read, or has too few images.
    pub fn open(config: &DataConfig, folder: Option<&Path>) -> Result<Self> {
        let set = data::open(&config.name, folder)?;
        let n_train = set.train.len();
        if config.train + config.validation > n_train {
            return Err(Error::Usage(format!(
                "{} has {n_train} training images; {} to train on and {} to choose the epoch are too many",
                config.name, config.train, config.validation
            )));
        }
        Ok(Self {
            config: config.clone(),
            sha256: set.provenance.content_sha256.clone(),
            source: set.provenance.origin.source.clone(),
            train: set.train.rows(0..config.train)?,
            validation: set.train.rows(n_train - config.validation..n_train)?,
            test: set.test.first(config.test)?,
            classes: set.classes,
            moments: OnceLock::new(),
            pca: OnceLock::new(),
        })
    }

    /// The same with the first `n` training and test images, for trying something.
    ///
    /// # Errors
    /// If there are no images.
    pub fn first(&self, n: usize) -> Result<Self> {
        Ok(Self {
            config: self.config.clone(),
            sha256: self.sha256.clone(),
            source: self.source.clone(),
            classes: self.classes.clone(),
            train: self.train.first(n.min(self.train.len()))?,
            validation: self.validation.first(n.min(self.validation.len()))?,
            test: self.test.first(n.min(self.test.len()))?,
            moments: OnceLock::new(),
            pca: OnceLock::new(),
        })
    }

    /// Mean and covariances of the training images and their labels.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn moments(&self) -> Result<Arc<Moments>> {
        if let Some(known) = self.moments.get() {
            return Ok(Arc::clone(known));
        }
        let n_pixels = self.train.image_shape().iter().product();
        let mut moments = Moments::new(n_pixels, self.classes.len())?;
        let mut start = 0;
        while start < self.train.len() {
            let end = (start + CHUNK).min(self.train.len());
            let part = self.train.rows(start..end)?;
            let pixels = normalised(&part);
            let pixels = ArrayView2::from_shape((end - start, n_pixels), &pixels)
                .expect("a split has as many pixels as its shape says");
            moments.add(pixels, part.labels())?;
            start = end;
        }
        Ok(Arc::clone(self.moments.get_or_init(|| Arc::new(moments))))
    }

    /// The principal components of the training images.
    ///
    /// # Errors
    /// If they cannot be computed.
    pub fn pca(&self) -> Result<Arc<Pca>> {
        if let Some(known) = self.pca.get() {
            return Ok(Arc::clone(known));
        }
        let pca = Pca::fit(&*self.moments()?)?;
        Ok(Arc::clone(self.pca.get_or_init(|| Arc::new(pca))))
    }
}

/// The pixels of a split from -1 (black) to 1 (white), image after image.
pub fn normalised(split: &Split) -> Vec<f64> {
    split.pixels().iter().map(|&byte| f64::from(byte) / 127.5 - 1.0).collect()
}

/// The row of the first image of each class, in the order of the classes; classes without one are left out.
pub fn first_of_each_class(split: &Split) -> Vec<u32> {
    let first = |class| split.labels().iter().position(|&label| usize::from(label) == class);
    (0..split.n_classes()).filter_map(first).map(|row| row as u32).collect()
}
