//! An epoch on a GPU: the first step is recorded, the others are run again, and nothing is read back before the end.

use std::sync::Arc;

use tensor::gpu::{Argument, Gpu, Grid, Recording};
use tensor::{DType, Device, Indices, Tensor};

use super::{Conflict, EpochReport, Trainer, differentiate};
use crate::{Error, Mixing, Mode, Module, Part, Result};

/// What a trainer keeps on the GPU that its model lives on.
pub(super) struct OnGpu {
    gpu: Arc<Gpu>,
    /// The sums of the epoch, in the order of `account_step.cu`.
    sums: Tensor,
    zeros: Tensor,
    step: Option<Recording>,
}

/// How many sums there are.
const SUMS: usize = 6;

impl OnGpu {
    fn new(gpu: &Arc<Gpu>) -> Result<Self> {
        let zeros = Tensor::zeros(&[SUMS], DType::F32);
        let [sums, zeros] = [&zeros, &zeros].map(|zeros| zeros.to_device(&Device::Cuda(Arc::clone(gpu))));
        Ok(Self { gpu: Arc::clone(gpu), sums: sums?, zeros: zeros?, step: None })
    }

    /// The same, to record a step anew.
    pub(super) fn without_step(self) -> Self {
        Self { step: None, ..self }
    }
}

impl Trainer<'_> {
    /// Moves the model and its optimisers to that device.
    ///
    /// # Errors
    /// If a device fails or has no memory.
    pub fn to_device(&mut self, device: &Device) -> Result<()> {
        crate::to_device(self.model.params().into_iter().chain(self.model.buffers()), device)?;
        for (part, optimiser) in Part::ALL.into_iter().zip(&mut self.optimisers) {
            optimiser.follow(&self.model.part(part).params())?;
        }
        self.on_gpu = match device {
            Device::Cpu => None,
            Device::Cuda(gpu) => Some(OnGpu::new(gpu)?),
        };
        Ok(())
    }

    /// One epoch of `steps` batches that are made on the GPU of the model, which [`Trainer::to_device`] has moved.
    ///
    /// `seek` chooses the batch of a step and is called before each; `gather` makes the batch that was chosen last,
    /// for the training step of that number, by kernels alone: it is called once, and what it launched is run again.
    ///
    /// # Errors
    /// [`Error::Diverged`] at the end of the epoch if a loss was not a finite number; [`Error::NoBatches`] if there are
    /// none; [`Error::Setting`] if the model is on the processor or the rule of mixing is not
    /// [`Mixing::Weighted`](crate::Mixing::Weighted); or if the GPU fails.
    pub fn epoch_on_gpu(
        &mut self,
        epoch: u32,
        steps: usize,
        seek: impl Fn(usize) -> tensor::Result<()>,
        gather: impl Fn(u64) -> tensor::Result<(Tensor, Indices)>,
    ) -> Result<EpochReport> {
        if steps == 0 {
            return Err(Error::NoBatches);
        }
        let rule = self.mixer.rule();
        if rule != Mixing::Weighted {
            let (wanted, got) = ("weighted in an epoch on a GPU", rule.name().into());
            return Err(Error::Setting { setting: "mixing", wanted, got });
        }
        let mut here = self.on_gpu.take().ok_or_else(|| Error::Setting {
            setting: "device of the trainer",
            wanted: "a GPU, by `to_device`",
            got: "the processor".into(),
        })?;
        let outcome = self.steps_on_gpu(&mut here, steps, seek, gather);
        let sums = outcome.and_then(|()| Ok(here.sums.to_device(&Device::Cpu)?.to_f64_vec()));
        self.on_gpu = Some(here);
        report(epoch, steps, &sums?)
    }

    fn steps_on_gpu(
        &mut self,
        here: &mut OnGpu,
        steps: usize,
        seek: impl Fn(usize) -> tensor::Result<()>,
        gather: impl Fn(u64) -> tensor::Result<(Tensor, Indices)>,
    ) -> Result<()> {
        here.sums.assign(&here.zeros)?;
        for step in 0..steps {
            seek(step)?;
            let number = self.optimisers[0].steps();
            for optimiser in &mut self.optimisers {
                optimiser.begin_step()?;
            }
            match &here.step {
                Some(recorded) => recorded.replay(number)?,
                None => {
                    let one = || self.step_on_gpu(number, &gather, &here.sums);
                    let ((), recorded) = here.gpu.record(number, one)?;
                    here.step = Some(recorded);
                }
            }
        }
        Ok(())
    }

    /// What [`Trainer::step`] does, by kernels alone.
    fn step_on_gpu(
        &mut self,
        number: u64,
        gather: impl Fn(u64) -> tensor::Result<(Tensor, Indices)>,
        sums: &Tensor,
    ) -> Result<()> {
        let (images, labels) = gather(number)?;
        let gradients = {
            let (tape, images) = self.begin(&images)?;
            let losses =
                self.model.losses(&tape, &images, &labels, self.lambda, Mode::Training { step: number })?;
            let gradients = differentiate(&tape, &losses)?;
            let of_mse = gradients.of(&losses.z_for_decoder)?;
            let of_cross_entropy = gradients.of(&losses.z_for_classifier)?;
            let Device::Cuda(gpu) = of_mse.device() else {
                unreachable!("the gradients live where the model lives")
            };
            let arguments = [
                Argument::Out(sums),
                Argument::In(losses.mse.value()),
                Argument::In(losses.cross_entropy.value()),
                Argument::In(of_mse),
                Argument::In(of_cross_entropy),
                Argument::Size(of_mse.len()),
            ];
            let call = gpu.call("account_step", of_mse.dtype())?;
            call.launch("account_step", Grid::of_blocks(1, 1024), &arguments)?;
            gradients
        };
        for (part, optimiser) in Part::ALL.into_iter().zip(&mut self.optimisers) {
            optimiser.apply(&self.model.part(part).params(), &gradients)?;
        }
        Ok(())
    }
}

/// The averages of an epoch from its sums.
fn report(epoch: u32, steps: usize, sums: &[f64]) -> Result<EpochReport> {
    let &[mse, cross_entropy, cosine, norm_ratio, opposed, finite] = sums else {
        unreachable!("there are {SUMS} sums")
    };
    for (loss, value) in [("the MSE", mse), ("the cross-entropy", cross_entropy)] {
        if !value.is_finite() {
            return Err(Error::Diverged { step: finite as usize, loss, value, first: None });
        }
    }
    let n = steps as f64;
    let conflict = Conflict { cosine: cosine / opposed, norm_ratio: norm_ratio / opposed };
    Ok(EpochReport { epoch, steps, mse: mse / n, cross_entropy: cross_entropy / n, conflict })
}
