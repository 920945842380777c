//! The interface of optimisers.

use autograd::{Gradients, Param};
use tensor::gpu::{Argument, Call, Cell, Grid};
use tensor::{Device, Tensor};

use crate::{Adam, Result, ScheduleValue, Sgd};

/// An optimiser for a fixed list of parameters. Every method must be called with the same list in the same order;
/// otherwise it returns [`Error::OtherParams`](crate::Error::OtherParams).
///
/// A parameter may occur in the list more than once (tied weights): it has one state and is updated once per step.
///
/// ```
/// use agon_models::{Linear, Module, Optimiser, Schedule, Sgd, SgdConfig};
/// use autograd::Tape;
/// use tensor::random::Stream;
/// use tensor::{DType, Tensor};
///
/// let model = Linear::new(2, 1, &Stream::new(0, "init"), DType::F32);
/// let config = SgdConfig { learning_rate: 0.1, momentum: 0.9, nesterov: false };
/// let mut optimiser: Box<dyn Optimiser> = Box::new(Sgd::new(&model.params(), config)?);
/// for step in 0..10 {
///     let gradients = {
///         let tape = Tape::new();
///         let x = tape.constant(&Tensor::full(1.0, &[4, 2], DType::F32));
///         let y = model.forward(&x, agon_models::Mode::Training { step })?;
///         tape.backward(&y.square()?.mean()?)?
///     };
///     optimiser.step(&model.params(), &gradients, Schedule::Cosine { steps: 10 }.at(step))?;
/// }
/// # Ok::<(), agon_models::Error>(())
/// ```
pub trait Optimiser: Send {
    /// Updates the parameters with this schedule value; see [`Adam::step`] and [`Sgd::step`].
    ///
    /// # Errors
    /// If a parameter has no gradient.
    fn step(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> Result<()> {
        self.prepare(schedule_value)?;
        self.apply(params, gradients, schedule_value)
    }

    /// The first half of [`Optimiser::step`]: writes the settings of the step to device memory. The default is for
    /// optimisers that keep no settings there.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if the scheduled learning rate or beta is out of range; or if a GPU
    /// fails.
    fn prepare(&mut self, schedule_value: ScheduleValue) -> Result<()> {
        let _ = schedule_value;
        Ok(())
    }

    /// The second half of [`Optimiser::step`]: launches the kernels. A recorded step replays this part if
    /// [`Optimiser::records`] is true.
    ///
    /// # Errors
    /// If a parameter has no gradient.
    fn apply(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> Result<()>;

    /// Whether a GPU may record [`Optimiser::apply`] in one step and replay it in the others. If so, all values that
    /// change from step to step, such as the learning rate, must be in device memory, written by
    /// [`Optimiser::prepare`]: a replay repeats every value that was passed to a kernel, and runs nothing on the CPU.
    /// By default it is false: each step launches its kernels.
    fn records(&self) -> bool {
        false
    }

    /// Moves the state of each parameter to the parameter's current device.
    fn to_device(&mut self, params: &[(String, &Param)]) -> Result<()>;

    /// The state to store for resuming, named after the parameters.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Restores the result of [`Optimiser::state`].
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if a tensor is missing or does not match; then nothing has changed.
    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()>;
}

/// Allocates device memory for the settings of a step if the parameters are on a GPU; `None` on the CPU.
pub(crate) fn cell_for(
    params: &[(String, &Param)],
    words: usize,
    kind: &'static str,
) -> Result<Option<Cell>> {
    match params.first().map(|(_, param)| param.value().device()) {
        Some(Device::Cuda(gpu)) => Ok(Some(Cell::new(&gpu, 4 * words, kind)?)),
        Some(Device::Cpu) | None => Ok(None),
    }
}

/// Launches the kernel of an optimiser over all parameters (see `optimiser.cuh`).
pub(crate) fn launch_all<const S: usize>(
    call: Call<'_>,
    entry: &str,
    kind: &'static str,
    all: &[([&Tensor; S], [&Tensor; 1])],
    cell: &Cell,
) -> tensor::Result<()> {
    /// The number of elements that one block updates.
    const SHARE: usize = 4096;
    let mut shares: Vec<u32> = Vec::new();
    for (parameter, (state, _)) in all.iter().enumerate() {
        let n = state[0].len();
        for first in (0..n).step_by(SHARE) {
            shares.extend([call.size(parameter)?, call.size(first)?, call.size(SHARE.min(n - first))?]);
        }
    }
    let tensors: Vec<Option<&Tensor>> = all
        .iter()
        .flat_map(|(state, gradient)| state.iter().chain(gradient))
        .map(|tensor| Some(*tensor))
        .collect();
    let arguments = [
        Argument::Addresses(&tensors, kind),
        Argument::Table(bytemuck::cast_slice(&shares), "struct of 12 bytes"),
        Argument::Cell(cell),
    ];
    call.launch(entry, Grid::of_blocks(call.size(shares.len() / 3)?, 256), &arguments)
}

impl Optimiser for Adam {
    fn step(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> Result<()> {
        self.set_schedule_value(schedule_value);
        self.step(params, gradients)
    }

    fn prepare(&mut self, schedule_value: ScheduleValue) -> Result<()> {
        self.set_schedule_value(schedule_value);
        self.begin_step()
    }

    fn apply(&mut self, params: &[(String, &Param)], gradients: &Gradients, _: ScheduleValue) -> Result<()> {
        self.apply(params, gradients)
    }

    fn records(&self) -> bool {
        true
    }

    fn to_device(&mut self, params: &[(String, &Param)]) -> Result<()> {
        self.to_device(params)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.state()
    }

    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.load(params, stored)
    }
}

impl Optimiser for Sgd {
    fn prepare(&mut self, schedule_value: ScheduleValue) -> Result<()> {
        self.begin_step(schedule_value)
    }

    fn apply(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> Result<()> {
        self.apply(params, gradients, schedule_value)
    }

    fn records(&self) -> bool {
        true
    }

    fn to_device(&mut self, params: &[(String, &Param)]) -> Result<()> {
        self.to_device(params)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.state()
    }

    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.load(params, stored)
    }
}
