//! The recorded step of a trainer on a GPU; nothing is copied to the CPU before the end of an epoch.

use std::sync::Arc;

use autograd::{Tape, Var};
use tensor::gpu::{Argument, Gpu, Grid, Recording};
use tensor::{DType, Device, Tensor};

use super::{
    Check, Conflict, DeviceBatches, EpochReport, Objective, Pass, RecordedTrainer, StepReport, Trainer,
};
use crate::{Error, Result};

/// The recorded step of a trainer and its data on the GPU.
pub(super) struct Recorder {
    gpu: Arc<Gpu>,
    /// The sums of the reported values over the epoch, in the order of `account_step.cu`.
    sums: Tensor,
    zeros: Tensor,
    step: Option<(Reported, Recording)>,
}

/// Which losses the steps of an objective report, and which must be finite.
#[derive(Debug, Clone, Copy)]
struct Reported {
    mse: bool,
    cross_entropy: bool,
    conflict: bool,
    checked: &'static [Check],
}

/// The number of elements of the sums: five compensated sums of two elements each, and two counts.
const SUMS: usize = 12;

impl Recorder {
    pub(super) fn new(gpu: &Arc<Gpu>) -> Result<Self> {
        let zeros = Tensor::zeros(&[SUMS], DType::F32);
        let [sums, zeros] = [&zeros, &zeros].map(|zeros| zeros.to_device(&Device::Cuda(Arc::clone(gpu))));
        Ok(Self { gpu: Arc::clone(gpu), sums: sums?, zeros: zeros?, step: None })
    }

    /// Discards the recorded step, so that the next step is recorded again.
    pub(super) fn without_step(self) -> Self {
        Self { step: None, ..self }
    }
}

impl<O: Objective> Trainer<O> {
    /// Whether steps are recorded: the model is on a GPU, and both the objective and the optimisers support it.
    pub(super) fn records(&self) -> bool {
        let optimisers = self.optimisers.iter().all(|optimiser| optimiser.records());
        self.recorder.is_some() && self.objective.records() && optimisers
    }

    /// A step as in [`Trainer::step`], using only kernels.
    fn step_by_kernels(&mut self, batches: &DeviceBatches<'_>, sums: &Tensor) -> Result<Reported> {
        let example = self.precision.cast(&(batches.gather)(self.steps)?)?;
        let pass = self.forward_backward(&example)?;
        let reported = account(&pass, sums)?;
        self.update(&pass.gradients, self.schedule.at(self.steps))?;
        Ok(reported)
    }
}

impl<O: Objective> RecordedTrainer for Trainer<O> {
    fn steps(&self) -> u64 {
        self.steps
    }

    fn begin(&mut self) -> Result<()> {
        let Recorder { sums, zeros, .. } = self.recorder.as_mut().ok_or_else(not_on_a_gpu)?;
        Ok(sums.assign(zeros)?)
    }

    fn prepare_step(&mut self) -> Result<()> {
        self.prepare().map(drop)
    }

    fn record(&mut self, batches: &DeviceBatches<'_>) -> Result<()> {
        let mut recorder = self.recorder.take().ok_or_else(not_on_a_gpu)?;
        let (number, sums) = (self.steps, &recorder.sums);
        let recorded = recorder.gpu.record(number, || self.step_by_kernels(batches, sums));
        let outcome = recorded.map(|step| recorder.step = Some(step));
        self.recorder = Some(recorder);
        outcome
    }

    fn recording(&self) -> Option<&Recording> {
        Some(&self.recorder.as_ref()?.step.as_ref()?.1)
    }

    fn count_step(&mut self) {
        self.steps += 1;
    }

    fn end(&self, epoch: u32, steps: usize) -> Result<EpochReport> {
        let Recorder { sums, step, .. } = self.recorder.as_ref().ok_or_else(not_on_a_gpu)?;
        let (reported, _) = step.as_ref().ok_or(Error::NoBatches)?;
        report(epoch, steps, *reported, &sums.to_device(&Device::Cpu)?.to_f64_vec())
    }
}

fn not_on_a_gpu() -> Error {
    Error::Setting { setting: "the device of recorded steps", expected: "a GPU", got: "the CPU".into() }
}

/// Adds the losses of a step and the conflict of its gradients to the sums of the epoch. For a loss that the objective
/// does not have, the total is added instead and not reported.
fn account(pass: &Pass, sums: &Tensor) -> Result<Reported> {
    let Pass { total, mse, cross_entropy, by_z, .. } = pass;
    let [of_mse, of_cross_entropy] = [joined(&by_z[0], total)?, joined(&by_z[1], total)?];
    let Device::Cuda(gpu) = of_mse.device() else { unreachable!("the gradients are on the model's device") };
    let arguments = [
        Argument::Out(sums),
        Argument::In(total),
        Argument::In(mse.as_ref().unwrap_or(total)),
        Argument::In(cross_entropy.as_ref().unwrap_or(total)),
        Argument::In(&of_mse),
        Argument::In(&of_cross_entropy),
        Argument::Size(of_mse.len()),
    ];
    let call = gpu.call("account_step", of_mse.dtype())?;
    call.launch("account_step", Grid::of_blocks(1, 1024), &arguments)?;
    Ok(Reported {
        mse: mse.is_some(),
        cross_entropy: cross_entropy.is_some(),
        conflict: !by_z[0].is_empty(),
        checked: pass.checked,
    })
}

/// The pieces of a gradient concatenated into one vector; `otherwise` if there are none.
fn joined(pieces: &[Tensor], otherwise: &Tensor) -> Result<Tensor> {
    match pieces {
        [] => Ok(otherwise.clone()),
        [one] => Ok(one.clone()),
        pieces => {
            let tape = Tape::without_gradients();
            let flat = pieces.iter().map(|piece| Ok(tape.constant(&piece.reshape(&[piece.len()])?)));
            let flat: Vec<_> = flat.collect::<Result<_>>()?;
            Ok(Var::concat(&flat.iter().collect::<Vec<_>>(), 0)?.value().clone())
        }
    }
}

/// The averages over an epoch, from its sums.
fn report(epoch: u32, steps: usize, reported: Reported, sums: &[f64]) -> Result<EpochReport> {
    // A compensated sum is a pair of a running total and its rounding error.
    let &[loss, _, mse, _, cross_entropy, _, cosine, _, norm_ratio, _, opposed, finite] = sums else {
        unreachable!("there are {SUMS} sums")
    };
    let known = |has: bool, value: f64| if has { value } else { f64::NAN };
    let (mse, cross_entropy) = (known(reported.mse, mse), known(reported.cross_entropy, cross_entropy));
    let conflict = Conflict {
        cosine: known(reported.conflict, cosine / opposed),
        norm_ratio: known(reported.conflict, norm_ratio / opposed),
    };
    // A sum is finite if and only if all of its terms are.
    let of_sums = StepReport { loss, mse, cross_entropy, conflict };
    for (name, of) in reported.checked {
        let value = of(&of_sums);
        if !value.is_finite() {
            return Err(Error::Diverged { step: finite as usize, loss: name, value, first: None });
        }
    }
    let [loss, mse, cross_entropy] = [loss, mse, cross_entropy].map(|sum| sum / steps as f64);
    Ok(EpochReport { epoch, steps, loss, mse, cross_entropy, conflict })
}
