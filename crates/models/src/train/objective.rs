//! What is trained: a model with its losses, in groups of parameters.

use std::fmt;

use autograd::{Gradients, Param, Tape, Var};
use tensor::{DType, Tensor};

use super::{Conflict, StepReport};
use crate::{Error, Example, Mode, Result};

/// A model with its losses.
pub trait Objective {
    /// The parameters that are trained. Each group has an optimiser of its own.
    fn groups(&self) -> Vec<Group<'_>>;

    /// All parameters that are stored, by name, in an order that never changes.
    fn params(&self) -> Vec<(String, &Param)>;

    /// What is learned without a gradient, by name.
    fn buffers(&self) -> Vec<(String, &Param)> {
        vec![]
    }

    /// The losses of a batch, on the tape.
    ///
    /// # Errors
    /// If a shape does not fit.
    fn losses<'t>(&self, tape: &'t Tape, example: &Example, mode: Mode) -> Result<StepLosses<'t>>;

    /// Losses and gradients of a batch.
    ///
    /// # Errors
    /// As [`Objective::losses`].
    fn backward(&self, precision: Precision, example: &Example, mode: Mode) -> Result<Pass> {
        let tape = precision.tape();
        self.losses(&tape, example, mode)?.backward(&tape)
    }

    /// Learns from the losses of a step what has no gradient on the tape.
    ///
    /// # Errors
    /// If that fails.
    fn learn(&mut self, _report: &StepReport) -> Result<()> {
        Ok(())
    }

    /// Whether a step can be recorded on a GPU: it reads no number back, and what is differentiated is the sum of the MSE
    /// and the cross-entropy, or one of them, or a loss beside which nothing is reported. Other steps are launched one by
    /// one.
    fn records(&self) -> bool {
        true
    }

    /// Refuses a type that the objective does not compute in.
    ///
    /// # Errors
    /// [`Error::Setting`] with the objective's name.
    fn check_precision(&self, _precision: Precision) -> Result<()> {
        Ok(())
    }

    /// What has to be stored beside parameters, buffers and optimisers.
    fn state(&self) -> Vec<(String, Tensor)> {
        vec![]
    }

    /// Takes over what [`Objective::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`] if a tensor is missing or does not fit.
    fn load(&mut self, _stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        Ok(())
    }
}

/// Parameters that share an optimiser.
pub struct Group<'m> {
    /// The group's name in stored states; `None` where there is one group.
    pub name: Option<&'static str>,
    /// The parameters, by name.
    pub params: Vec<(String, &'m Param)>,
}

impl Group<'_> {
    /// The name under which a tensor of the group's optimiser is stored.
    pub(super) fn stored_name(&self, name: &str) -> String {
        match self.name {
            Some(group) => format!("adam.{group}.{name}"),
            None => format!("optimiser.{name}"),
        }
    }
}

/// A loss that has to be finite: its name, and where a report has it.
pub type Check = (&'static str, fn(&StepReport) -> f64);

/// The losses of a batch, on the tape.
pub struct StepLosses<'t> {
    /// What is differentiated.
    pub total: Var<'t>,
    /// The mean squared error, if the objective has one.
    pub mse: Option<Tensor>,
    /// The cross-entropy, if the objective has one.
    pub cross_entropy: Option<Tensor>,
    /// What has to be finite: the first that is not ends the training.
    pub checked: &'static [Check],
    /// The latents as the decoder and as the classifier saw them, for the conflict of their gradients.
    pub z_for_heads: Vec<[Var<'t>; 2]>,
}

impl<'t> StepLosses<'t> {
    /// A single loss, with nothing else to report.
    pub fn single(total: Var<'t>) -> Self {
        let checked: &[Check] = &[("the loss", |report| report.loss)];
        Self { total, mse: None, cross_entropy: None, checked, z_for_heads: vec![] }
    }

    /// The losses of a decoder and a classifier, whose sum is differentiated.
    ///
    /// # Errors
    /// If they are not of one type.
    pub fn of_heads(losses: [&Var<'t>; 2], z_for_heads: Vec<[Var<'t>; 2]>) -> Result<Self> {
        let [mse, cross_entropy] = losses.map(|loss| Some(loss.value().clone()));
        let checked: &[Check] =
            &[("the MSE", |report| report.mse), ("the cross-entropy", |report| report.cross_entropy)];
        Ok(Self { total: losses[0].add(losses[1])?, mse, cross_entropy, checked, z_for_heads })
    }

    /// Losses and gradients; the latents' gradients are kept for each head.
    ///
    /// # Errors
    /// If the total is no single number.
    pub fn backward(self, tape: &Tape) -> Result<Pass> {
        self.z_for_heads.iter().flatten().for_each(|z| tape.keep(z));
        let gradients = tape.backward(&self.total)?;
        let of_head = |head: usize| -> Result<Vec<Tensor>> {
            self.z_for_heads.iter().map(|z| Ok(gradients.of(&z[head])?.clone())).collect()
        };
        let by_z = [of_head(0)?, of_head(1)?];
        let Self { total, mse, cross_entropy, checked, .. } = self;
        Ok(Pass {
            total: total.value().clone(),
            mse,
            cross_entropy,
            checked,
            by_z,
            gradients: GroupGradients::Together(gradients),
        })
    }
}

/// What a forward and a backward pass give.
pub struct Pass {
    /// What was differentiated.
    pub total: Tensor,
    /// As [`StepLosses::mse`].
    pub mse: Option<Tensor>,
    /// As [`StepLosses::cross_entropy`].
    pub cross_entropy: Option<Tensor>,
    /// As [`StepLosses::checked`].
    pub checked: &'static [Check],
    /// The gradients at z of the decoder's and of the classifier's loss, in pieces.
    pub by_z: [Vec<Tensor>; 2],
    /// The gradients of the groups.
    pub gradients: GroupGradients,
}

/// The gradients of the groups of an objective.
pub enum GroupGradients {
    /// Of all groups, by one backward pass.
    Together(Gradients),
    /// Of the first group, and of all others: by two backward passes.
    FirstApart {
        /// Of the first group.
        first: Gradients,
        /// Of the others.
        others: Gradients,
    },
}

impl GroupGradients {
    /// The same with other gradients of the first group.
    pub(super) fn with_first(self, first: Gradients) -> Self {
        let (Self::Together(others) | Self::FirstApart { others, .. }) = self;
        Self::FirstApart { first, others }
    }

    /// Those of the group in this place.
    pub(super) fn of(&self, place: usize) -> &Gradients {
        match self {
            Self::FirstApart { first, .. } if place == 0 => first,
            Self::Together(gradients) | Self::FirstApart { others: gradients, .. } => gradients,
        }
    }
}

impl Pass {
    /// The first checked loss of a report that is not finite, with its value.
    pub(super) fn first_non_finite(&self, report: &StepReport) -> Option<(&'static str, f64)> {
        let values = self.checked.iter().map(|(loss, of)| (*loss, of(report)));
        values.into_iter().find(|(_, value)| !value.is_finite())
    }

    /// Reads each number once.
    pub(super) fn report(&self) -> Result<StepReport> {
        let item = |loss: &Option<Tensor>| loss.as_ref().map_or(Ok(f64::NAN), Tensor::item);
        let [of_mse, of_cross_entropy] = self.by_z.each_ref().map(|pieces| pieces.iter().collect::<Vec<_>>());
        Ok(StepReport {
            loss: self.total.item()?,
            mse: item(&self.mse)?,
            cross_entropy: item(&self.cross_entropy)?,
            conflict: Conflict::between(&of_mse, &of_cross_entropy),
        })
    }
}

/// The type that a step computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precision(DType);

impl Precision {
    /// That of the model.
    pub const F32: Self = Self(DType::F32);

    /// # Errors
    /// [`Error::Setting`] unless it is f32 or bf16.
    pub(super) fn new(dtype: DType) -> Result<Self> {
        match dtype {
            DType::F32 | DType::BF16 => Ok(Self(dtype)),
            DType::F64 | DType::F16 => {
                let got = dtype.to_string();
                Err(Error::Setting { setting: "precision of a trainer", wanted: "f32 or bf16", got })
            }
        }
    }

    /// An empty tape.
    pub fn tape(self) -> Tape {
        match self.0 {
            DType::F32 => Tape::new(),
            precision => Tape::new().mixed(precision),
        }
    }

    /// A batch in this type.
    pub(super) fn cast(self, example: &Example) -> Result<Example> {
        let Example { images, target, labels } = example;
        let target = target.as_ref().map(|target| self.cast_tensor(target)).transpose()?;
        Ok(Example { images: self.cast_tensor(images)?, target, labels: labels.clone() })
    }

    fn cast_tensor(self, x: &Tensor) -> Result<Tensor> {
        match self.0 {
            DType::F32 => Ok(x.clone()),
            precision => Ok(Tape::without_gradients().constant(x).to_dtype(precision)?.value().clone()),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
