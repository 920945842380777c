//! Estimates the duration of runs from a few steps of each kind.

use std::collections::HashMap;
use std::sync::Arc;

use ::data::{Dataset, Origin, Split};
use ndarray::Array4;
use tensor::Device;
use tensor::random::Stream;

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
    stand_ins: HashMap<DataConfig, Arc<Images>>,
}

/// The number of images of the first measurement.
const FEW_IMAGES: usize = 8;

/// A step of fewer seconds is measured with its whole batch, since small batches are slower per image.
const BRIEF_S: f64 = 0.5;

impl<'d> Estimate<'d> {
    /// An estimate without measurements.
    pub fn new(data: &'d Data, device: Device) -> Self {
        Self { data, device, timed: HashMap::new(), stand_ins: HashMap::new() }
    }

    /// The seconds that a run takes on one core; 0 if its data are missing and of unknown size. Missing images of known size
    /// are replaced by noise.
    ///
    /// # Errors
    /// If its model cannot be built.
    pub fn seconds(&mut self, run: &Run) -> Result<f64> {
        let images = match self.data.open.get(&run.config.data) {
            Some(images) => Some(Arc::clone(images)),
            None => self.stand_in(run)?,
        };
        let Some(images) = images else { return Ok(0.0) };
        if !run.config.learner.learns() {
            return Ok(closed_form(&images));
        }
        let [step, evaluation] = self.timed(run, &images)?;
        let DataConfig { train, validation, test, .. } = run.config.data;
        let epochs = f64::from(run.config.epochs);
        let steps = (train / run.config.batch) as f64 * epochs;
        Ok(steps * step + (epochs + 1.0) * (validation + test) as f64 * evaluation)
    }

    /// A few images of the size of those of a missing set.
    fn stand_in(&mut self, run: &Run) -> Result<Option<Arc<Images>>> {
        let RunConfig { data, batch, .. } = &run.config;
        let of = DataConfig { train: 2 * batch, validation: 0, test: 2 * batch, ..data.clone() };
        if let Some(known) = self.stand_ins.get(&of) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(([c, h, w], classes)) = ::data::size_of(&data.name) else { return Ok(None) };
        let mut noise = Stream::new(0, "images that stand in for others").sequence(0);
        let mut split = || {
            let pixels =
                Array4::from_shape_simple_fn((of.train, c, h, w), || (256.0 * noise.uniform()) as u8);
            Split::new(pixels, (0..of.train).map(|row| (row % classes) as u8).collect(), classes)
        };
        let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let origin =
            Origin { source: "noise".into(), files: vec![], selection: "all".into(), licence: "none".into() };
        let set = Dataset::new(&data.name, &names, split()?, split()?, origin)?;
        let images = Arc::new(Images::of(&of, &set)?);
        self.stand_ins.insert(of, Arc::clone(&images));
        Ok(Some(images))
    }

    /// The seconds of a step and of evaluating one image, measured once per learner and batch size: on few images first, whose
    /// time is scaled to the batch if that is long, so that a plan with large models takes seconds.
    fn timed(&mut self, run: &Run, images: &Images) -> Result<[f64; 2]> {
        let mut timed = run.clone();
        timed.config.learner.time_alike();
        let config = (&timed.config.learner, timed.config.batch);
        let name = serde_json::to_string(&config).expect("a config is plain data");
        if let Some(known) = self.timed.get(&name) {
            return Ok(*known);
        }
        let whole = timed.config.batch;
        timed.config.batch = whole.min(FEW_IMAGES);
        let scale = whole as f64 / timed.config.batch as f64;
        let mut measured = timed.time(&images.first(2 * timed.config.batch)?, &self.device)?;
        measured[0] *= scale;
        if scale > 1.0 && measured[0] < BRIEF_S {
            timed.config.batch = whole;
            measured = timed.time(&images.first(2 * whole)?, &self.device)?;
        }
        self.timed.insert(name, measured);
        Ok(measured)
    }
}

/// The seconds of a closed form of images of `d` pixels, counted as thirty multiplications of `d x d` matrices in f64 at
/// the throughput of one core.
fn closed_form(images: &Images) -> f64 {
    const PRODUCTS: f64 = 30.0;
    const RATE: f64 = 2e10;
    PRODUCTS * 2.0 * (images.n_pixels() as f64).powi(3) / RATE
}
