//! Construction of trainers.

use tensor::DType;

use super::{Group, Objective, Precision, Trainer};
use crate::slots::refuse_shared;
use crate::{Adam, AdamConfig, Error, Optimiser, Result, Schedule};

impl<O: Objective> Trainer<O> {
    /// Creates a trainer with an optimiser for each parameter group of the objective, in the same order.
    ///
    /// # Errors
    /// [`Error::Setting`] if the schedule has no steps, or if the numbers of optimisers and groups differ;
    /// [`Error::Shared`] if two groups share a parameter.
    pub fn with_optimisers(
        objective: O,
        optimisers: Vec<Box<dyn Optimiser>>,
        schedule: Schedule,
    ) -> Result<Self> {
        schedule.check()?;
        let groups = objective.groups();
        if groups.len() != optimisers.len() {
            let got = format!("{} for {} groups", optimisers.len(), groups.len());
            let expected = "one for each group of parameters";
            return Err(Error::Setting { setting: "optimisers", expected, got });
        }
        refuse_shared(
            groups.into_iter().map(|group| (group.name.unwrap_or_default(), group.params.into_owned())),
        )?;
        Ok(Self { objective, optimisers, schedule, precision: Precision::F32, steps: 0, recorder: None })
    }

    /// Creates a trainer with Adam for each parameter group and a constant learning rate.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] as [`AdamConfig::check`]; [`Error::Shared`] if two groups share a parameter.
    pub fn with_adam(objective: O, config: AdamConfig) -> Result<Self> {
        let adam = |group: Group<'_>| Ok(Box::new(Adam::new(&group.params, config)?) as Box<dyn Optimiser>);
        let optimisers = objective.groups().into_iter().map(adam).collect::<Result<_>>()?;
        Self::with_optimisers(objective, optimisers, Schedule::Constant)
    }

    /// Sets the computation type of an f32 model to `BF16`, for which GPUs have tensor cores; parameters, optimisers,
    /// losses and statistics stay in f32. `F32` is the default.
    ///
    /// # Errors
    /// [`Error::Setting`] for other types, and if the objective does not support mixed precision. `F16` is not
    /// supported, because it needs a [`LossScale`](crate::LossScale), which copies a value to the CPU in every step.
    pub fn with_precision(self, precision: DType) -> Result<Self> {
        let precision = Precision::new(precision)?;
        self.objective.check_precision(precision)?;
        Ok(Self { precision, ..self })
    }
}
