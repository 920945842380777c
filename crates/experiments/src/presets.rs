//! Presets: a learner with the settings of the experiments and the paper's Adam, for images of any set.

use models::fc::Size;
use models::predictive_coding::{self, Relaxation};
use models::recurrent::{self, LossAt};
use models::{AdamConfig, Architecture, Decayed, fc, vit};

use crate::error::{Error, Result};
use crate::lbr::{WEIGHT_DECAY, mlpae};
use runs::images::DataConfig;
use runs::learners::autoencoding::{self, Network, Objective};
use runs::learners::classification::{self, ClassificationLoss, Classifier};
use runs::learners::frozen_probe::Features;
use runs::learners::{
    Autoencoding, Classification, FrozenProbe, LearnerConfig, PredictiveCoding, Recurrent, RunConfig, cre,
};
use runs::subspaces::Seen;
use runs::training::Hardware;

/// A learner with the settings of the experiments.
pub struct Preset {
    /// The name on the command line.
    pub name: &'static str,
    /// A description for users.
    pub what: &'static str,
    learner: fn(&InputSpec) -> LearnerConfig,
    /// The batch size and the number of epochs.
    training: [u32; 2],
}

/// The inputs of a model: the shape of an image and the number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSpec {
    /// Channels, rows and columns of an image.
    pub image: [usize; 3],
    /// The number of classes.
    pub classes: usize,
}

/// The λ of a CRE preset unless a user sets it; the experiments use this value too.
const LAMBDA: f64 = 0.9;

/// The latent of the fully connected models.
const LATENT: usize = 16;

/// The maximum number of validation images of a set, otherwise a sixth of its training images.
const MAX_VALIDATION: usize = 5_000;

/// The number of training images for which batch and epochs of presets are chosen; with fewer images, a model takes the
/// same number of steps.
const ENOUGH_IMAGES: u32 = 5_000;

/// For smaller sets: the smallest number of steps per epoch, the smallest batch, and the largest number of epochs.
const FEWEST_STEPS: usize = 10;
const SMALLEST_BATCH: usize = 8;
const MAX_EPOCHS: u32 = 200;

/// Batch size and epochs of a CRE in the quick profile, and of a model of the LBR paper.
const CRE: [u32; 2] = [100, 7];
const LBR: [u32; 2] = [100, 12];

/// All presets.
pub const ALL: &[Preset] = &[
    preset("fc-s", "fully connected CRE, one layer in each part", |input| of_fc(Size::S, input), CRE),
    preset("fc-m", "fully connected CRE, one hidden layer of 616", |input| of_fc(Size::M, input), CRE),
    preset("fc-l", "fully connected CRE, three hidden layers", |input| of_fc(Size::L, input), CRE),
    preset("linear", "affine encoder and heads, with a known optimum", linear, CRE),
    preset("cnn-s", "convolutional CRE for 1 x 28 x 28", convolutional_s, [100, 4]),
    preset("cnn-l", "convolutional CRE for 3 x 32 x 32, a quarter of the channels", convolutional_l, [50, 4]),
    preset("vit-s", "vision transformer CRE, width 8", |input| of_vit(vit::Config::S, input), CRE),
    preset("vit-m", "vision transformer CRE, width 32", |input| of_vit(vit::Config::M, input), CRE),
    preset("vit-l", "vision transformer CRE, width 64", |input| of_vit(vit::Config::L, input), CRE),
    preset("predictive-coding", "fc-m with local learning rules in place of backpropagation", relaxing, CRE),
    preset("recurrent", "fc-m with feedback of its reconstruction error", recurrent, CRE),
    preset("pca-heads", "heads on the first principal components", |input| heads(Features::Pca, input), CRE),
    preset("random-heads", "heads on random projections", |input| heads(Features::Random, input), CRE),
    preset("mlp", "classifier: a multilayer perceptron", |_| classifier(Classifier::Mlp { depth: 4 }), LBR),
    preset(
        "resnet9",
        "classifier: ResNet9, an eighth of the channels",
        |_| classifier(Classifier::Resnet9 { width_divisor: 8 }),
        LBR,
    ),
    preset("mlpae", "fully connected autoencoder with two probes", |_| autoencoder(mlpae(64, 3)), LBR),
    preset(
        "dcae",
        "convolutional autoencoder with two probes",
        |_| autoencoder(Network::Dcae { latent: 32, depth: 2 }),
        LBR,
    ),
    preset(
        "resnet-ae",
        "residual autoencoder with two probes, sides divisible by 32",
        |_| autoencoder(Network::Resnet { latent: 64, width_divisor: 4 }),
        LBR,
    ),
];

const fn preset(
    name: &'static str,
    what: &'static str,
    learner: fn(&InputSpec) -> LearnerConfig,
    training: [u32; 2],
) -> Preset {
    Preset { name, what, learner, training }
}

impl Preset {
    /// Checks that the learner accepts these images; the error describes the images that it accepts.
    fn takes(&self, input: &InputSpec) -> std::result::Result<(), String> {
        (self.learner)(input).takes(input.image, input.classes)
    }

    /// The accepted number of channels and side that are nearest to those of these images.
    fn nearest_form(&self, input: &InputSpec) -> Option<[usize; 2]> {
        let [c, side, _] = input.image;
        let takes = |c, side| self.takes(&InputSpec { image: [c, side, side], ..*input }).is_ok();
        let nearest = |c| {
            let fit = (1..=data::MAX_SIDE).filter(|&side| takes(c, side));
            fit.min_by_key(|other| other.abs_diff(side)).map(|side| [c, side])
        };
        nearest(c).or_else(|| [1, 3].into_iter().find_map(nearest))
    }

    /// The options that convert the user's own images to the nearest accepted shape.
    fn nearest_options(&self, input: &InputSpec) -> Option<String> {
        let [channels, side] = self.nearest_form(input)?;
        Some(match (channels, input.image[0]) {
            (3, 1) => format!("--side {side} --colour"),
            (1, 3) => format!("--side {side} without --colour"),
            _ => format!("--side {side}"),
        })
    }

    /// The batch size and the number of epochs for `n` training images: a smaller set has smaller batches, and more
    /// epochs, so that the model takes as many steps as on [`ENOUGH_IMAGES`].
    fn training(&self, n: usize) -> (usize, u32) {
        let [batch, epochs] = self.training;
        let steps = epochs * (ENOUGH_IMAGES / batch);
        let fitting = (n / FEWEST_STEPS).clamp(SMALLEST_BATCH, batch as usize).min(n.max(1));
        let steps_an_epoch = (n / fitting).max(1) as u32;
        (fitting, epochs.max(steps.div_ceil(steps_an_epoch)).min(MAX_EPOCHS.max(epochs)))
    }

    /// The config on these images.
    ///
    /// # Errors
    /// [`Error::Usage`] if the model does not accept such images; the message names data sets and presets that fit.
    pub fn config(&self, data: DataConfig, input: &InputSpec) -> Result<RunConfig> {
        if let Err(expected) = self.takes(input) {
            let others: Vec<&str> =
                ALL.iter().filter(|preset| preset.takes(input).is_ok()).map(|preset| preset.name).collect();
            let own = self.nearest_options(input);
            let own = own.map_or(String::new(), |own| format!(", resize your own with {own}"));
            let fit = data::named_by_size(|image, classes| self.takes(&InputSpec { image, classes }).is_ok());
            return Err(Error::Usage(format!(
                "{} takes {expected}, {} has {}; use images that fit, such as those of {}, with --data-set{own}, or choose \
                 one of {}",
                self.name,
                data.name,
                input.words(),
                fit.join(" or "),
                others.join(", ")
            )));
        }
        let learner = (self.learner)(input);
        let optimiser = AdamConfig::PAPER;
        let ((batch, epochs), hardware) = (self.training(data.train), Hardware::Cpu);
        Ok(RunConfig { data, rotation: None, learner, optimiser, batch, epochs, hardware })
    }
}

impl InputSpec {
    /// `images of 1 x 28 x 28 and 10 classes`
    pub fn words(&self) -> String {
        let [c, h, w] = self.image;
        format!("images of {c} x {h} x {w} and {} classes", self.classes)
    }

    /// Checks that the learner accepts such images, which are those of the data set `name`.
    ///
    /// # Errors
    /// A description of the images that it accepts and of these, if it does not accept them.
    pub fn fits(&self, learner: &LearnerConfig, name: &str) -> std::result::Result<(), String> {
        let model = || learner.architecture().map_or_else(|| learner.label(), |model| model.label());
        learner
            .takes(self.image, self.classes)
            .map_err(|expected| format!("{} takes {expected}, {name} has {}", model(), self.words()))
    }

    /// Pixels of an image, over all channels.
    pub fn pixels(&self) -> usize {
        self.image.iter().product()
    }
}

/// All images of a set, of which a sixth of the training images, at most 5,000, become the validation split.
pub fn whole(name: &str, set: &data::Dataset) -> DataConfig {
    let n = set.train.len();
    let validation = (n / 6).min(MAX_VALIDATION);
    DataConfig::new(name, n - validation, validation, set.test.len())
}

fn fully_connected(size: Size, input: &InputSpec) -> fc::Config {
    fc::Config { pixels: input.pixels(), classes: input.classes, ..fc::Config::of(size, LATENT) }
}

fn of_fc(size: Size, input: &InputSpec) -> LearnerConfig {
    cre(Architecture::Fc(fully_connected(size, input)), LAMBDA)
}

fn linear(input: &InputSpec) -> LearnerConfig {
    cre(Architecture::Linear { pixels: input.pixels(), classes: input.classes, latent: LATENT }, LAMBDA)
}

fn convolutional_s(input: &InputSpec) -> LearnerConfig {
    cre(Architecture::CnnS { latent_channels: 16, classes: input.classes }, LAMBDA)
}

fn convolutional_l(input: &InputSpec) -> LearnerConfig {
    cre(Architecture::CnnL { width_divisor: 4, dropout: 0.2, classes: input.classes }, LAMBDA)
}

/// A transformer with the paper's patches where they fit, else patches of 4 x 4.
fn of_vit(
    config: vit::Config,
    &InputSpec { image: [channels, side, _], classes }: &InputSpec,
) -> LearnerConfig {
    let patch = if side.is_multiple_of(config.patch) { config.patch } else { vit::Config::CIFAR10.patch };
    cre(Architecture::Vit(vit::Config { side, channels, classes, patch, ..config }), LAMBDA)
}

fn relaxing(input: &InputSpec) -> LearnerConfig {
    let network = predictive_coding::Config {
        model: fully_connected(Size::M, input),
        lambda: Some(LAMBDA),
        output_precision: 1.0,
        relaxation: Relaxation { steps: 8, rate: 0.05 },
        optimiser: AdamConfig::PAPER,
    };
    PredictiveCoding { network }.into()
}

fn recurrent(input: &InputSpec) -> LearnerConfig {
    let network = recurrent::Config {
        model: fully_connected(Size::M, input),
        lambda: Some(LAMBDA),
        steps: 3,
        loss_at: LossAt::EveryStep,
        optimiser: AdamConfig::PAPER,
    };
    Recurrent { network }.into()
}

/// New heads as in FC-M, on an affine encoder.
fn heads(of: Features<RunConfig>, input: &InputSpec) -> LearnerConfig {
    let model = fc::Config { encoder: Size::S, ..fully_connected(Size::M, input) };
    FrozenProbe::new(of, Architecture::Fc(model)).into()
}

fn classifier(network: Classifier) -> LearnerConfig {
    let (loss, weight_decay, decayed) = (ClassificationLoss::CrossEntropy, WEIGHT_DECAY, Decayed::All);
    let seen = Seen::Whole;
    let task = classification::Task { network, loss, seen, crop: None, weight_decay, decayed };
    Classification { task }.into()
}

fn autoencoder(network: Network) -> LearnerConfig {
    let (objective, weight_decay, decayed) = (Objective::Reconstruction, WEIGHT_DECAY, Decayed::All);
    let task =
        autoencoding::Task { network, objective, masked: None, weight_decay, spectrum: false, decayed };
    Autoencoding { task }.into()
}

#[cfg(test)]
mod tests;
