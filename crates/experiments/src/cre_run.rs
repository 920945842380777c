//! One training run of a CRE: what it depends on, and how it is computed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data::{Augmentation, Batches, Resident, Split};
use models::{AdamConfig, Cre, EpochReport, Evaluation, Trainer, evaluate, fc};
use serde::{Deserialize, Serialize};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

use crate::store::{Array, Arrays, Checkpoint, DataId, FinishedRun, Outcome, RunFolder, RunSpec, Values};
use crate::{Error, Result};

/// Raised when the same config would give other numbers than before.
const SCHEMA: u32 = 1;

/// Work that may be lost in a kill: a checkpoint is written once this much time has passed since the last.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(10);

/// Images that are evaluated at once.
const EVALUATION_BATCH: usize = 500;

/// Everything that a run's numbers depend on but its seed and the pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreConfig {
    /// Which images.
    pub data: DataConfig,
    /// The model.
    pub model: fc::Config,
    /// The weight of reconstruction in the encoder's loss, in [0, 1].
    pub lambda: f64,
    /// The optimiser of each of the three parts.
    pub optimiser: AdamConfig,
    /// Images a step; the incomplete last batch of an epoch is dropped.
    pub batch: usize,
    /// How often the training images are gone through.
    pub epochs: u32,
    /// What it is computed on, for sums are added in another order on a GPU; the key of a run on the processor does
    /// not name it.
    #[serde(default, skip_serializing_if = "Hardware::is_cpu")]
    pub hardware: Hardware,
}

/// What a run is computed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hardware {
    /// The processor.
    #[default]
    Cpu,
    /// A GPU.
    Cuda,
}

impl Hardware {
    /// That of a device.
    pub fn of(device: &Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda(_) => Self::Cuda,
        }
    }

    fn is_cpu(&self) -> bool {
        *self == Self::Cpu
    }
}

/// Which images of which set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// A run: its config and its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct CreRun {
    /// Everything else.
    pub config: CreConfig,
    /// The seed of the initial parameters and of the order of the images. Runs of a sweep share seeds.
    pub seed: u64,
}

/// The images of a [`DataConfig`], in memory.
#[derive(Debug)]
pub struct CreData {
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
}

impl CreData {
    /// Opens the set and takes these parts of it.
    ///
    /// # Errors
    /// If the set cannot be found or read, or has too few images.
    pub fn open(config: &DataConfig, folder: Option<&std::path::Path>) -> Result<Self> {
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
        })
    }
}

impl CreRun {
    /// What the store knows the run by.
    pub fn spec(&self, data: &CreData) -> RunSpec {
        RunSpec {
            config: serde_json::to_value(&self.config).expect("a config is plain data"),
            seed: self.seed,
            data: DataId { name: data.config.name.clone(), sha256: data.sha256.clone() },
            schema: SCHEMA,
        }
    }

    /// Floating-point operations of the whole run, multiply and add counted apart: matrix products only.
    ///
    /// A product with `w` weights takes `2 w` for an image forward, and as much again for each of the two
    /// gradients; the first layer needs none by the image.
    pub fn flops(&self) -> Result<f64> {
        let model = self.model()?;
        let weights: Vec<usize> = model
            .params()
            .iter()
            .map(|(_, param)| param.value())
            .filter(|value| value.rank() == 2)
            .map(|value| value.len())
            .collect();
        let (all, first) = (weights.iter().sum::<usize>() as f64, weights[0] as f64);
        let CreConfig { data, batch, epochs, .. } = &self.config;
        let trained = (data.train / batch * batch) as f64 * f64::from(*epochs);
        let evaluated = (data.validation + data.test) as f64 * f64::from(epochs + 1);
        Ok(trained * (6.0 * all - 2.0 * first) + evaluated * 2.0 * all)
    }

    fn model(&self) -> Result<Cre> {
        Ok(fc::cre(&self.config.model, &Stream::new(self.seed, "init"), DType::F32)?)
    }

    /// Computes the run on this device, or goes on with it, and hears about every epoch.
    ///
    /// A loss that is no longer a number ends the run as diverged, which is a result and no error.
    ///
    /// # Errors
    /// If the images cannot be batched, or the store or the device fails.
    pub fn compute(
        &self,
        data: &CreData,
        device: &Device,
        mut folder: RunFolder,
        mut heard: impl FnMut(u32),
    ) -> Result<FinishedRun> {
        let model = self.model()?;
        let mut trainer = Trainer::new(&model, self.config.optimiser, self.config.lambda);
        trainer.to_device(device)?;
        let batches = Source::new(&data.train, self.config.batch, Stream::new(self.seed, "shuffle"), device)?;
        let resumed = folder.resume()?;
        let mut next = 0;
        if let Some(checkpoint) = &resumed {
            trainer.load(|name| checkpoint.arrays.get(name).and_then(to_tensor))?;
            next = checkpoint.epoch + 1;
        }
        heard(next);
        let mut last_checkpoint = Instant::now();
        for epoch in next..=self.config.epochs {
            let start = Instant::now();
            let trained = match epoch {
                0 => None,
                _ => match batches.train(&mut trainer, epoch) {
                    Ok(report) => Some(report),
                    Err(error @ models::Error::Diverged { .. }) => {
                        let outcome = Outcome::Diverged { epoch, reason: error.to_string() };
                        return Ok(folder.finish(outcome, &Arrays::new())?);
                    }
                    Err(error) => return Err(error.into()),
                },
            };
            let validation = evaluate_split(&model, device, &data.validation)?;
            let test = evaluate_split(&model, device, &data.test)?;
            let scalars = scalars(trained.as_ref(), &validation, &test);
            let seconds = start.elapsed().as_secs_f64();
            if last_checkpoint.elapsed() >= CHECKPOINT_AFTER && epoch < self.config.epochs {
                let arrays = trainer.state().iter().map(to_named_array).collect::<Result<_>>()?;
                folder.record(&Checkpoint { epoch, arrays }, scalars, seconds)?;
                last_checkpoint = Instant::now();
            } else {
                folder.record_without_checkpoint(epoch, scalars, seconds)?;
            }
            heard(epoch + 1);
        }
        let finals = finals(&model, device, data)?;
        Ok(folder.finish(Outcome::Finished, &finals)?)
    }
}

/// Where the batches of training are made.
enum Source<'d> {
    Cpu(Batches<'d>),
    Gpu(Resident),
}

impl<'d> Source<'d> {
    fn new(split: &'d Split, size: usize, shuffle: Stream, device: &Device) -> Result<Self> {
        let unchanged = (Augmentation::None, shuffle);
        Ok(match device {
            Device::Cpu => Self::Cpu(Batches::new(split, size, shuffle)?),
            Device::Cuda(gpu) => Self::Gpu(Resident::new(gpu, split, size, shuffle, unchanged)?),
        })
    }

    fn train(&self, trainer: &mut Trainer<'_>, epoch: u32) -> models::Result<EpochReport> {
        match self {
            Self::Cpu(batches) => trainer.epoch(epoch, pairs(batches.epoch(u64::from(epoch)))),
            Self::Gpu(resident) => {
                resident.begin(u64::from(epoch))?;
                let (seek, gather) = (|step| resident.seek(step), |number| resident.gather(number));
                trainer.epoch_on_gpu(epoch, resident.per_epoch(), seek, gather)
            }
        }
    }
}

/// What is measured in an epoch; training measures are missing in epoch 0, which is before training.
fn scalars(
    trained: Option<&EpochReport>,
    validation: &Evaluation,
    test: &Evaluation,
) -> BTreeMap<String, f64> {
    let mut scalars = BTreeMap::new();
    if let Some(report) = trained {
        scalars.insert("train_mse".into(), report.mse);
        scalars.insert("train_cross_entropy".into(), report.cross_entropy);
        scalars.insert("gradient_cosine".into(), report.conflict.cosine);
        scalars.insert("gradient_norm_ratio".into(), report.conflict.norm_ratio);
    }
    for (set, evaluation) in [("validation", validation), ("test", test)] {
        scalars.insert(format!("{set}_mse"), evaluation.mse);
        scalars.insert(format!("{set}_cross_entropy"), evaluation.cross_entropy);
        scalars.insert(format!("{set}_accuracy"), evaluation.accuracy);
    }
    scalars
}

/// What is kept of a trained model: the test latents and labels, a reconstruction of the first test image
/// of each class, and all parameters.
fn finals(model: &Cre, device: &Device, data: &CreData) -> Result<Arrays> {
    let mut latents = Vec::new();
    for batch in data::in_order(&data.test, EVALUATION_BATCH)? {
        let z = model.represent(&batch?.images.to_device(device)?)?.z.to_device(&Device::Cpu)?;
        latents.extend_from_slice(z.as_slice::<f32>()?);
    }
    let n = data.test.len();
    let shown = data::gather(&data.test, first_of_each_class(&data.test))?;
    let reconstruction = model.represent(&shown.images.to_device(device)?)?.reconstruction;
    let labels = data.test.labels().iter().map(|&label| u32::from(label)).collect();
    let mut finals = Arrays::from([
        ("test_latent".into(), Array { shape: vec![n, latents.len() / n], values: Values::F32(latents) }),
        ("test_label".into(), Array { shape: vec![n], values: Values::U32(labels) }),
        to_named_array(&("shown_image".into(), shown.images))?,
        to_named_array(&("shown_reconstruction".into(), reconstruction))?,
    ]);
    for (name, param) in model.params() {
        finals.extend([to_named_array(&(format!("parameters/{name}"), param.value()))?]);
    }
    Ok(finals)
}

/// The row of the first image of each class, in the order of the classes; classes without one are left out.
fn first_of_each_class(split: &Split) -> Vec<u32> {
    let first = |class| split.labels().iter().position(|&label| usize::from(label) == class);
    (0..split.n_classes()).filter_map(first).map(|row| row as u32).collect()
}

fn evaluate_split(model: &Cre, device: &Device, split: &Split) -> Result<Evaluation> {
    let mut batches = Vec::new();
    for (images, labels) in pairs(data::in_order(split, EVALUATION_BATCH)?) {
        batches.push((images.to_device(device)?, labels));
    }
    Ok(evaluate(model, batches)?)
}

/// Images and labels of batches, which were checked when the split was made.
fn pairs(epoch: data::Epoch<'_>) -> impl Iterator<Item = (Tensor, Indices)> + '_ {
    epoch.map(|batch| {
        let batch = batch.expect("rows of a split are within it");
        (batch.images, batch.labels)
    })
}

fn to_named_array((name, tensor): &(String, Tensor)) -> Result<(String, Array)> {
    let tensor = tensor.to_device(&Device::Cpu)?;
    let values = match tensor.as_slice::<f32>() {
        Ok(values) => Values::F32(values.to_vec()),
        Err(_) => Values::F64(tensor.to_f64_vec()),
    };
    Ok((name.clone(), Array { shape: tensor.shape().to_vec(), values }))
}

fn to_tensor(array: &Array) -> Option<Tensor> {
    match &array.values {
        Values::F32(values) => Tensor::from_slice(values, &array.shape).ok(),
        Values::F64(values) => Tensor::from_slice(values, &array.shape).ok(),
        _ => None,
    }
}

/// Data sets that have been opened, so that runs share them.
pub type OpenData = std::collections::HashMap<DataConfig, Arc<CreData>>;
