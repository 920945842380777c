//! The objective of a CRE: each head is trained on its own loss, the encoder on a combination of both gradients.

use autograd::{Param, Tape};
use tensor::{Indices, Tensor};

use super::{Evaluate, Group, Metrics, Objective, Pass, Precision, StepLosses, StepReport, Trainer};
use crate::mixing::{Mixer, Mixing};
use crate::range;
use crate::{AdamConfig, Cre, Error, Example, Mode, Module, Part, Representation, Result};

/// A trainer of a CRE, with Adam for each of its three parts (`book/cre.md`, section 2.3).
///
/// ```
/// use agon_models::{AdamConfig, CreTrainer, fc};
/// use tensor::random::Stream;
/// use tensor::{DType, Indices, Tensor};
///
/// let config = fc::Config { pixels: 16, classes: 3, ..fc::Config::of(fc::Size::S, 4) };
/// let model = fc::cre(&config, &Stream::new(0, "init"), DType::F32)?;
/// let mut trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.5)?;
/// let images = Tensor::full(0.5, &[2, 16], DType::F32);
/// let report = trainer.step((&images, &Indices::new(vec![0, 2])))?;
/// assert!(report.mse > 0.0 && report.cross_entropy > 0.0);
/// # Ok::<(), agon_models::Error>(())
/// ```
pub type CreTrainer<'m> = Trainer<CreObjective<'m>>;

/// The objective of a CRE: its model, the weight of reconstruction, and the mixing rule of the encoder's gradient.
pub struct CreObjective<'m> {
    pub(super) model: &'m Cre,
    parts: [(Part, Vec<(String, &'m Param)>); 3],
    pub(super) lambda: f64,
    pub(super) mixer: Mixer,
    config: AdamConfig,
}

impl<'m> CreTrainer<'m> {
    /// Creates a trainer. `lambda` is the weight of reconstruction in [0, 1].
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if `lambda` is out of range, or as [`AdamConfig::check`]; [`Error::Shared`] if two parts
    /// share a parameter, which both optimisers would update.
    pub fn new(model: &'m Cre, config: AdamConfig, lambda: f64) -> Result<Self> {
        range::PROBABILITY.check("lambda", lambda)?;
        let mixer = Mixer::weighted(config);
        let parts = Part::ALL.map(|part| (part, model.part(part).params()));
        Self::with_adam(CreObjective { model, parts, lambda, mixer: mixer?, config }, config)
    }

    /// Sets the mixing rule of the encoder's gradient; [`Mixing::Weighted`] is the default.
    ///
    /// # Errors
    /// [`Error::Setting`] if a setting of the rule is invalid, or if the latent is split, in which case gradients are
    /// not combined.
    pub fn mixing(mut self, rule: Mixing) -> Result<Self> {
        let CreObjective { model, config, .. } = self.objective;
        if model.is_split() && rule != Mixing::Weighted {
            let (expected, got) =
                ("`weighted`, since the two gradients are not mixed in a split latent", rule.name().into());
            return Err(Error::Setting { setting: "mixing", expected, got });
        }
        self.objective.mixer = Mixer::new(rule, config)?;
        Ok(self)
    }
}

impl Objective for CreObjective<'_> {
    fn groups(&self) -> Vec<Group<'_>> {
        Group::of_parts(&self.parts)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.model.params()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.model.buffers()
    }

    fn losses<'t>(&self, tape: &'t Tape, example: &Example, mode: Mode) -> Result<StepLosses<'t>> {
        self.model.losses_of(tape, example, self.lambda, mode)?.in_step()
    }

    fn backward(&self, precision: Precision, example: &Example, mode: Mode) -> Result<Pass> {
        match self.mixer.rule() {
            Mixing::Weighted => {
                let tape = precision.tape();
                self.losses(&tape, example, mode)?.backward(&tape)
            }
            _ => self.backward_in_two_stages(precision, example, mode),
        }
    }

    fn learn(&mut self, report: &StepReport) -> Result<()> {
        self.mixer.learn([report.mse, report.cross_entropy])
    }

    /// All other rules combine the gradients on the CPU.
    fn records(&self) -> bool {
        self.mixer.rule() == Mixing::Weighted
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.mixer.state()
    }

    fn load(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.mixer.load(stored)
    }
}

impl Evaluate for CreObjective<'_> {
    fn measure(&self, images: &Tensor, labels: &Indices, mode: Mode) -> Result<Metrics> {
        self.model.measure(images, labels, mode)
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        self.model.represent(images)
    }
}

impl Evaluate for Cre {
    fn measure(&self, images: &Tensor, labels: &Indices, mode: Mode) -> Result<Metrics> {
        let tape = Tape::without_gradients();
        let losses = self.losses(&tape, images, labels, 0.5, mode)?;
        let [mse, cross_entropy] = [&losses.mse, &losses.cross_entropy].map(|loss| loss.value().item());
        Ok(Metrics::of_means(mse?, cross_entropy?, losses.logits.value(), labels))
    }

    fn represent(&self, images: &Tensor) -> Result<Representation> {
        self.represent(images)
    }
}
