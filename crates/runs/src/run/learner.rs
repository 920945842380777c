//! What learns in a run.

use models::{Architecture, Mixing, predictive_coding, recurrent};
use serde::{Deserialize, Serialize};

use super::{Autoencoding, Objective, Question, Recognition, RunConfig, finals};
use crate::Result;
use crate::images::{Images, matrices};
use crate::local::check_room;
use crate::subspaces::Seen;

/// What learns in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Learner {
    /// A CRE, by backpropagation (section 2 of the CRE specification).
    Cre {
        /// The model.
        model: Architecture,
        /// The weight of reconstruction in the encoder's loss, in [0, 1].
        #[serde(serialize_with = "models::range::probability")]
        lambda: f64,
        /// How the two gradients are mixed at z.
        #[serde(default, skip_serializing_if = "is_weighted")]
        mixing: Mixing,
        /// How many training images have a label; all of them where it is left out. A tenth of each batch, at least
        /// two, is then drawn from those, and the others are only reconstructed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[serde(serialize_with = "models::range::positive_count")]
        labelled: Option<usize>,
    },
    /// The fully connected stack as a predictive coding network (section 7, question 1).
    PredictiveCoding {
        /// The network.
        network: predictive_coding::Config,
    },
    /// A CRE that sees its own reconstruction error again (section 7, question 9).
    Recurrent {
        /// The network.
        network: recurrent::Config,
    },
    /// New heads on an encoder that does not learn (experiments E9 and E10).
    Readout {
        /// The encoder.
        of: Features,
        /// Where the heads come from; for features that are no network its encoder is one affine layer.
        model: Architecture,
    },
    /// A classifier of what is left of images (experiment E3 of the LBR specification).
    Recognition {
        /// The classifier, and what it sees.
        task: Recognition,
    },
    /// An autoencoder with probes (experiments E4 and E6 to E8 of the LBR specification).
    Autoencoding {
        /// The autoencoder, and what it minimises.
        task: Autoencoding,
    },
    /// A closed form of the training images, or a linear model held against one. Optimiser, batch and epochs mean
    /// nothing.
    ClosedForm {
        /// What is asked.
        question: Question,
    },
}

/// The key of the optimiser that most learners are trained with.
pub(super) const OPTIMISER: &str = "optimiser";

/// An encoder that does not learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Features {
    /// The first principal components of the training images, centred.
    Pca,
    /// A Gaussian matrix whose columns have unit length.
    Random,
    /// The encoder of a run of the same seed.
    Trained {
        /// The run.
        run: Box<RunConfig>,
    },
}

fn is_weighted(mixing: &Mixing) -> bool {
    *mixing == Mixing::Weighted
}

impl Learner {
    /// The same learner with another weight of reconstruction; unchanged where nothing is weighed.
    #[must_use]
    pub fn with_lambda(&self, value: f64) -> Self {
        let mut other = self.clone();
        match &mut other {
            Self::Cre { lambda, .. } => *lambda = value,
            Self::PredictiveCoding { network } => network.lambda = value,
            Self::Recurrent { network } => network.lambda = value,
            Self::Readout { of: Features::Trained { run }, .. } => {
                run.learner = run.learner.with_lambda(value);
            }
            _ => {}
        }
        other
    }

    /// The weight of reconstruction in the encoder's loss; `None` where nothing is weighed.
    pub fn lambda(&self) -> Option<f64> {
        match self {
            Self::Cre { lambda, .. } => Some(*lambda),
            Self::PredictiveCoding { network } => Some(network.lambda),
            Self::Recurrent { network } => Some(network.lambda),
            Self::Readout { of: Features::Trained { run }, .. } => run.learner.lambda(),
            _ => None,
        }
    }

    /// The key of the optimiser that trains it, in the config of a run.
    pub fn optimiser_key(&self) -> &'static str {
        match self {
            Self::PredictiveCoding { .. } | Self::Recurrent { .. } => "learner.network.optimiser",
            _ => OPTIMISER,
        }
    }

    /// Whether what it learned is read again by other runs, figures or the page.
    pub(super) fn is_reread(&self) -> bool {
        !matches!(self, Self::Recognition { .. } | Self::Autoencoding { .. } | Self::ClosedForm { .. })
    }

    /// What the encoder minimises, from the two losses, where it is a weighted sum of them or one of them alone.
    pub fn loss(&self, mse: Option<f64>, cross_entropy: Option<f64>) -> Option<f64> {
        let sum = |weight: f64| Some(weight * mse? + (1.0 - weight) * cross_entropy?);
        match self {
            Self::Cre { lambda, mixing: Mixing::Weighted, .. } => sum(*lambda),
            Self::Recurrent { network } => sum(network.lambda),
            Self::Recognition { .. } => cross_entropy,
            Self::Autoencoding { task } if task.objective == Objective::Reconstruction => mse,
            _ => None,
        }
    }

    /// The size of the latent of a CRE; `None` where there is none, or it is no CRE of the paper.
    pub fn latent_len(&self) -> Option<usize> {
        match self {
            Self::Cre { model, .. } => Some(model.latent_len()),
            _ => None,
        }
    }

    /// The CRE that it trains, or whose heads it trains.
    pub fn architecture(&self) -> Option<Architecture> {
        match self {
            Self::Cre { model, .. } | Self::Readout { model, .. } => Some(*model),
            Self::PredictiveCoding { network } => Some(Architecture::Fc(network.model)),
            Self::Recurrent { network } => Some(Architecture::Fc(network.model)),
            _ => None,
        }
    }

    /// About how many parameters it has, and how many numbers its layers keep of an image of `d` numbers.
    pub(super) fn sizes(&self, d: usize) -> (u64, u64) {
        let Some(model) = self.architecture() else {
            return match self {
                Self::Recognition { task } => task.network.sizes(d),
                Self::Autoencoding { task } => task.sizes(d),
                _ => (0, 0),
            };
        };
        let [c, h, w] = model.image_shape();
        let layers = match model {
            Architecture::Fc(_) | Architecture::Linear { .. } => 10,
            Architecture::CnnS { .. } => 60,
            Architecture::CnnL { narrower, .. } => 400 / narrower.max(1) as u64,
            Architecture::Vit(config) => (config.encoder.width * 2) as u64,
        };
        (model.n_params(), layers * (c * h * w) as u64)
    }

    /// Checks that model and optimiser state fit in free memory.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) with both numbers if they surely have not.
    pub fn check_parameters(&self, images: &Images) -> Result<()> {
        self.check(images, 0)
    }

    /// The same with what is computed of the images before the first epoch and after the last beside them: asked before a
    /// training begins that could not end.
    ///
    /// # Errors
    /// As [`Learner::check_parameters`].
    pub fn check_room(&self, images: &Images) -> Result<()> {
        let d = images.train.image_shape().iter().product();
        let decomposes = match self {
            Self::Recognition { task } => task.seen != Seen::Whole,
            Self::Autoencoding { task } => task.spectrum,
            Self::Readout { of, .. } => *of == Features::Pca,
            _ => false,
        };
        self.check(images, self.final_bytes(images).max(if decomposes { matrices(d) } else { 0 }))
    }

    fn check(&self, images: &Images, beside: u64) -> Result<()> {
        let d: usize = images.train.image_shape().iter().product();
        let (n, bytes_each) = match (self, self.architecture()) {
            (Self::ClosedForm { question }, _) => {
                let what = format!("{} of {} images of {d} pixels", self.label(), images.train.len());
                return check_room(&what, question.bytes(images), "take fewer or smaller images");
            }
            (_, Some(model)) => (model.n_params(), 16),
            // Counted roughly, so the moments are left out.
            (_, None) => (self.sizes(d).0, 8),
        };
        let what = format!("{} with {n} parameters, on images of {d} pixels,", self.label());
        let needed = n.saturating_mul(bytes_each).saturating_add(beside);
        check_room(&what, needed, "take a smaller model or smaller images")
    }

    /// About the bytes that are taken by what is measured after the last epoch.
    pub(super) fn final_bytes(&self, images: &Images) -> u64 {
        self.code_len(images.train.image_shape()).map_or(0, |k| finals::bytes(images, k))
    }

    /// The number of dimensions of its latent, where it has one.
    fn code_len(&self, image: [usize; 3]) -> Option<usize> {
        match self {
            Self::Autoencoding { task } => Some(task.network.code(image)),
            _ => self.architecture().map(|model| model.latent_len()),
        }
    }

    /// A few words.
    pub fn label(&self) -> String {
        match self {
            Self::Cre { model, lambda, .. } => format!("{}, λ = {lambda}", model.label()),
            Self::PredictiveCoding { network } => format!("predictive coding, λ = {}", network.lambda),
            Self::Recurrent { network } => {
                format!("recurrent, {} steps, λ = {}", network.steps, network.lambda)
            }
            Self::Readout { of, model } => match of {
                Features::Pca => format!("heads on {} principal components", model.latent_len()),
                Features::Random => format!("heads on {} random projections", model.latent_len()),
                Features::Trained { run } => format!("new heads on {}", run.learner.label()),
            },
            Self::Recognition { task } => task.label(),
            Self::Autoencoding { task } => task.label(),
            Self::ClosedForm { question } => question.label(),
        }
    }
}
