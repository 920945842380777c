//! What learns in a run.

use models::{Architecture, Mixing, predictive_coding, recurrent};
use serde::{Deserialize, Serialize};

use super::{Autoencoding, Objective, Question, Recognition, RunConfig};
use crate::local::free_memory;
use crate::{Error, Result};

/// What learns in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Learner {
    /// A CRE, by backpropagation (section 2 of the CRE specification).
    Cre {
        /// The model.
        model: Architecture,
        /// The weight of reconstruction in the encoder's loss, in [0, 1].
        lambda: f64,
        /// How the two gradients are mixed at z.
        #[serde(default, skip_serializing_if = "is_weighted")]
        mixing: Mixing,
        /// How many training images have a label; all of them where it is left out. A tenth of each batch, at least
        /// two, is then drawn from those, and the others are only reconstructed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
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

    /// The weight of reconstruction in the encoder's loss.
    pub fn lambda(&self) -> f64 {
        match self {
            Self::Cre { lambda, .. } => *lambda,
            Self::PredictiveCoding { network } => network.lambda,
            Self::Recurrent { network } => network.lambda,
            Self::Readout { of: Features::Trained { run }, .. } => run.learner.lambda(),
            _ => 0.5,
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

    /// That its parameters, their gradients and the optimiser's two means have room in the memory that is free now.
    ///
    /// # Errors
    /// [`Error::Usage`] with both numbers if they surely have not.
    pub fn check_room(&self) -> Result<()> {
        let (Some(model), Some(free)) = (self.architecture(), free_memory()) else { return Ok(()) };
        let (n, bytes_each) = (model.n_params(), 16);
        if n.saturating_mul(bytes_each) <= free {
            return Ok(());
        }
        let gibibytes = |bytes: f64| bytes / f64::from(1 << 30);
        Err(Error::Usage(format!(
            "{} has {n} parameters, which take {:.1} GiB with their gradients and Adam's means; {:.1} GiB of memory are free",
            model.label(),
            gibibytes(n as f64 * bytes_each as f64),
            gibibytes(free as f64)
        )))
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
