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
    /// What it is, in words.
    pub what: &'static str,
    learner: fn(&InputSpec) -> LearnerConfig,
    /// Images a step, and epochs.
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

/// The weight of reconstruction that a CRE starts with; the experiments run them at this one too.
const LAMBDA: f64 = 0.9;

/// The latent of the fully connected models.
const LATENT: usize = 16;

/// The validation images of a set: a sixth of its training images, and no more than this.
const MOST_VALIDATION: usize = 5_000;

/// The training images for which the batch and the epochs of presets are meant; a smaller set takes as many steps.
const ENOUGH_IMAGES: u32 = 5_000;

/// On smaller sets: the fewest steps an epoch, the smallest batch, and the most epochs.
const FEWEST_STEPS: usize = 10;
const SMALLEST_BATCH: usize = 8;
const MOST_EPOCHS: u32 = 200;

/// A CRE in the quick profile, and a model of the LBR paper.
const CRE: [u32; 2] = [100, 7];
const LBR: [u32; 2] = [100, 12];

/// All presets.
pub const ALL: &[Preset] = &[
    preset("fc-s", "fully connected CRE, one layer in each part", |input| of_fc(Size::S, input), CRE),
    preset("fc-m", "fully connected CRE, one hidden layer of 616", |input| of_fc(Size::M, input), CRE),
    preset("fc-l", "fully connected CRE, three hidden layers", |input| of_fc(Size::L, input), CRE),
    preset("linear", "affine encoder and heads, whose optimum is known", linear, CRE),
    preset("cnn-s", "convolutional CRE for 1 x 28 x 28", convolutional_s, [100, 4]),
    preset("cnn-l", "convolutional CRE for 3 x 32 x 32, a quarter as wide", convolutional_l, [50, 4]),
    preset("vit-s", "vision transformer CRE, width 8", |input| of_vit(vit::Config::S, input), CRE),
    preset("vit-m", "vision transformer CRE, width 32", |input| of_vit(vit::Config::M, input), CRE),
    preset("vit-l", "vision transformer CRE, width 64", |input| of_vit(vit::Config::L, input), CRE),
    preset("predictive-coding", "fc-m with local learning rules in place of backpropagation", relaxing, CRE),
    preset("recurrent", "fc-m that sees its own reconstruction error again", recurrent, CRE),
    preset("pca-heads", "heads on the first principal components", |input| heads(Features::Pca, input), CRE),
    preset("random-heads", "heads on random projections", |input| heads(Features::Random, input), CRE),
    preset(
        "mlp",
        "classifier: a perceptron of four widths",
        |_| classifier(Classifier::Mlp { depth: 4 }),
        LBR,
    ),
    preset(
        "resnet9",
        "classifier: ResNet9, an eighth as wide",
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
    /// What it takes, in words, if it does not take these images.
    fn takes(&self, input: &InputSpec) -> std::result::Result<(), String> {
        (self.learner)(input).takes(input.image, input.classes)
    }

    /// The channels and the side nearest to those of these images that it takes.
    fn nearest_form(&self, input: &InputSpec) -> Option<[usize; 2]> {
        let [c, side, _] = input.image;
        let takes = |c, side| self.takes(&InputSpec { image: [c, side, side], ..*input }).is_ok();
        let nearest = |c| {
            let fit = (1..=data::MAX_SIDE).filter(|&side| takes(c, side));
            fit.min_by_key(|other| other.abs_diff(side)).map(|side| [c, side])
        };
        nearest(c).or_else(|| [1, 3].into_iter().find_map(nearest))
    }

    /// The options that give the user's own images the nearest form that it takes.
    fn nearest_options(&self, input: &InputSpec) -> Option<String> {
        let [channels, side] = self.nearest_form(input)?;
        Some(match (channels, input.image[0]) {
            (3, 1) => format!("--side {side} --colour"),
            (1, 3) => format!("--side {side} without --colour"),
            _ => format!("--side {side}"),
        })
    }

    /// Images a step, and epochs, for `n` training images: a smaller set has smaller batches, and more epochs, so that the
    /// model takes as many steps as on [`ENOUGH_IMAGES`].
    fn training(&self, n: usize) -> (usize, u32) {
        let [batch, epochs] = self.training;
        let steps = epochs * (ENOUGH_IMAGES / batch);
        let fitting = (n / FEWEST_STEPS).clamp(SMALLEST_BATCH, batch as usize).min(n.max(1));
        let steps_an_epoch = (n / fitting).max(1) as u32;
        (fitting, epochs.max(steps.div_ceil(steps_an_epoch)).min(MOST_EPOCHS.max(epochs)))
    }

    /// The config on these images.
    ///
    /// # Errors
    /// [`Error::Usage`] if the model does not take such images, with those that do.
    pub fn config(&self, data: DataConfig, input: &InputSpec) -> Result<RunConfig> {
        if let Err(wanted) = self.takes(input) {
            let others: Vec<&str> =
                ALL.iter().filter(|preset| preset.takes(input).is_ok()).map(|preset| preset.name).collect();
            let own = self.nearest_options(input);
            let own = own.map_or(String::new(), |own| format!(", bring your own to {own}"));
            let fit = data::named_by_size(|image, classes| self.takes(&InputSpec { image, classes }).is_ok());
            return Err(Error::Usage(format!(
                "{} takes {wanted}, {} has {}; name images that fit, as those of {} do, with --data-set{own}, or choose \
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

    /// Checks that the learner takes such images, which are those of `name`.
    ///
    /// # Errors
    /// What it takes and what there is, in words, if it does not.
    pub fn fits(&self, learner: &LearnerConfig, name: &str) -> std::result::Result<(), String> {
        let model = || learner.architecture().map_or_else(|| learner.label(), |model| model.label());
        learner
            .takes(self.image, self.classes)
            .map_err(|wanted| format!("{} takes {wanted}, {name} has {}", model(), self.words()))
    }

    /// Pixels of an image, over all channels.
    pub fn pixels(&self) -> usize {
        self.image.iter().product()
    }
}

/// All images of a set: a sixth of those for training chooses the epoch, but no more than 5,000.
pub fn whole(name: &str, set: &data::Dataset) -> DataConfig {
    let n = set.train.len();
    let validation = (n / 6).min(MOST_VALIDATION);
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
mod tests {
    use super::*;

    const GREY: InputSpec = InputSpec { image: [1, 28, 28], classes: 10 };
    const COLOUR: InputSpec = InputSpec { image: [3, 32, 32], classes: 10 };

    #[test]
    fn every_name_stands_once_and_starts_on_one_of_the_common_kinds_of_images() {
        for (place, preset) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != preset.name), "{}", preset.name);
            let configs =
                [GREY, COLOUR].map(|input| preset.config(DataConfig::new("set", 100, 10, 10), &input));
            assert!(configs.iter().any(Result::is_ok), "{}", preset.name);
        }
    }

    #[test]
    fn a_model_of_other_images_is_refused_with_those_that_take_them() {
        let cnn_s = ALL.iter().find(|preset| preset.name == "cnn-s").unwrap();
        let message = cnn_s.config(DataConfig::new("cifar10", 1, 1, 1), &COLOUR).unwrap_err().to_string();
        let (wanted, others) = message.split_once(", or choose one of ").unwrap();
        assert!(
            wanted.contains("1 x 28 x 28") && wanted.contains("cifar10 has images of 3 x 32 x 32"),
            "{wanted}"
        );
        assert!(wanted.contains("those of mnist or fashion-mnist or"), "{wanted}");
        let residual = ALL.iter().find(|preset| preset.name == "resnet-ae").unwrap();
        let message = residual.config(DataConfig::new("mnist", 1, 1, 1), &GREY).unwrap_err().to_string();
        assert!(message.contains("sides divisible by 32, mnist has images of 1 x 28 x 28"), "{message}");
        assert!(message.contains("those of cifar10 or cifar100 or"), "{message}");
        assert!(others.contains("cnn-l") && !others.contains("cnn-s"), "{others}");
    }

    /// Every preset that takes images trains on them, whatever their side; and every side that is suggested fits.
    #[test]
    fn what_is_suggested_for_images_of_any_side_runs() {
        use ndarray::Array4;

        let origin = data::Origin {
            source: "a test".into(),
            files: vec![],
            selection: "all".into(),
            licence: "none".into(),
        };
        for side in [1, 3, 4, 7, 8, 14, 16] {
            let split = || {
                let pixel = |(n, _, h, w)| ((n * 83 + h * 31 + w * 17) % 256) as u8;
                let images = Array4::from_shape_fn((20, 1, side, side), pixel);
                data::Split::new(images, (0..20).map(|row| row % 2).collect(), 2).unwrap()
            };
            let set = data::Dataset::new("set", &["a", "b"], split(), split(), origin.clone()).unwrap();
            let data = DataConfig::new("set", 20, 0, 20);
            let input = InputSpec { image: [1, side, side], classes: 2 };
            let images = runs::images::Images::of(&data, &set).unwrap();
            for preset in ALL {
                match preset.config(data.clone(), &input) {
                    Ok(config) => {
                        let run = runs::run::Run { config, seed: 0 };
                        let timed = run.time(&images, &tensor::Device::Cpu);
                        assert!(timed.is_ok(), "{} at side {side}: {timed:?}", preset.name);
                    }
                    Err(error) => {
                        let Some([c, other]) = preset.nearest_form(&input) else { continue };
                        let fitting = InputSpec { image: [c, other, other], ..input };
                        assert!(preset.takes(&fitting).is_ok(), "{} at side {other}", preset.name);
                        assert!(error.to_string().contains(&format!("--side {other}")), "{error}");
                    }
                }
            }
        }
        let refused = |name: &str, side| {
            let preset = ALL.iter().find(|preset| preset.name == name).unwrap();
            let input = InputSpec { image: [1, side, side], classes: 2 };
            preset.config(DataConfig::new("set", 20, 0, 20), &input).unwrap_err().to_string()
        };
        for (name, side, wanted, nearest) in [
            ("resnet9", 7, "sides of at least 16", "--side 16"),
            ("dcae", 7, "sides divisible by 4", "--side 8"),
            ("vit-s", 3, "sides divisible by 4", "--side 4"),
            ("pca-heads", 3, "16 pixels or more", "--side 4"),
            ("cnn-s", 20, "images of 1 x 28 x 28 and 2 classes", "--side 28"),
            ("cnn-l", 20, "images of 3 x 32 x 32 and 2 classes", "--side 32 --colour"),
        ] {
            let message = refused(name, side);
            assert!(message.contains(wanted) && message.contains(nearest), "{message}");
        }
    }

    #[test]
    fn a_small_set_takes_as_many_steps_as_a_large_one() {
        let fc_m = ALL.iter().find(|preset| preset.name == "fc-m").unwrap();
        for (n, batch, epochs) in
            [(50_000, 100, 7), (5_000, 100, 7), (1_000, 100, 35), (117, 11, 35), (20, 8, 175)]
        {
            assert_eq!(fc_m.training(n), (batch, epochs), "{n}");
        }
        // One image a batch, and no more epochs than anybody wants to wait for.
        assert_eq!((fc_m.training(1), fc_m.training(0)), ((1, MOST_EPOCHS), (1, MOST_EPOCHS)));
    }

    #[test]
    fn every_number_of_classes_fits_every_preset() {
        for preset in ALL {
            let fits = |classes| {
                let inputs = [GREY, COLOUR].map(|input| InputSpec { classes, ..input });
                inputs.iter().any(|input| preset.takes(input).is_ok())
            };
            assert!([2, 3, 200].into_iter().all(fits), "{}", preset.name);
        }
    }

    #[test]
    fn transformers_start_with_the_learning_rate_of_the_paper() {
        for name in ["vit-s", "vit-m", "vit-l"] {
            let preset = ALL.iter().find(|preset| preset.name == name).unwrap();
            let config = preset.config(DataConfig::new("set", 100, 10, 10), &GREY).unwrap();
            assert_eq!(config.optimiser, AdamConfig::PAPER, "{name}");
        }
    }

    #[test]
    fn the_start_of_fc_m_is_a_run_of_the_quick_profile() {
        use crate::profile::Profile;
        let (data, fc_m) =
            (crate::families::fashion(Profile::Standard), crate::families::fc_m(Profile::Standard, &[16]));
        let preset = ALL.iter().find(|preset| preset.name == "fc-m").unwrap().config(data, &GREY).unwrap();
        let expected = fc_m.members[0].learner.with_lambda(LAMBDA);
        assert!(crate::families::lambdas(Profile::Standard).contains(&LAMBDA));
        assert_eq!((preset.learner, preset.batch, preset.epochs), (expected, fc_m.batch, fc_m.epochs));
        assert_eq!((preset.data, preset.optimiser), (fc_m.data[0].clone(), fc_m.optimiser));
    }
}
