//! The stored state of a trainer, and moving it between devices.

use autograd::Param;
use tensor::{DType, Device, Tensor};

use super::recorded::Recorder;
use super::{Objective, Trainer};
use crate::Result;
use crate::adam::count;
use crate::weights::fitting;

impl<O: Objective> Trainer<O> {
    /// The objective.
    pub fn objective(&self) -> &O {
        &self.objective
    }

    /// The number of steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// All parameters by name, including frozen ones.
    pub fn params(&self) -> Vec<(String, &Param)> {
        self.objective.params()
    }

    /// Parameters and buffers, by name.
    pub fn params_and_buffers(&self) -> Vec<(String, &Param)> {
        self.objective.params().into_iter().chain(self.objective.buffers()).collect()
    }

    /// The state to store for resuming bit for bit: parameters, buffers, optimiser states, the number of steps, and the
    /// additional state of the objective.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let learned = self.params_and_buffers().into_iter();
        let mut state: Vec<_> = learned.map(|(name, param)| (name, param.value())).collect();
        for (group, optimiser) in self.objective.groups().iter().zip(&self.optimisers) {
            let own = optimiser.state().into_iter();
            state.extend(own.map(|(name, tensor)| (group.stored_name(&name), tensor)));
        }
        let name = self.steps_name();
        // Adam itself stores a step count, which equals that of the trainer.
        if state.iter().all(|(own, _)| *own != name) {
            state.push((name, self.stored_steps()));
        }
        state.extend(self.objective.state());
        state
    }

    /// Restores the result of [`Trainer::state`].
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if a tensor is missing or does not match; in that case nothing has
    /// changed.
    pub fn load(&mut self, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        let before = self.state();
        self.take_over(&stored).or_else(|error| {
            // Loading failed: the objective and some optimisers may already have changed, so restore them.
            self.take_over(&|name| before.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone()))?;
            Err(error)
        })
    }

    fn take_over(&mut self, stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.objective.load(stored)?;
        let mut values = Vec::new();
        for (name, param) in self.objective.params().into_iter().chain(self.objective.buffers()) {
            values.push((param, fitting(&name, &param.value(), stored(&name))?));
        }
        let name = self.steps_name();
        let steps = count(&name, &fitting(&name, &self.stored_steps(), stored(&name))?)?;
        for (group, optimiser) in self.objective.groups().iter().zip(&mut self.optimisers) {
            optimiser.load(&group.params, &|name| stored(&group.stored_name(name)))?;
        }
        values.into_iter().try_for_each(|(param, value)| param.set(value))?;
        self.steps = steps;
        // A recorded step would update the previous tensors of the parameters.
        self.recorder = self.recorder.take().map(Recorder::without_step);
        Ok(())
    }

    /// Moves parameters, buffers and optimisers to a device.
    pub fn to_device(&mut self, device: &Device) -> Result<()> {
        crate::to_device(self.params_and_buffers(), device)?;
        for (group, optimiser) in self.objective.groups().iter().zip(&mut self.optimisers) {
            optimiser.to_device(&group.params)?;
        }
        self.recorder = match device {
            Device::Cpu => None,
            Device::Cuda(gpu) => Some(Recorder::new(gpu)?),
        };
        Ok(())
    }

    /// The stored name of the number of steps. If groups have names, it is the step count of the first group's Adam.
    fn steps_name(&self) -> String {
        match self.objective.groups().first() {
            Some(group) if group.name.is_some() => group.stored_name("steps"),
            _ => "learner.steps".into(),
        }
    }

    fn stored_steps(&self) -> Tensor {
        Tensor::full(self.steps as f64, &[], DType::F64)
    }
}
