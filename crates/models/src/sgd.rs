//! Stochastic gradient descent with momentum, optionally Nesterov's in the form of Sutskever et al. (2013, ICML).

use autograd::{Gradients, Param};
use ndarray::{ArrayViewD, ArrayViewMutD, Zip};
use serde::{Deserialize, Serialize};
use tensor::gpu::{Call, Cell};
use tensor::{Real, Tensor, Update};

use crate::error::require;
use crate::optimiser::{cell_for, launch_all};
use crate::schedule::ScheduleValue;
use crate::slots::Slots;
use crate::{Result, range};

/// The settings of [`Sgd`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// The learning rate, above 0; a schedule may decrease it to 0.
    pub learning_rate: f64,
    /// The momentum, in [0, 1); 0 is plain gradient descent.
    pub momentum: f64,
    /// Whether to use Nesterov momentum, which requires a momentum above 0.
    pub nesterov: bool,
}

impl SgdConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) with the setting and its range;
    /// [`Error::Setting`](crate::Error::Setting) for a Nesterov step without momentum.
    pub fn check(&self) -> Result<()> {
        let Self { learning_rate, momentum, nesterov } = *self;
        range::POSITIVE.check("learning_rate", learning_rate)?;
        range::BELOW_ONE.check("momentum", momentum)?;
        let expected = "a number above 0 and below 1 where `nesterov` is set";
        require(!nesterov || momentum > 0.0, "momentum", expected, momentum)
    }
}

/// Stochastic gradient descent with momentum, for a fixed list of parameters.
#[derive(Debug)]
pub struct Sgd {
    config: SgdConfig,
    velocities: Slots<1>,
    /// The settings of the step in GPU memory; `None` if the parameters are on the CPU.
    cell: Option<Cell>,
}

impl Sgd {
    /// Creates an optimiser with zero velocities. A parameter that occurs twice in the list (tied weights) has one
    /// velocity and is updated once per step.
    ///
    /// # Errors
    /// As [`SgdConfig::check`].
    pub fn new(params: &[(String, &Param)], config: SgdConfig) -> Result<Self> {
        config.check()?;
        Ok(Self { config, velocities: Slots::new("sgd", params), cell: None })
    }

    /// Moves the velocity of each parameter to the parameter's current device.
    ///
    /// # Errors
    /// [`Error::OtherParams`](crate::Error::OtherParams) if the list differs from the one given to [`Sgd::new`]; or if a
    /// device fails or is out of memory.
    pub fn to_device(&mut self, params: &[(String, &Param)]) -> Result<()> {
        self.velocities.move_to_devices(params)?;
        self.cell = cell_for(params, SgdStep::WORDS, SgdStep::KIND)?;
        Ok(())
    }

    /// Updates the parameters, which must be the list given to [`Sgd::new`].
    ///
    /// # Errors
    /// [`Error::OtherParams`](crate::Error::OtherParams) if the list differs; or if a parameter has no gradient. In
    /// both cases no parameter has changed.
    pub fn step(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> Result<()> {
        self.begin_step(schedule_value)?;
        self.apply(params, gradients, schedule_value)
    }

    /// Writes the settings of a step to device memory if the parameters are on a GPU.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) if the scheduled learning rate is out of range; or if the GPU fails.
    pub fn begin_step(&mut self, schedule_value: ScheduleValue) -> Result<()> {
        range::NON_NEGATIVE.check("learning_rate", self.config.learning_rate * schedule_value.factor)?;
        match &self.cell {
            Some(cell) => Ok(cell.write(&self.kernel_step(schedule_value).words())?),
            None => Ok(()),
        }
    }

    /// Updates the parameters as the second half of the step begun by [`Sgd::begin_step`]; a recorded step replays this
    /// part.
    ///
    /// # Errors
    /// As [`Sgd::step`].
    pub fn apply(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> Result<()> {
        let step = SgdStep { cell: self.cell.clone(), ..self.kernel_step(schedule_value) };
        self.velocities.step(&[step], &[], params, gradients)
    }

    fn kernel_step(&self, schedule_value: ScheduleValue) -> SgdStep {
        let SgdConfig { learning_rate, momentum, nesterov } = self.config;
        SgdStep { learning_rate: learning_rate * schedule_value.factor, momentum, nesterov, cell: None }
    }

    /// The state to store for resuming, named after the parameters.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.velocities.stored(VELOCITY)
    }

    /// Restores the result of [`Sgd::state`], on the device of the parameters.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if a tensor is missing or does not match; or as [`Sgd::to_device`]. In
    /// these cases nothing has changed.
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

/// The step of SGD. With gradient g: `v = momentum v + g`, then `p = p - learning_rate (g + momentum v)` with Nesterov
/// momentum, or `p = p - learning_rate v`.
#[derive(Debug)]
struct SgdStep {
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
    /// The same settings in GPU memory; `None` on the CPU.
    cell: Option<Cell>,
}

impl SgdStep {
    const WORDS: usize = 3;
    const KIND: &'static str = "struct of 12 bytes";

    /// The settings in the layout of the struct that the kernel reads.
    fn words(&self) -> [u32; Self::WORDS] {
        [(self.learning_rate as f32).to_bits(), (self.momentum as f32).to_bits(), u32::from(self.nesterov)]
    }
}

impl Update<2, 1> for SgdStep {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn launch(&self, call: Call<'_>, all: &[([&Tensor; 2], [&Tensor; 1])]) -> tensor::Result<()> {
        let cell = self.cell.as_ref().expect("the optimiser is moved to the GPU with its parameters");
        launch_all(call, "sgd", "struct of 24 bytes", all, cell)
    }

    fn reference<A: Real>(&self, [p, v]: [ArrayViewMutD<'_, A>; 2], [g]: [ArrayViewD<'_, A>; 1]) {
        let (learning_rate, momentum) = (A::from_f64(self.learning_rate), A::from_f64(self.momentum));
        Zip::from(p).and(v).and(g).for_each(|p, v, &g| {
            *v = momentum * *v + g;
            *p -= learning_rate * if self.nesterov { g + momentum * *v } else { *v };
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
    fn three_steps(mut step: impl FnMut(&[(String, &Param)], &Gradients, u64)) -> Vec<f64> {
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
        // About a dozen roundings of values below 2.
        assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-14), "{got:?}");
    }

    fn sgd(momentum: f64, nesterov: bool, schedule: Schedule) -> Vec<f64> {
        let mut sgd: Option<Sgd> = None;
        let config = SgdConfig { learning_rate: 0.1, momentum, nesterov };
        three_steps(|params, gradients, number| {
            let sgd = sgd.get_or_insert_with(|| Sgd::new(params, config).unwrap());
            sgd.step(params, gradients, schedule.at(number)).unwrap();
        })
    }

    /// The results of PyTorch's `SGD(lr=0.1)` and `AdamW(lr=0.1, weight_decay=0.01)` in 64 bits.
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
        let decayed = three_steps(|params, gradients, _| {
            let adam = adam
                .get_or_insert_with(|| Adam::new(params, config).unwrap().with_weight_decay(0.01).unwrap());
            adam.step(params, gradients).unwrap();
        });
        assert_close(&decayed, [0.6989111862731542, -1.6949445159154282, 0.20371238932728067]);
    }

    #[test]
    fn a_schedule_scales_the_learning_rate() {
        let expected = three_steps(|params, gradients, number| {
            let config = SgdConfig {
                learning_rate: 0.1 * Schedule::Cosine { steps: 3 }.at(number).factor,
                momentum: 0.0,
                nesterov: false,
            };
            let mut sgd = Sgd::new(params, config).unwrap();
            sgd.step(params, gradients, Schedule::Constant.at(0)).unwrap();
        });
        assert_eq!(sgd(0.0, false, Schedule::Cosine { steps: 3 }), expected);
    }
}
