//! Estimates the duration of runs from a few steps of each kind.

use std::collections::HashMap;

use ::data::{Dataset, Origin, Size, Split};
use ndarray::Array4;
use tensor::Device;

use super::data::Data;
use crate::Result;
use crate::images::{DataConfig, Images};
use crate::learners::RunConfig;
use crate::run::Run;

/// Measured times of a step and of an evaluation, by config.
pub struct Estimate<'d> {
    data: &'d Data,
    device: Device,
    timed: HashMap<String, [f64; 2]>,
}

impl<'d> Estimate<'d> {
    /// An estimate without measurements.
    pub fn new(data: &'d Data, device: Device) -> Self {
        Self { data, device, timed: HashMap::new() }
    }

    /// The seconds that a run takes on one core; without its data, on noise of their shape. 0 if the shape is unknown.
    ///
    /// # Errors
    /// If its model cannot be built.
    pub fn seconds(&mut self, run: &Run) -> Result<f64> {
        let stand_in;
        let images = match self.data.open.get(&run.config.data) {
            Some(images) => images,
            None => match noise(&run.config)? {
                Some(noise) => {
                    stand_in = noise;
                    &stand_in
                }
                None => return Ok(0.0),
            },
        };
        if !run.config.learner.learns() {
            return Ok(closed_form(images));
        }
        let [step, evaluation] = self.timed(run, images)?;
        let DataConfig { train, validation, test, .. } = run.config.data;
        let epochs = f64::from(run.config.epochs);
        let steps = (train / run.config.batch) as f64 * epochs;
        Ok(steps * step + (epochs + 1.0) * (validation + test) as f64 * evaluation)
    }

    /// The seconds of a step and of evaluating one image, measured once per learner and batch size.
    fn timed(&mut self, run: &Run, images: &Images) -> Result<[f64; 2]> {
        let mut timed = run.clone();
        timed.config.learner.time_alike();
        let config = (&timed.config.learner, timed.config.batch, images.train.image_shape());
        let name = serde_json::to_string(&config).expect("a config is plain data");
        if let Some(known) = self.timed.get(&name) {
            return Ok(*known);
        }
        let few = images.first(2 * timed.config.batch)?;
        let measured = timed.time(&few, &self.device)?;
        self.timed.insert(name, measured);
        Ok(measured)
    }
}

/// A few images of noise in the shape of a published set that is not here.
fn noise(config: &RunConfig) -> Result<Option<Images>> {
    let Some(Size { shape: [c, h, w], classes, .. }) = ::data::published_size(&config.data.name) else {
        return Ok(None);
    };
    let n = 2 * config.batch;
    let split = || {
        let pixel = |(n, c, y, x): (usize, usize, usize, usize)| (n * 83 + c * 59 + y * 31 + x * 17) as u8;
        let labels = (0..n).map(|row| (row % classes.min(256)) as u8).collect();
        Split::new(Array4::from_shape_fn((n, c, h, w), pixel), labels, classes)
    };
    let origin =
        Origin { source: "noise".into(), files: vec![], selection: "all".into(), licence: "none".into() };
    let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    let set = Dataset::new(&config.data.name, &names, split()?, split()?, origin)?;
    let data = DataConfig { train: n, validation: 0, test: n, ..config.data.clone() };
    Ok(Some(Images::of(&data, &set)?))
}

/// The seconds of a closed form of images of `d` pixels, counted as thirty multiplications of `d x d` matrices in f64 at
/// the throughput of one core.
fn closed_form(images: &Images) -> f64 {
    const PRODUCTS: f64 = 30.0;
    const RATE: f64 = 2e10;
    PRODUCTS * 2.0 * (images.n_pixels() as f64).powi(3) / RATE
}
