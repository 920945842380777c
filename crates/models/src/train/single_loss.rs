//! The objective of a model with a single loss and a single optimiser.

use autograd::{Param, Tape, Var};

use super::{Group, Objective, StepLosses, Trainer};
use crate::{Example, Mode, Optimiser, Result, Schedule};

/// A trainer of a model with a single loss.
///
/// ```
/// use agon_models::{Adam, AdamConfig, LossTrainer, Module, Schedule, mlp};
/// use tensor::random::Stream;
/// use tensor::{DType, Indices, Tensor};
///
/// let config = mlp::Config { inputs: 4, classes: 2, depth: 3 };
/// let model = mlp::classifier(&config, &Stream::new(0, "init"), DType::F32)?;
/// let adam = Adam::new(&model.params(), AdamConfig::PAPER)?.with_weight_decay(1e-3)?;
/// let schedule = Schedule::OneCycle { steps: 100 };
/// let mut trainer = LossTrainer::new(model.params(), model.buffers(), adam, schedule, |tape, example, mode| {
///     let scores = model.forward(&tape.constant(&example.images), mode)?;
///     Ok(scores.softmax_cross_entropy(&example.labels)?)
/// })?;
///
/// let images = Tensor::from_vec(vec![0.0f32, 1.0, 2.0, 3.0, 3.0, 2.0, 1.0, 0.0], &[2, 4])?;
/// let labels = Indices::new(vec![0, 1]);
/// let report = trainer.step((&images, &labels))?;
/// assert!(report.loss > 0.0 && trainer.steps() == 1);
/// # Ok::<(), agon_models::Error>(())
/// ```
pub type LossTrainer<'m> = Trainer<SingleLoss<'m>>;

/// The objective of a model with a single loss, given as a function.
pub struct SingleLoss<'m> {
    params: Vec<(String, &'m Param)>,
    buffers: Vec<(String, &'m Param)>,
    loss: Box<Loss<'m>>,
}

/// A function from a batch to its loss, a scalar.
pub type Loss<'m> = dyn for<'t> Fn(&'t Tape, &Example, Mode) -> Result<Var<'t>> + Send + 'm;

impl<'m> LossTrainer<'m> {
    /// Creates a trainer of these parameters, with an optimiser that was constructed for them.
    ///
    /// The buffers are stored and loaded with the parameters.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if the schedule has no steps.
    pub fn new(
        params: Vec<(String, &'m Param)>,
        buffers: Vec<(String, &'m Param)>,
        optimiser: impl Optimiser + 'static,
        schedule: Schedule,
        loss: impl for<'t> Fn(&'t Tape, &Example, Mode) -> Result<Var<'t>> + Send + 'm,
    ) -> Result<Self> {
        let objective = SingleLoss { params, buffers, loss: Box::new(loss) };
        Self::with_optimisers(objective, vec![Box::new(optimiser)], schedule)
    }
}

impl Objective for SingleLoss<'_> {
    fn groups(&self) -> Vec<Group<'_>> {
        vec![Group::single(&self.params)]
    }

    fn params(&self) -> Vec<(String, &Param)> {
        self.params.clone()
    }

    fn buffers(&self) -> Vec<(String, &Param)> {
        self.buffers.clone()
    }

    fn losses<'t>(&self, tape: &'t Tape, example: &Example, mode: Mode) -> Result<StepLosses<'t>> {
        Ok(StepLosses::single((self.loss)(tape, example, mode)?))
    }
}

#[cfg(test)]
mod tests {
    use tensor::random::Stream;
    use tensor::{DType, Indices, Tensor};

    use super::*;
    use crate::{Adam, AdamConfig, Autoencoder, Error, Module, Sgd, SgdConfig, mlpae};

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

    fn trainer(model: &Autoencoder, optimiser: impl Optimiser + 'static) -> LossTrainer<'_> {
        let (params, buffers) = (model.params(), model.buffers());
        LossTrainer::new(params, buffers, optimiser, SCHEDULE, |tape, example, mode| {
            let images = tape.constant(&example.images);
            Ok(model.forward(&images, mode)?.mse(&images)?)
        })
        .unwrap()
    }

    /// Unlabelled images.
    fn example(images: Tensor) -> Example {
        Example { images, target: None, labels: Indices::new(vec![]) }
    }

    fn step(trainer: &mut LossTrainer<'_>) -> f64 {
        let mut words = Stream::new(3, "images").sequence(trainer.steps());
        let pixels = (0..4 * 12).map(|_| words.uniform() as f32).collect();
        trainer.step(example(Tensor::from_vec(pixels, &[4, 1, 3, 4]).unwrap())).unwrap().loss
    }

    fn bits(trainer: &LossTrainer<'_>) -> Vec<(String, Vec<f64>)> {
        trainer.state().into_iter().map(|(name, tensor)| (name, tensor.to_f64_vec())).collect()
    }

    fn resumes_with_the_same_bits<O: Optimiser + 'static>(optimiser: impl Fn(&Autoencoder) -> O) {
        let first = model(1);
        let mut whole = trainer(&first, optimiser(&first));
        for _ in 0..4 {
            step(&mut whole);
        }
        let state = whole.state();

        let second = model(2);
        let mut resumed = trainer(&second, optimiser(&second));
        resumed.load(|name| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone())).unwrap();
        assert_eq!(resumed.steps(), 4);
        for _ in 4..10 {
            assert_eq!(step(&mut resumed), step(&mut whole));
        }
        assert_eq!(bits(&resumed), bits(&whole));
    }

    #[test]
    fn a_stored_trainer_resumes_with_the_same_bits() {
        resumes_with_the_same_bits(adam);
        resumes_with_the_same_bits(sgd);
    }

    #[test]
    fn each_step_has_the_learning_rate_and_beta_of_its_schedule() {
        let (of_trainer, by_hand) = (model(1), model(1));
        let loss_in = |model: &Autoencoder, tape: &Tape, images: &Tensor| -> Result<f64> {
            let images = tape.constant(images);
            Ok(model.forward(&images, Mode::Evaluation)?.mse(&images)?.value().item()?)
        };
        let (params, buffers) = (of_trainer.params(), of_trainer.buffers());
        let mut trainer =
            LossTrainer::new(params, buffers, adam(&of_trainer), SCHEDULE, |tape, example, _| {
                let images = tape.constant(&example.images);
                Ok(of_trainer.forward(&images, Mode::Evaluation)?.mse(&images)?)
            })
            .unwrap();
        let images = Tensor::full(0.25, &[2, 1, 3, 4], DType::F32);
        let mut adam = adam(&by_hand);
        for number in 0..3 {
            trainer.step(example(images.clone())).unwrap();
            let gradients = {
                let tape = Tape::new();
                let images = tape.constant(&images);
                let loss = by_hand.forward(&images, Mode::Evaluation).unwrap().mse(&images).unwrap();
                tape.backward(&loss).unwrap()
            };
            adam.set_schedule_value(SCHEDULE.at(number));
            adam.step(&by_hand.params(), &gradients).unwrap();
            let [one, other] = [&of_trainer, &by_hand]
                .map(|model| loss_in(model, &Tape::without_gradients(), &images).unwrap());
            assert_eq!(one, other);
        }
    }

    #[test]
    fn a_mismatched_state_is_refused_and_changes_nothing() {
        let model = model(1);
        let mut trainer = trainer(&model, sgd(&model));
        step(&mut trainer);
        let before = bits(&trainer);
        for (missing, _) in &before {
            let state = trainer.state();
            let stored = |name: &str| {
                let found = state.iter().find(|(own, _)| own == name && own != missing);
                found.map(|(_, tensor)| Tensor::full(7.0, tensor.shape(), tensor.dtype()))
            };
            let refused = trainer.load(stored);
            assert!(matches!(refused, Err(Error::State { .. })), "without {missing}");
            assert_eq!(bits(&trainer), before);
        }
    }

    #[test]
    fn a_non_finite_loss_changes_no_parameter_and_is_named() {
        let model = model(1);
        let mut trainer = trainer(&model, sgd(&model));
        let values =
            || model.params().iter().map(|(_, param)| param.value().to_f64_vec()).collect::<Vec<_>>();
        let before = values();
        let outcome = trainer.step(example(Tensor::full(f64::NAN, &[2, 1, 3, 4], DType::F32)));
        assert!(matches!(outcome, Err(Error::Diverged { step: 0, loss: "the loss", .. })));
        assert_eq!((values(), trainer.steps()), (before, 0));
    }
}
