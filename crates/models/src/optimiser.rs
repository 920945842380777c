//! What every optimiser can do.

use autograd::{Gradients, Param};
use tensor::gpu::{Argument, Call, Cell, Grid};
use tensor::{Device, Tensor};

use crate::{Adam, Phase, Result, Sgd};

/// An optimiser for a fixed list of parameters, which is handed to each of these functions: the same list in the same
/// order, or they return [`Error::OtherParams`](crate::Error::OtherParams).
///
/// A parameter may stand in the list more than once, as tied weights do: it has one state and moves once in a step.
pub trait Optimiser: Send {
    /// Moves the parameters against the gradients, as [`Adam::step`] and [`Sgd::step`], in this phase of a
    /// schedule.
    ///
    /// # Errors
    /// If a parameter has no gradient.
    fn descend(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()> {
        self.begin(phase)?;
        self.apply(params, gradients, phase)
    }

    /// The first half of [`Optimiser::descend`]: everything that changes from step to step, written where kernels read
    /// it.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if the phase has a rate or a beta out of its range; or if a GPU fails.
    fn begin(&mut self, phase: Phase) -> Result<()>;

    /// The second half, which a recorded step runs again.
    ///
    /// # Errors
    /// If a parameter has no gradient.
    fn apply(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()>;

    /// Moves what is kept for each parameter to the device that the parameter lives on now.
    ///
    /// # Errors
    /// If a device fails or has no memory.
    fn follow(&mut self, params: &[(String, &Param)]) -> Result<()>;

    /// What has to be stored to go on later, named after the parameters.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Takes over what [`Optimiser::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if a tensor is missing or does not fit; then nothing has changed.
    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()>;
}

/// The numbers of a step on the GPU that the parameters live on; `None` on the processor, which needs no copy.
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

/// Launches the kernel of an optimiser over all parameters, as `optimiser.cuh` says.
pub(crate) fn launch_all<const S: usize>(
    call: Call<'_>,
    entry: &str,
    kind: &'static str,
    all: &[([&Tensor; S], [&Tensor; 1])],
    cell: &Cell,
) -> tensor::Result<()> {
    /// The elements that one block steps.
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
    fn descend(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()> {
        self.set_phase(phase);
        self.step(params, gradients)
    }

    fn begin(&mut self, phase: Phase) -> Result<()> {
        self.set_phase(phase);
        self.begin_step()
    }

    fn apply(&mut self, params: &[(String, &Param)], gradients: &Gradients, _: Phase) -> Result<()> {
        self.apply(params, gradients)
    }

    fn follow(&mut self, params: &[(String, &Param)]) -> Result<()> {
        self.follow(params)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.state()
    }

    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.load(params, stored)
    }
}

impl Optimiser for Sgd {
    fn begin(&mut self, phase: Phase) -> Result<()> {
        self.begin_step(phase)
    }

    fn apply(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()> {
        self.apply(params, gradients, phase)
    }

    fn follow(&mut self, params: &[(String, &Param)]) -> Result<()> {
        self.follow(params)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.state()
    }

    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.load(params, stored)
    }
}
