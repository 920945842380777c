//! Training objectives: a model with its losses and groups of parameters.

use std::borrow::Cow;
use std::fmt;

use autograd::{Gradients, Param, Tape, Var};
use tensor::{DType, Tensor};

use super::{Conflict, StepReport};
use crate::{Error, Example, Mode, Part, Result};

/// A training objective: a model with its losses.
pub trait Objective {
    /// The groups of trained parameters, each with its own optimiser.
    fn groups(&self) -> Vec<Group<'_>>;

    /// All stored parameters by name, in a stable order.
    fn params(&self) -> Vec<(String, &Param)>;

    /// The buffers by name.
    fn buffers(&self) -> Vec<(String, &Param)> {
        vec![]
    }

    /// The losses of a batch, on the tape.
    ///
    /// # Errors
    /// If a shape does not match.
    fn losses<'t>(&self, tape: &'t Tape, example: &Example, mode: Mode) -> Result<StepLosses<'t>>;

    /// Computes the losses and gradients of a batch.
    ///
    /// # Errors
    /// As [`Objective::losses`].
    fn backward(&self, precision: Precision, example: &Example, mode: Mode) -> Result<Pass> {
        let tape = precision.tape();
        self.losses(&tape, example, mode)?.backward(&tape)
    }

    /// Updates learned state that has no gradient on the tape, from the losses of a step.
    fn learn(&mut self, _report: &StepReport) -> Result<()> {
        Ok(())
    }

    /// Whether a step can be recorded on a GPU. This requires that it copies no value to the CPU. Other steps are
    /// launched one by one.
    fn records(&self) -> bool {
        true
    }

    /// Returns an error if the objective does not support this computation type.
    ///
    /// # Errors
    /// [`Error::Setting`] with the objective's name.
    fn check_precision(&self, _precision: Precision) -> Result<()> {
        Ok(())
    }

    /// The state to store in addition to parameters, buffers and optimisers.
    fn state(&self) -> Vec<(String, Tensor)> {
        vec![]
    }

    /// Restores the result of [`Objective::state`].
    ///
    /// # Errors
    /// [`Error::State`] if a tensor is missing or does not match.
    fn load(&mut self, _stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        Ok(())
    }
}

/// A group of parameters with one optimiser.
pub struct Group<'m> {
    /// The name of the group in stored states; `None` for a single group.
    pub name: Option<&'static str>,
    /// The parameters, by name; borrowed if the objective stores the list, because every step uses it.
    pub params: Cow<'m, [(String, &'m Param)]>,
}

impl<'m> Group<'m> {
    /// The group of an objective with a single group, whose parameter list the objective stores.
    pub fn single(params: &'m [(String, &'m Param)]) -> Self {
        Self { name: None, params: Cow::Borrowed(params) }
    }

    /// The groups of parts, whose parameter lists the objective stores.
    pub(crate) fn of_parts(parts: &'m [(Part, Vec<(String, &'m Param)>)]) -> Vec<Self> {
        let parts = parts.iter();
        parts.map(|(part, params)| Self { name: Some(part.name()), ..Self::single(params) }).collect()
    }

    /// The stored name of a tensor of the group's optimiser.
    pub(super) fn stored_name(&self, name: &str) -> String {
        match self.name {
            Some(group) => format!("adam.{group}.{name}"),
            None => format!("optimiser.{name}"),
        }
    }
}

/// A loss that must be finite: its name, and a function that returns its value in a report.
pub type Check = (&'static str, fn(&StepReport) -> f64);

/// The losses of a batch, on the tape.
pub struct StepLosses<'t> {
    /// The total loss, which is differentiated.
    pub total: Var<'t>,
    /// The mean squared error, if the objective has one.
    pub mse: Option<Tensor>,
    /// The cross-entropy, if the objective has one.
    pub cross_entropy: Option<Tensor>,
    /// The losses that must be finite: training stops at the first one that is not.
    pub checked: &'static [Check],
    /// The latents as passed to the decoder and to the classifier, for the conflict of their gradients.
    pub z_for_heads: Vec<[Var<'t>; 2]>,
}

impl<'t> StepLosses<'t> {
    /// A single loss, without other reported values.
    pub fn single(total: Var<'t>) -> Self {
        let checked: &[Check] = &[("the loss", |report| report.loss)];
        Self { total, mse: None, cross_entropy: None, checked, z_for_heads: vec![] }
    }

    /// The losses of a decoder and a classifier, whose sum is differentiated.
    ///
    /// # Errors
    /// If their types differ.
    pub fn of_heads(losses: [&Var<'t>; 2], z_for_heads: Vec<[Var<'t>; 2]>) -> Result<Self> {
        let [mse, cross_entropy] = losses.map(|loss| Some(loss.value().clone()));
        let checked: &[Check] =
            &[("the MSE", |report| report.mse), ("the cross-entropy", |report| report.cross_entropy)];
        Ok(Self { total: losses[0].add(losses[1])?, mse, cross_entropy, checked, z_for_heads })
    }

    /// Runs the backward pass and returns losses and gradients; the gradients of the latents are retained for each
    /// head.
    ///
    /// # Errors
    /// If the total is not a scalar.
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

/// The results of a forward and a backward pass.
pub struct Pass {
    /// The total loss.
    pub total: Tensor,
    /// See [`StepLosses::mse`].
    pub mse: Option<Tensor>,
    /// See [`StepLosses::cross_entropy`].
    pub cross_entropy: Option<Tensor>,
    /// See [`StepLosses::checked`].
    pub checked: &'static [Check],
    /// The gradients at z of the decoder's and of the classifier's loss, in pieces.
    pub by_z: [Vec<Tensor>; 2],
    /// The gradients of all parameter groups.
    pub gradients: GroupGradients,
}

/// The gradients of the parameter groups of an objective.
pub enum GroupGradients {
    /// The gradients of all groups from one backward pass.
    Together(Gradients),
    /// The gradients of the first group and of all others, from two backward passes.
    FirstApart {
        /// The gradients of the first group.
        first: Gradients,
        /// The gradients of the others.
        others: Gradients,
    },
}

impl GroupGradients {
    /// Replaces the gradients of the first group.
    pub(super) fn with_first(self, first: Gradients) -> Self {
        let (Self::Together(others) | Self::FirstApart { others, .. }) = self;
        Self::FirstApart { first, others }
    }

    /// The gradients of the group at this index.
    pub(super) fn of(&self, place: usize) -> &Gradients {
        match self {
            Self::FirstApart { first, .. } if place == 0 => first,
            Self::Together(gradients) | Self::FirstApart { others: gradients, .. } => gradients,
        }
    }
}

impl Pass {
    /// The name and the value of the first checked loss that is not finite.
    pub(super) fn first_non_finite(&self, report: &StepReport) -> Option<(&'static str, f64)> {
        let values = self.checked.iter().map(|(loss, of)| (*loss, of(report)));
        values.into_iter().find(|(_, value)| !value.is_finite())
    }

    /// Copies the losses to the CPU as a report.
    pub(super) fn report(&self) -> Result<StepReport> {
        let total = self.total.item()?;
        // If a loss is the total itself, it is not copied twice.
        let item = |loss: &Option<Tensor>| match loss {
            None => Ok(f64::NAN),
            Some(loss) if loss.shares_storage(&self.total) => Ok(total),
            Some(loss) => loss.item(),
        };
        let [of_mse, of_cross_entropy] = self.by_z.each_ref().map(|pieces| pieces.iter().collect::<Vec<_>>());
        Ok(StepReport {
            loss: total,
            mse: item(&self.mse)?,
            cross_entropy: item(&self.cross_entropy)?,
            conflict: Conflict::between(&of_mse, &of_cross_entropy),
        })
    }
}

/// The computation type of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precision(DType);

impl Precision {
    /// The type of the model.
    pub const F32: Self = Self(DType::F32);

    /// The precision with this computation type.
    ///
    /// # Errors
    /// [`Error::Setting`] unless it is f32 or bf16.
    pub(super) fn new(dtype: DType) -> Result<Self> {
        match dtype {
            DType::F32 | DType::BF16 => Ok(Self(dtype)),
            DType::F64 | DType::F16 => {
                let got = dtype.to_string();
                Err(Error::Setting { setting: "precision of a trainer", expected: "f32 or bf16", got })
            }
        }
    }

    /// An empty tape with this precision.
    pub fn tape(self) -> Tape {
        match self.0 {
            DType::F32 => Tape::new(),
            precision => Tape::new().mixed(precision),
        }
    }

    /// Casts a batch to this computation type.
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
