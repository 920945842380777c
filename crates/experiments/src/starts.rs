//! Named starting points: a learner with the settings of the experiments and the paper's Adam, for images of any set.

use models::fc::Size;
use models::predictive_coding::{self, Relaxation};
use models::recurrent::{self, LossAt};
use models::{AdamConfig, Architecture, Decayed, fc, vit};

use crate::error::{Error, Result};
use crate::lbr::{WEIGHT_DECAY, mlpae};
use runs::images::DataConfig;
use runs::run::{
    Autoencoding, Features, Hardware, Learner, Network, Objective, Recogniser, Recognition, RecognitionLoss,
    RunConfig, cre,
};
use runs::subspaces::Seen;

/// A starting point.
pub struct Start {
    /// The name that it is asked for by.
    pub name: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    learner: fn(&Kind) -> Learner,
    /// Images a step, and epochs.
    training: [u32; 2],
    /// The images `[c, h, w]` that it takes, if it does not take all.
    only: Option<[usize; 3]>,
    /// What divides the sides of images that it takes.
    divisor: usize,
}

/// What a model has to know of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
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

/// A CRE in the quick profile, and a model of the LBR paper.
const CRE: [u32; 2] = [100, 7];
const LBR: [u32; 2] = [100, 12];

/// All starting points.
pub const ALL: [Start; 18] = [
    start("fc-s", "fully connected CRE, one layer in each part", |kind| of_fc(Size::S, kind), CRE),
    start("fc-m", "fully connected CRE, one hidden layer of 616", |kind| of_fc(Size::M, kind), CRE),
    start("fc-l", "fully connected CRE, three hidden layers", |kind| of_fc(Size::L, kind), CRE),
    start("linear", "affine encoder and heads, whose optimum is known", linear, CRE),
    Start {
        only: Some([1, 28, 28]),
        ..start("cnn-s", "convolutional CRE for 1 x 28 x 28", |_| convolutional_s(), [100, 4])
    },
    Start {
        only: Some([3, 32, 32]),
        ..start(
            "cnn-l",
            "convolutional CRE for 3 x 32 x 32, a quarter as wide",
            |_| convolutional_l(),
            [50, 4],
        )
    },
    start("vit-s", "vision transformer CRE, width 8", |kind| of_vit(vit::Config::S, kind), CRE),
    start("vit-m", "vision transformer CRE, width 32", |kind| of_vit(vit::Config::M, kind), CRE),
    start("vit-l", "vision transformer CRE, width 64", |kind| of_vit(vit::Config::L, kind), CRE),
    start("predictive-coding", "fc-m with local learning rules in place of backpropagation", relaxing, CRE),
    start("recurrent", "fc-m that sees its own reconstruction error again", recurrent, CRE),
    start("pca-heads", "heads on the first principal components", |kind| heads(Features::Pca, kind), CRE),
    start("random-heads", "heads on random projections", |kind| heads(Features::Random, kind), CRE),
    start(
        "mlp",
        "classifier: a perceptron of four widths",
        |_| recogniser(Recogniser::Mlp { depth: 4 }),
        LBR,
    ),
    start(
        "resnet9",
        "classifier: ResNet9, an eighth as wide",
        |_| recogniser(Recogniser::Resnet9 { narrower: 8 }),
        LBR,
    ),
    start("mlpae", "fully connected autoencoder with two probes", |_| autoencoder(mlpae(64, 3)), LBR),
    start(
        "dcae",
        "convolutional autoencoder with two probes",
        |_| autoencoder(Network::Dcae { latent: 32, depth: 2 }),
        LBR,
    ),
    Start {
        divisor: 32,
        ..start(
            "resnet-ae",
            "residual autoencoder with two probes, sides divisible by 32",
            |_| autoencoder(Network::Resnet { latent: 64, narrower: 4 }),
            LBR,
        )
    },
];

const fn start(
    name: &'static str,
    what: &'static str,
    learner: fn(&Kind) -> Learner,
    training: [u32; 2],
) -> Start {
    Start { name, what, learner, training, only: None, divisor: 1 }
}

impl Start {
    fn takes(&self, kind: &Kind) -> bool {
        let [_, h, w] = kind.image;
        self.only.is_none_or(|only| only == kind.image && kind.classes == 10)
            && [h, w].iter().all(|side| side.is_multiple_of(self.divisor))
    }

    /// The config on these images.
    ///
    /// # Errors
    /// [`Error::Usage`] if the model does not take such images, with those that do.
    pub fn config(&self, data: DataConfig, kind: &Kind) -> Result<RunConfig> {
        if !self.takes(kind) {
            let others: Vec<&str> =
                ALL.iter().filter(|start| start.takes(kind)).map(|start| start.name).collect();
            let wanted = match self.only {
                Some([c, h, w]) => format!("images of {c} x {h} x {w} and 10 classes"),
                None => format!("images whose sides {} divides", self.divisor),
            };
            let fit = data::named_by_size(|image, classes| self.takes(&Kind { image, classes }));
            return Err(Error::Usage(format!(
                "{} takes {wanted}, {} has {}; name images that fit, as those of {} do, with --data-set, or choose one \
                 of {}",
                self.name,
                data.name,
                kind.words(),
                fit.join(" or "),
                others.join(", ")
            )));
        }
        let learner = (self.learner)(kind);
        let optimiser = AdamConfig::PAPER;
        let [batch, epochs] = self.training;
        // A folder of few images still fills one batch.
        let (batch, hardware) = ((batch as usize).min(data.train.max(1)), Hardware::Cpu);
        Ok(RunConfig { data, rotation: None, learner, optimiser, batch, epochs, hardware })
    }
}

impl Kind {
    /// `images of 1 x 28 x 28 and 10 classes`
    pub fn words(&self) -> String {
        let [c, h, w] = self.image;
        format!("images of {c} x {h} x {w} and {} classes", self.classes)
    }

    /// Numbers of an image.
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

fn fully_connected(size: Size, kind: &Kind) -> fc::Config {
    fc::Config { pixels: kind.pixels(), classes: kind.classes, ..fc::Config::of(size, LATENT) }
}

fn of_fc(size: Size, kind: &Kind) -> Learner {
    cre(Architecture::Fc(fully_connected(size, kind)), LAMBDA)
}

fn linear(kind: &Kind) -> Learner {
    cre(Architecture::Linear { pixels: kind.pixels(), classes: kind.classes, latent: LATENT }, LAMBDA)
}

fn convolutional_s() -> Learner {
    cre(Architecture::CnnS { latent_channels: 16 }, LAMBDA)
}

fn convolutional_l() -> Learner {
    cre(Architecture::CnnL { narrower: 4, dropout: 0.2 }, LAMBDA)
}

/// A transformer with the paper's patches where they fit, else patches of 4 x 4.
fn of_vit(config: vit::Config, &Kind { image: [channels, side, _], classes }: &Kind) -> Learner {
    let patch = if side.is_multiple_of(config.patch) { config.patch } else { vit::Config::CIFAR10.patch };
    cre(Architecture::Vit(vit::Config { side, channels, classes, patch, ..config }), LAMBDA)
}

fn relaxing(kind: &Kind) -> Learner {
    Learner::PredictiveCoding {
        network: predictive_coding::Config {
            model: fully_connected(Size::M, kind),
            lambda: LAMBDA,
            output_precision: 1.0,
            relaxation: Relaxation { steps: 8, rate: 0.05 },
            optimiser: AdamConfig::PAPER,
        },
    }
}

fn recurrent(kind: &Kind) -> Learner {
    Learner::Recurrent {
        network: recurrent::Config {
            model: fully_connected(Size::M, kind),
            lambda: LAMBDA,
            steps: 3,
            loss_at: LossAt::EveryStep,
            optimiser: AdamConfig::PAPER,
        },
    }
}

/// New heads as in FC-M, on an affine encoder.
fn heads(of: Features, kind: &Kind) -> Learner {
    let model = fc::Config { encoder: Size::S, ..fully_connected(Size::M, kind) };
    Learner::Readout { of, model: Architecture::Fc(model) }
}

fn recogniser(network: Recogniser) -> Learner {
    let (loss, weight_decay, decayed) = (RecognitionLoss::CrossEntropy, WEIGHT_DECAY, Decayed::All);
    let seen = Seen::Whole;
    Learner::Recognition { task: Recognition { network, loss, seen, crop: None, weight_decay, decayed } }
}

fn autoencoder(network: Network) -> Learner {
    let (objective, weight_decay, decayed) = (Objective::Reconstruction, WEIGHT_DECAY, Decayed::All);
    Learner::Autoencoding {
        task: Autoencoding { network, objective, masked: None, weight_decay, spectrum: false, decayed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: Kind = Kind { image: [1, 28, 28], classes: 10 };
    const COLOUR: Kind = Kind { image: [3, 32, 32], classes: 10 };

    #[test]
    fn every_name_stands_once_and_starts_on_one_of_the_common_kinds_of_images() {
        for (place, start) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != start.name), "{}", start.name);
            let configs = [GREY, COLOUR].map(|kind| start.config(DataConfig::new("set", 100, 10, 10), &kind));
            assert!(configs.iter().any(Result::is_ok), "{}", start.name);
        }
    }

    #[test]
    fn a_model_of_other_images_is_refused_with_those_that_take_them() {
        let cnn_s = ALL.iter().find(|start| start.name == "cnn-s").unwrap();
        let message = cnn_s.config(DataConfig::new("cifar10", 1, 1, 1), &COLOUR).unwrap_err().to_string();
        let (wanted, others) = message.split_once(", or choose one of ").unwrap();
        assert!(
            wanted.contains("1 x 28 x 28") && wanted.contains("cifar10 has images of 3 x 32 x 32"),
            "{wanted}"
        );
        assert!(wanted.contains("those of mnist or fashion-mnist or"), "{wanted}");
        let residual = ALL.iter().find(|start| start.name == "resnet-ae").unwrap();
        let message = residual.config(DataConfig::new("mnist", 1, 1, 1), &GREY).unwrap_err().to_string();
        assert!(message.contains("sides 32 divides, mnist has images of 1 x 28 x 28"), "{message}");
        assert!(message.contains("those of cifar10 or cifar100 or"), "{message}");
        assert!(others.contains("cnn-l") && !others.contains("cnn-s"), "{others}");
    }

    #[test]
    fn transformers_start_with_the_learning_rate_of_the_paper() {
        for name in ["vit-s", "vit-m", "vit-l"] {
            let start = ALL.iter().find(|start| start.name == name).unwrap();
            let config = start.config(DataConfig::new("set", 100, 10, 10), &GREY).unwrap();
            assert_eq!(config.optimiser, AdamConfig::PAPER, "{name}");
        }
    }

    #[test]
    fn the_start_of_fc_m_is_a_run_of_the_quick_profile() {
        use crate::profile::Profile;
        let (data, fc_m) =
            (crate::families::fashion(Profile::Quick), crate::families::fc_m(Profile::Quick, &[16]));
        let start = ALL.iter().find(|start| start.name == "fc-m").unwrap().config(data, &GREY).unwrap();
        let expected = fc_m.members[0].learner.with_lambda(LAMBDA);
        assert!(crate::families::lambdas(Profile::Quick).contains(&LAMBDA));
        assert_eq!((start.learner, start.batch, start.epochs), (expected, fc_m.batch, fc_m.epochs));
        assert_eq!((start.data, start.optimiser), (fc_m.data[0].clone(), fc_m.optimiser));
    }
}
