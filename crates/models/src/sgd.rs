//! Stochastic gradient descent with momentum, on request Nesterov's in the form of Sutskever et al. (2013).

use autograd::{Gradients, Param};
use ndarray::{ArrayViewD, ArrayViewMutD, Zip};
use serde::{Deserialize, Serialize};
use tensor::gpu::{Call, Cell};
use tensor::{Real, Tensor, Update};

use crate::error::require;
use crate::optimiser::{cell_for, launch_all};
use crate::schedule::Phase;
use crate::slots::Slots;
use crate::{Result, range};

/// The settings of [`Sgd`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// The learning rate, above 0; a schedule may take it down to 0.
    pub learning_rate: f64,
    /// How much of the velocity is kept from step to step, in [0, 1); 0 is plain descent.
    pub momentum: f64,
    /// Whether the step looks ahead along the velocity (Nesterov), which takes a momentum above 0.
    pub nesterov: bool,
}

impl SgdConfig {
    /// Refuses numbers that no step can be computed with.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) with the setting and its range;
    /// [`Error::Setting`](crate::Error::Setting) for a Nesterov step without momentum.
    pub fn check(&self) -> Result<()> {
        let Self { learning_rate, momentum, nesterov } = *self;
        range::POSITIVE.check("learning_rate", learning_rate)?;
        range::BELOW_ONE.check("momentum", momentum)?;
        let wanted = "a number above 0 and below 1 where `nesterov` is set";
        require(!nesterov || momentum > 0.0, "momentum", wanted, momentum)
    }
}

/// Stochastic gradient descent with momentum, for a fixed list of parameters.
#[derive(Debug)]
pub struct Sgd {
    config: SgdConfig,
    velocities: Slots<1>,
    /// The numbers of the step, where the parameters live on a GPU.
    cell: Option<Cell>,
}

impl Sgd {
    /// An optimiser at rest. A parameter that stands in the list twice (tied weights) has one velocity and moves once in a
    /// step.
    ///
    /// # Errors
    /// As [`SgdConfig::check`].
    pub fn new(params: &[(String, &Param)], config: SgdConfig) -> Result<Self> {
        config.check()?;
        Ok(Self { config, velocities: Slots::new("sgd", params), cell: None })
    }

    /// Moves the velocity of each parameter to the device that the parameter lives on now.
    ///
    /// # Errors
    /// [`Error::OtherParams`](crate::Error::OtherParams) if it was made for another list; or if a device fails or has no
    /// memory.
    pub fn follow(&mut self, params: &[(String, &Param)]) -> Result<()> {
        self.velocities.follow(params)?;
        self.cell = cell_for(params, SgdStep::WORDS, SgdStep::KIND)?;
        Ok(())
    }

    /// Moves the parameters, which are those it was made for, against the gradients.
    ///
    /// # Errors
    /// [`Error::OtherParams`](crate::Error::OtherParams) if it was made for another list; or if a parameter has no
    /// gradient. Then nothing has moved.
    pub fn step(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()> {
        self.begin_step(phase)?;
        self.apply(params, gradients, phase)
    }

    /// Writes the numbers of a step where the kernels of a GPU read them.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if the phase has such a rate; or if the GPU fails.
    pub fn begin_step(&mut self, phase: Phase) -> Result<()> {
        range::NON_NEGATIVE.check("learning_rate", self.config.learning_rate * phase.rate)?;
        match &self.cell {
            Some(cell) => Ok(cell.write(&self.numbers(phase).words())?),
            None => Ok(()),
        }
    }

    /// Moves the parameters by the step that [`Sgd::begin_step`] has begun: what a recorded step runs again.
    ///
    /// # Errors
    /// As [`Sgd::step`].
    pub fn apply(&mut self, params: &[(String, &Param)], gradients: &Gradients, phase: Phase) -> Result<()> {
        let step = SgdStep { cell: self.cell.clone(), ..self.numbers(phase) };
        self.velocities.step(&[step], &[], params, gradients)
    }

    fn numbers(&self, phase: Phase) -> SgdStep {
        let SgdConfig { learning_rate, momentum, nesterov } = self.config;
        SgdStep { rate: learning_rate * phase.rate, momentum, nesterov, cell: None }
    }

    /// What has to be stored to go on later, named after the parameters.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.velocities.stored(VELOCITY)
    }

    /// Takes over what [`Sgd::state`] gave, and follows the parameters to their device.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if a tensor is missing or does not fit; or as [`Sgd::follow`]. Then nothing has
    /// changed.
    pub fn load(
        &mut self,
        params: &[(String, &Param)],
        stored: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<()> {
        let velocities = self.velocities.fitting(params, VELOCITY, stored)?;
        self.cell = cell_for(params, SgdStep::WORDS, SgdStep::KIND)?;
        self.velocities.set(velocities);
        Ok(())
    }
}

/// The name of the velocity in a stored state.
const VELOCITY: [&str; 1] = ["velocity"];

/// With gradient g: `v = momentum v + g`, then `p = p - rate (g + momentum v)` looking ahead, or
/// `p = p - rate v`.
#[derive(Debug)]
struct SgdStep {
    rate: f64,
    momentum: f64,
    nesterov: bool,
    /// The same numbers on a GPU.
    cell: Option<Cell>,
}

impl SgdStep {
    const WORDS: usize = 3;
    const KIND: &'static str = "struct of 12 bytes";

    /// The struct that the kernel reads.
    fn words(&self) -> [u32; Self::WORDS] {
        [(self.rate as f32).to_bits(), (self.momentum as f32).to_bits(), u32::from(self.nesterov)]
    }
}

impl Update<2, 1> for SgdStep {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn launch(&self, call: Call<'_>, all: &[([&Tensor; 2], [&Tensor; 1])]) -> tensor::Result<()> {
        let cell = self.cell.as_ref().expect("an optimiser follows its parameters to a GPU");
        launch_all(call, "sgd", "struct of 24 bytes", all, cell)
    }

    fn reference<A: Real>(&self, [p, v]: [ArrayViewMutD<'_, A>; 2], [g]: [ArrayViewD<'_, A>; 1]) {
        let (rate, momentum) = (A::from_f64(self.rate), A::from_f64(self.momentum));
        Zip::from(p).and(v).and(g).for_each(|p, v, &g| {
            *v = momentum * *v + g;
            *p -= rate * if self.nesterov { g + momentum * *v } else { *v };
        });
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use tensor::DType;

    use super::*;
    use crate::{Adam, AdamConfig, Schedule};

    /// Three steps on `mean(p^2)` from `[1, -2, 0.5]`.
    fn descend(mut step: impl FnMut(&[(String, &Param)], &Gradients, u64)) -> Vec<f64> {
        let param = Param::new(Tensor::from_vec(vec![1.0f64, -2.0, 0.5], &[3]).unwrap());
        let params = [("p".to_owned(), &param)];
        for number in 0..3 {
            let tape = Tape::new();
            let loss =
                tape.param(&param).unwrap().mse(&tape.constant(&Tensor::zeros(&[3], DType::F64))).unwrap();
            step(&params, &tape.backward(&loss).unwrap(), number);
        }
        param.value().to_f64_vec()
    }

    fn assert_close(got: &[f64], expected: [f64; 3]) {
        // A dozen roundings of numbers below 2.
        assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-14), "{got:?}");
    }

    fn sgd(momentum: f64, nesterov: bool, schedule: Schedule) -> Vec<f64> {
        let mut sgd: Option<Sgd> = None;
        let config = SgdConfig { learning_rate: 0.1, momentum, nesterov };
        descend(|params, gradients, number| {
            let sgd = sgd.get_or_insert_with(|| Sgd::new(params, config).unwrap());
            sgd.step(params, gradients, schedule.at(number)).unwrap();
        })
    }

    /// What PyTorch's `SGD(lr=0.1)` and `AdamW(lr=0.1, weight_decay=0.01)` give in 64 bits.
    #[test]
    fn three_steps_are_those_of_pytorch() {
        assert_close(
            &sgd(0.0, false, Schedule::Constant),
            [0.8130370370370371, -1.6260740740740742, 0.40651851851851856],
        );
        assert_close(
            &sgd(0.9, false, Schedule::Constant),
            [0.6470370370370371, -1.2940740740740742, 0.32351851851851854],
        );
        assert_close(
            &sgd(0.9, true, Schedule::Constant),
            [0.523181037037037, -1.046362074074074, 0.2615905185185185],
        );
        let mut adam: Option<Adam> = None;
        let config = AdamConfig { learning_rate: 0.1, ..AdamConfig::PAPER };
        let decayed = descend(|params, gradients, _| {
            let adam = adam
                .get_or_insert_with(|| Adam::new(params, config).unwrap().with_weight_decay(0.01).unwrap());
            adam.step(params, gradients).unwrap();
        });
        assert_close(&decayed, [0.6989111862731542, -1.6949445159154282, 0.20371238932728067]);
    }

    #[test]
    fn a_schedule_scales_the_rate() {
        let expected = descend(|params, gradients, number| {
            let config = SgdConfig {
                learning_rate: 0.1 * Schedule::Cosine { steps: 3 }.at(number).rate,
                momentum: 0.0,
                nesterov: false,
            };
            let mut sgd = Sgd::new(params, config).unwrap();
            sgd.step(params, gradients, Schedule::Constant.at(0)).unwrap();
        });
        assert_eq!(sgd(0.0, false, Schedule::Cosine { steps: 3 }), expected);
    }
}
