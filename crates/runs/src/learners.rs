//! The list of learners, one file each, and the config of a run, which holds one of them.
//!
//! Both are in one file because a frozen-encoder probe contains the config of the run whose encoder it uses.

use std::ops::{Deref, DerefMut};

use models::{AdamConfig, Architecture, Mixing};
use serde::{Deserialize, Serialize};

use crate::images::DataConfig;
use crate::learner::Learner;
use crate::training::{Hardware, Rotation};

use self::closed_form::Question;
use self::frozen_probe::{EncoderRun, Features};

/// Declares the modules of the learners and their list.
macro_rules! learners {
    ($($(#[$meta:meta])* $module:ident: $Learner:ident $(<$Run:ident>)? = $kind:literal,)+) => {
        $(
            pub mod $module;
            pub use $module::$Learner;
        )+

        /// The config of one learner.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum LearnerConfig {
            $($(#[$meta])* #[serde(rename = $kind)] $Learner($Learner $(<$Run>)?),)+
        }

        $(impl From<$Learner $(<$Run>)?> for LearnerConfig {
            fn from(learner: $Learner $(<$Run>)?) -> Self {
                Self::$Learner(learner)
            }
        })+

        impl Deref for LearnerConfig {
            type Target = dyn Learner;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$Learner(learner) => learner,)+
                }
            }
        }

        impl DerefMut for LearnerConfig {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self {
                    $(Self::$Learner(learner) => learner,)+
                }
            }
        }
    };
}

// Each learner with its `kind` in stored configs. Keys of stored runs depend on these names, so some are older than the
// names of the types: `readout` is a frozen-encoder probe, `recognition` a classifier; in models, `narrower` is
// `width_divisor`.
learners! {
    /// A CRE trained by backpropagation (`book/cre.md`).
    cre: Cre = "cre",
    /// The fully connected CRE as a predictive coding network (an extension of `book/cre.md`).
    predictive_coding: PredictiveCoding = "predictive-coding",
    /// A CRE that receives its own reconstruction error as input (an extension of `book/cre.md`).
    recurrent: Recurrent = "recurrent",
    /// New heads trained on a frozen encoder (E9 and E10 in `book/codes.md`).
    frozen_probe: FrozenProbe<RunConfig> = "readout",
    /// A classifier of images projected onto a principal subspace (LBR E3 in `book/lbr.md`).
    classification: Classification = "recognition",
    /// An autoencoder with probes on its latent (LBR E4 and E6 to E8 in `book/lbr.md`).
    autoencoding: Autoencoding = "autoencoding",
    /// A closed form of the training images, or a linear model compared with one. Optimiser, batch and epochs are unused.
    closed_form: ClosedForm = "closed-form",
}

/// A CRE trained on the weighted sum of both losses, with all training images labelled; without λ, the base config of a
/// grid.
pub fn cre(model: Architecture, lambda: impl Into<Option<f64>>) -> LearnerConfig {
    Cre { model, lambda: lambda.into(), mixing: Mixing::Weighted, labelled: None }.into()
}

impl LearnerConfig {
    /// The CRE, if the learner is one.
    pub fn as_cre(&self) -> Option<&Cre> {
        match self {
            Self::Cre(cre) => Some(cre),
            _ => None,
        }
    }

    /// The same learner with another λ; unchanged for learners without one.
    #[must_use]
    pub fn with_lambda(&self, lambda: f64) -> Self {
        let mut other = self.clone();
        other.set_lambda(lambda);
        other
    }
}

/// Everything that determines a run's results except its seed and the pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The data set and its splits.
    pub data: DataConfig,
    /// Random rotation of training images, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// The learner.
    pub learner: LearnerConfig,
    /// The optimiser; unused by learners that have one of their own ([`Learner::optimiser_key`]).
    pub optimiser: AdamConfig,
    /// The batch size; the incomplete last batch of an epoch is dropped.
    #[serde(serialize_with = "models::range::positive_count")]
    pub batch: usize,
    /// The number of passes over the training images.
    #[serde(serialize_with = "models::range::epochs")]
    pub epochs: u32,
    /// The device type. GPU results differ in summation order; the key of a CPU run omits this field.
    #[serde(default, skip_serializing_if = "Hardware::is_cpu")]
    pub hardware: Hardware,
}

impl RunConfig {
    /// The config of a closed form of these images.
    pub fn closed_form(data: DataConfig, question: Question) -> Self {
        let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
        let learner = ClosedForm { question }.into();
        Self { data, rotation: None, learner, optimiser, batch: 1, epochs: 0, hardware }
    }

    /// The config of the run whose encoder this one uses, if any.
    pub fn encoder_run(&self) -> Option<&Self> {
        match &self.learner {
            LearnerConfig::FrozenProbe(FrozenProbe { of: Features::Trained { run }, .. }) => Some(run),
            _ => None,
        }
    }

    /// The same config for other hardware, including the run whose encoder it uses.
    #[must_use]
    pub fn on(mut self, hardware: Hardware) -> Self {
        self.hardware = hardware;
        if let LearnerConfig::FrozenProbe(FrozenProbe { of: Features::Trained { run }, .. }) =
            &mut self.learner
        {
            run.hardware = hardware;
        }
        self
    }
}

impl EncoderRun for RunConfig {
    fn learner(&self) -> &dyn Learner {
        &*self.learner
    }

    fn learner_mut(&mut self) -> &mut dyn Learner {
        &mut *self.learner
    }
}

#[cfg(test)]
mod tests {
    use models::predictive_coding::{self, Relaxation};
    use models::recurrent::{self, LossAt};
    use models::{Decayed, fc, fc::Size};
    use serde_json::json;

    use super::*;
    use crate::subspaces::Seen;

    /// The keys of stored runs are checksums of this spelling.
    #[test]
    fn learner_configs_serialize_as_in_the_keys_of_stored_runs() {
        let linear = Architecture::Linear { pixels: 4, classes: 2, latent: 1 };
        let spelt_linear = serde_json::to_value(linear).unwrap();
        let network = recurrent::Config {
            model: fc::Config::of(Size::S, 4),
            lambda: Some(0.5),
            steps: 2,
            loss_at: LossAt::EveryStep,
            optimiser: AdamConfig::PAPER,
        };
        let spelt_network = serde_json::to_value(&network).unwrap();
        let relaxation = Relaxation { steps: 2, rate: 0.25 };
        let relaxing = predictive_coding::Config {
            model: network.model,
            lambda: Some(0.25),
            output_precision: 1.5,
            relaxation,
            optimiser: network.optimiser,
        };
        let encoder = RunConfig {
            data: DataConfig::new("digits", 6, 1, 2),
            rotation: None,
            learner: cre(linear, 0.25),
            optimiser: AdamConfig::PAPER,
            batch: 3,
            epochs: 4,
            hardware: Hardware::Cpu,
        };
        let classifier = classification::Task {
            network: classification::Classifier::Mlp { depth: 3 },
            loss: classification::ClassificationLoss::OneHotMse,
            seen: Seen::Whole,
            crop: None,
            weight_decay: 0.5,
            decayed: Decayed::All,
        };
        let autoencoder = autoencoding::Task {
            network: autoencoding::Network::Dcae { latent: 3, depth: 2 },
            objective: autoencoding::Objective::Guided { weight: 0.5 },
            masked: None,
            weight_decay: 0.5,
            decayed: Decayed::All,
            spectrum: false,
        };
        for (learner, spelt) in [
            (cre(linear, 0.25), json!({ "kind": "cre", "model": spelt_linear, "lambda": 0.25 })),
            (
                FrozenProbe::new(Features::Pca, linear).into(),
                json!({ "kind": "readout", "of": { "from": "pca" }, "model": spelt_linear }),
            ),
            (
                FrozenProbe::new(Features::Trained { run: Box::new(encoder) }, linear).into(),
                json!({ "kind": "readout", "model": spelt_linear, "of": { "from": "trained", "run": {
                    "data": { "name": "digits", "train": 6, "validation": 1, "test": 2 },
                    "learner": { "kind": "cre", "model": spelt_linear, "lambda": 0.25 },
                    "optimiser": spelt_network["optimiser"], "batch": 3, "epochs": 4,
                } } }),
            ),
            (
                PredictiveCoding { network: relaxing }.into(),
                json!({ "kind": "predictive-coding", "network": {
                    "model": spelt_network["model"], "lambda": 0.25, "output_precision": 1.5,
                    "relaxation": { "steps": 2, "rate": 0.25 }, "optimiser": spelt_network["optimiser"],
                } }),
            ),
            (
                Recurrent { network }.into(),
                json!({ "kind": "recurrent", "network": {
                    "model": spelt_network["model"], "lambda": 0.5, "steps": 2, "loss_at": "every_step",
                    "optimiser": spelt_network["optimiser"],
                } }),
            ),
            (
                Classification { task: classifier }.into(),
                json!({ "kind": "recognition", "task": {
                    "network": { "mlp": { "depth": 3 } }, "loss": "one-hot-mse", "seen": { "kept": "whole" },
                    "weight_decay": 0.5,
                } }),
            ),
            (
                Autoencoding { task: autoencoder }.into(),
                json!({ "kind": "autoencoding", "task": {
                    "network": { "dcae": { "latent": 3, "depth": 2 } }, "objective": { "guided": { "weight": 0.5 } },
                    "weight_decay": 0.5,
                } }),
            ),
            (
                ClosedForm { question: Question::Front { k: 4 } }.into(),
                json!({ "kind": "closed-form", "question": { "asked": "front", "k": 4 } }),
            ),
        ] {
            assert_eq!(serde_json::to_value(&learner).unwrap(), spelt);
            let read = |config| serde_json::from_value::<LearnerConfig>(config);
            assert_eq!(read(spelt.clone()).unwrap(), learner);
            let mut unknown = spelt;
            unknown["labeled"] = json!(1);
            assert!(read(unknown).unwrap_err().to_string().contains("unknown field `labeled`"));
        }
    }
}
