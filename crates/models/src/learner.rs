//! Training with one loss and one optimiser, whatever the model is.

use autograd::{Param, Tape, Var};
use tensor::gpu::Recording;
use tensor::{DType, Device, Tensor};

use crate::adam::count;
use crate::cre::fitting;
use crate::tally::in_words;
use crate::{Error, Mode, Optimiser, Result, Schedule};

/// Parameters in training: their optimiser, and the schedule of its learning rate.
///
/// A [`Trainer`](crate::Trainer) trains the three parts of a [`Cre`](crate::Cre), each with an optimiser of
/// its own; this trains everything else.
///
/// ```
/// use agon_models::{Adam, AdamConfig, Learner, Module, Schedule, mlp};
/// use tensor::random::Stream;
/// use tensor::{DType, Indices, Tensor};
///
/// let config = mlp::Config { inputs: 4, classes: 2, depth: 3 };
/// let model = mlp::classifier(&config, &Stream::new(0, "init"), DType::F32)?;
/// let adam = Adam::new(&model.params(), AdamConfig::PAPER)?.with_weight_decay(1e-3)?;
/// let schedule = Schedule::OneCycle { steps: 100 };
/// let mut learner = Learner::new(model.params(), model.buffers(), adam, schedule)?;
///
/// let images = Tensor::from_vec(vec![0.0f32, 1.0, 2.0, 3.0, 3.0, 2.0, 1.0, 0.0], &[2, 4])?;
/// let labels = Indices::new(vec![0, 1]);
/// let loss = learner.step(|tape, mode| {
///     let scores = model.forward(&tape.constant(&images), mode)?;
///     Ok(scores.softmax_cross_entropy(&labels)?)
/// })?;
/// assert!(loss > 0.0 && learner.steps() == 1);
/// # Ok::<(), agon_models::Error>(())
/// ```
pub struct Learner<'m, O> {
    params: Vec<(String, &'m Param)>,
    buffers: Vec<(String, &'m Param)>,
    optimiser: O,
    schedule: Schedule,
    steps: u64,
    /// The step that was recorded on a GPU, and where its loss stands.
    recorded: Option<(Recording, Tensor)>,
}

impl<'m, O: Optimiser> Learner<'m, O> {
    /// Parameters that have not been trained yet, with an optimiser that was made for them.
    ///
    /// The buffers are what the model learns without a gradient; they are here to be stored and loaded.
    ///
    /// # Errors
    /// [`Error::Setting`] if the schedule has no steps.
    pub fn new(
        params: Vec<(String, &'m Param)>,
        buffers: Vec<(String, &'m Param)>,
        optimiser: O,
        schedule: Schedule,
    ) -> Result<Self> {
        schedule.check()?;
        Ok(Self { params, buffers, optimiser, schedule, steps: 0, recorded: None })
    }

    /// The number of steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step down the gradient of this loss, which is a single number; returns its value.
    ///
    /// The schedule is asked for the rate of each step, so it counts steps and not epochs.
    ///
    /// # Errors
    /// Whatever the loss returns; [`Error::Diverged`] if it is not a finite number; an error if it does not
    /// depend on one of the parameters. In the first two cases no parameter has moved.
    pub fn step(&mut self, mut loss: impl for<'t> FnMut(&'t Tape, Mode) -> Result<Var<'t>>) -> Result<f64> {
        let (gradients, value) = {
            let (tape, mode) = (Tape::new(), Mode::Training { step: self.steps });
            let of_batch = loss(&tape, mode)?;
            let value = of_batch.value().item()?;
            if !value.is_finite() {
                // Again, with an eye on every result.
                let tape = Tape::without_gradients().detecting_anomalies();
                loss(&tape, mode)?;
                let first = in_words(&tape, &self.params);
                return Err(Error::Diverged { step: self.steps as usize, loss: "the loss", value, first });
            }
            // The tape ends here, so that the optimiser finds the parameters' storage its own.
            (tape.backward(&of_batch)?, value)
        };
        self.optimiser.descend(&self.params, &gradients, self.schedule.at(self.steps))?;
        self.steps += 1;
        Ok(value)
    }

    /// Moves parameters, buffers and the optimiser to that device.
    ///
    /// # Errors
    /// If a device fails or has no memory.
    pub fn to_device(&mut self, device: &Device) -> Result<()> {
        crate::to_device(self.params.iter().chain(&self.buffers).cloned(), device)?;
        self.recorded = None;
        self.optimiser.follow(&self.params)
    }

    /// One step on the GPU that the parameters live on, as [`Learner::step`] but recorded the first time and run again
    /// from then on, without asking `loss`: what changes from step to step must lie in tensors that are rewritten.
    ///
    /// Returns the loss where it lies; the next step rewrites it. Whether it is finite nobody has asked.
    ///
    /// # Errors
    /// [`Error::Setting`] if the parameters live on the processor; whatever the loss returns;
    /// [`tensor::Error::Recording`] if the step needs the processor.
    pub fn step_recorded(
        &mut self,
        loss: impl for<'t> FnOnce(&'t Tape, Mode) -> Result<Var<'t>>,
    ) -> Result<Tensor> {
        let (number, phase) = (self.steps, self.schedule.at(self.steps));
        let device = self.params.first().map_or(Device::Cpu, |(_, param)| param.value().device());
        let Device::Cuda(gpu) = device else {
            let wanted = "a GPU, by `to_device`";
            return Err(Error::Setting { setting: "device of the learner", wanted, got: device.to_string() });
        };
        self.optimiser.begin(phase)?;
        if let Some((recorded, _)) = &self.recorded {
            recorded.replay(number)?;
        } else {
            let step = || -> Result<Tensor> {
                let (gradients, value) = {
                    let tape = Tape::new();
                    let loss = loss(&tape, Mode::Training { step: number })?;
                    (tape.backward(&loss)?, loss.value().clone())
                };
                self.optimiser.apply(&self.params, &gradients, phase)?;
                Ok(value)
            };
            let (value, recorded) = gpu.record(number, step)?;
            self.recorded = Some((recorded, value));
        }
        self.steps += 1;
        let (_, value) = self.recorded.as_ref().expect("the step was recorded");
        Ok(value.clone())
    }

    /// Everything that has to be stored to go on later with the same bits: parameters, buffers, the optimiser
    /// and the number of steps.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let learned = self.params.iter().chain(&self.buffers);
        let learned = learned.map(|(name, param)| (name.clone(), param.value()));
        let optimiser = self.optimiser.state().into_iter();
        let optimiser = optimiser.map(|(name, tensor)| (optimiser_name(&name), tensor));
        learned.chain(optimiser).chain([(STEPS.to_owned(), self.steps_stored())]).collect()
    }

    /// Takes over what [`Learner::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`] if a tensor is missing or does not fit; then nothing has changed.
    pub fn load(&mut self, stored: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        let mut values = Vec::new();
        for (name, param) in self.params.iter().chain(&self.buffers) {
            values.push((*param, fitting(name, &param.value(), stored(name))?));
        }
        let steps = count(STEPS, &fitting(STEPS, &self.steps_stored(), stored(STEPS))?)?;
        self.optimiser.load(&self.params, &|name| stored(&optimiser_name(name)))?;
        values.into_iter().try_for_each(|(param, value)| param.set(value))?;
        // What was recorded rewrites the parameters that were there.
        self.recorded = None;
        self.steps = steps;
        Ok(())
    }

    fn steps_stored(&self) -> Tensor {
        Tensor::full(self.steps as f64, &[], DType::F64)
    }
}

/// Where the number of steps is stored.
const STEPS: &str = "learner.steps";

fn optimiser_name(name: &str) -> String {
    format!("optimiser.{name}")
}

#[cfg(test)]
mod tests {
    use tensor::random::Stream;

    use super::*;
    use crate::{Adam, AdamConfig, Autoencoder, Module, Sgd, SgdConfig, mlpae};

    const SCHEDULE: Schedule = Schedule::OneCycle { steps: 10 };

    /// An autoencoder with batch norms, which have buffers.
    fn model(seed: u64) -> Autoencoder {
        let config =
            mlpae::Config { image: [1, 3, 4], latent: 3, encoder_depth: 3, decoder_depth: 3, sigmoid: true };
        mlpae::autoencoder(&config, &Stream::new(seed, "init"), DType::F32).unwrap()
    }

    fn adam(model: &Autoencoder) -> Adam {
        let config = AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER };
        Adam::new(&model.params(), config).unwrap().with_weight_decay(1e-3).unwrap()
    }

    fn sgd(model: &Autoencoder) -> Sgd {
        let config = SgdConfig { learning_rate: 0.5, momentum: 0.9, nesterov: true };
        Sgd::new(&model.params(), config).unwrap()
    }

    fn learner<O: Optimiser>(model: &Autoencoder, optimiser: O) -> Learner<'_, O> {
        Learner::new(model.params(), model.buffers(), optimiser, SCHEDULE).unwrap()
    }

    fn step<O: Optimiser>(learner: &mut Learner<'_, O>, model: &Autoencoder) -> f64 {
        let mut words = Stream::new(3, "images").sequence(learner.steps());
        let pixels = (0..4 * 12).map(|_| words.uniform() as f32).collect();
        let images = Tensor::from_vec(pixels, &[4, 1, 3, 4]).unwrap();
        let loss = learner.step(|tape, mode| {
            let images = tape.constant(&images);
            Ok(model.forward(&images, mode)?.mse(&images)?)
        });
        loss.unwrap()
    }

    fn bits<O: Optimiser>(learner: &Learner<'_, O>) -> Vec<(String, Vec<f64>)> {
        learner.state().into_iter().map(|(name, tensor)| (name, tensor.to_f64_vec())).collect()
    }

    fn goes_on_with_the_same_bits<O: Optimiser>(optimiser: impl Fn(&Autoencoder) -> O) {
        let first = model(1);
        let mut whole = learner(&first, optimiser(&first));
        for _ in 0..4 {
            step(&mut whole, &first);
        }
        let state = whole.state();

        let second = model(2);
        let mut resumed = learner(&second, optimiser(&second));
        resumed.load(|name| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone())).unwrap();
        assert_eq!(resumed.steps(), 4);
        for _ in 4..10 {
            assert_eq!(step(&mut resumed, &second), step(&mut whole, &first));
        }
        assert_eq!(bits(&resumed), bits(&whole));
    }

    #[test]
    fn a_stored_learner_goes_on_with_the_same_bits() {
        goes_on_with_the_same_bits(adam);
        goes_on_with_the_same_bits(sgd);
    }

    #[test]
    fn each_step_has_the_rate_and_beta_of_its_schedule() {
        let (of_learner, by_hand) = (model(1), model(1));
        let mut learner = learner(&of_learner, adam(&of_learner));
        let images = Tensor::full(0.25, &[2, 1, 3, 4], DType::F32);
        let mut adam = adam(&by_hand);
        let loss = |model: &Autoencoder, tape: &Tape| -> Result<f64> {
            let images = tape.constant(&images);
            Ok(model.forward(&images, Mode::Evaluation)?.mse(&images)?.value().item()?)
        };
        for number in 0..3 {
            learner
                .step(|tape, _| {
                    let images = tape.constant(&images);
                    Ok(of_learner.forward(&images, Mode::Evaluation)?.mse(&images)?)
                })
                .unwrap();
            let gradients = {
                let tape = Tape::new();
                let images = tape.constant(&images);
                let loss = by_hand.forward(&images, Mode::Evaluation).unwrap().mse(&images).unwrap();
                tape.backward(&loss).unwrap()
            };
            adam.set_phase(SCHEDULE.at(number));
            adam.step(&by_hand.params(), &gradients).unwrap();
            let [one, other] =
                [&of_learner, &by_hand].map(|model| loss(model, &Tape::without_gradients()).unwrap());
            assert_eq!(one, other);
        }
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
        let model = model(1);
        let mut learner = learner(&model, sgd(&model));
        step(&mut learner, &model);
        let before = bits(&learner);
        for (missing, _) in &before {
            let state = learner.state();
            let stored = |name: &str| {
                let found = state.iter().find(|(own, _)| own == name && own != missing);
                found.map(|(_, tensor)| Tensor::full(7.0, tensor.shape(), tensor.dtype()))
            };
            let refused = learner.load(stored);
            assert!(matches!(refused, Err(Error::State { .. })), "without {missing}");
            assert_eq!(bits(&learner), before);
        }
    }

    #[test]
    fn a_loss_that_is_no_longer_a_number_moves_no_parameter_and_is_named() {
        let model = model(1);
        let mut learner = learner(&model, sgd(&model));
        let values =
            || model.params().iter().map(|(_, param)| param.value().to_f64_vec()).collect::<Vec<_>>();
        let before = values();
        let images = Tensor::full(f64::NAN, &[2, 1, 3, 4], DType::F32);
        let outcome = learner.step(|tape, mode| {
            let images = tape.constant(&images);
            Ok(model.forward(&images, mode)?.mse(&images)?)
        });
        assert!(matches!(outcome, Err(Error::Diverged { step: 0, loss: "the loss", .. })));
        assert_eq!((values(), learner.steps()), (before, 0));
    }
}
