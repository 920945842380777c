//! The Adam and AdamW optimisers.

mod groups;

use autograd::{Gradients, Param};
use ndarray::{ArrayViewD, ArrayViewMutD, Zip};
use serde::{Deserialize, Serialize};
use tensor::gpu::{Call, Cell};
use tensor::{DType, Real, Tensor, Update, vector};

use crate::error::require;
use crate::optimiser::{cell_for, launch_all};
use crate::schedule::{Schedule, ScheduleValue};
use crate::slots::Slots;
use crate::weights::fitting;
use crate::{Error, Result, range};

pub use groups::ParamGroup;

/// The settings of [`Adam`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// The learning rate; a schedule may decrease it to 0.
    #[serde(serialize_with = "crate::range::learning_rate")]
    pub learning_rate: f64,
    /// The decay rate of the first moment, in [0, 1).
    #[serde(serialize_with = "crate::range::below_one")]
    pub beta1: f64,
    /// The decay rate of the second moment, in [0, 1).
    #[serde(serialize_with = "crate::range::below_one")]
    pub beta2: f64,
    /// Added to the square root of the second moment. It must be positive in f32, because otherwise a zero gradient
    /// gives 0 / 0.
    #[serde(serialize_with = "crate::range::epsilon")]
    pub epsilon: f64,
}

impl AdamConfig {
    /// The settings of the CRE paper (`book/cre.md`, section 2.3): learning rate 1e-3, betas 0.9 and 0.999, epsilon
    /// 1e-8.
    pub const PAPER: Self = Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] with the setting and its range.
    pub fn check(&self) -> Result<()> {
        let Self { learning_rate, beta1, beta2, epsilon } = *self;
        range::POSITIVE.check("learning_rate", learning_rate)?;
        range::BELOW_ONE.check("beta1", beta1)?;
        range::BELOW_ONE.check("beta2", beta2)?;
        range::EPSILON.check("epsilon", epsilon)
    }
}

/// Adam (Kingma and Ba, 2015, arXiv 1412.6980) or AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101) with its
/// moments, for a fixed list of parameters.
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    groups: Vec<ParamGroup>,
    /// The index of the group of each distinct parameter; parameters without an entry are in the first group.
    of_param: Vec<usize>,
    schedule_value: ScheduleValue,
    steps: u64,
    moments: Slots<2>,
    /// The settings of a step for each group in GPU memory; empty if the parameters are on the CPU.
    cells: Vec<Cell>,
}

/// The names of the moments in a stored state.
const MOMENTS: [&str; 2] = ["mean", "square"];

impl Adam {
    /// Creates an optimiser with zero moments. A parameter that occurs twice in the list (tied weights) has one state
    /// and is updated once per step.
    ///
    /// The moments are allocated on the CPU; [`Adam::to_device`] moves them to the device of the parameters.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] as [`AdamConfig::check`].
    pub fn new(params: &[(String, &Param)], config: AdamConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            config,
            groups: vec![ParamGroup::DEFAULT],
            of_param: vec![],
            schedule_value: Schedule::Constant.at(0),
            steps: 0,
            moments: Slots::new("adam", params),
            cells: vec![],
        })
    }

    /// Moves the moments of each parameter to the parameter's current device.
    ///
    /// # Errors
    /// [`Error::OtherParams`] if the list differs from the one given to [`Adam::new`]; or if a device fails or is out of memory.
    pub fn to_device(&mut self, params: &[(String, &Param)]) -> Result<()> {
        self.moments.move_to_devices(params)?;
        self.cells = self.cells_for(params)?;
        Ok(())
    }

    fn cells_for(&self, params: &[(String, &Param)]) -> Result<Vec<Cell>> {
        let cells = self.groups.iter().map(|_| cell_for(params, AdamStep::WORDS, AdamStep::KIND));
        Ok(cells.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// The number of steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Sets the schedule value of the following steps.
    pub fn set_schedule_value(&mut self, schedule_value: ScheduleValue) {
        self.schedule_value = schedule_value;
    }

    /// Updates the parameters, which must be the list given to [`Adam::new`].
    ///
    /// # Errors
    /// [`Error::OtherParams`] if the list differs; or if a parameter has no gradient. In both cases no parameter has
    /// changed.
    pub fn step(&mut self, params: &[(String, &Param)], gradients: &Gradients) -> Result<()> {
        let before = self.steps;
        let outcome = self.begin_step().and_then(|()| self.apply(params, gradients));
        if outcome.is_err() {
            self.steps = before;
        }
        outcome
    }

    /// Counts a step, and writes its settings to device memory if the parameters are on a GPU.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if the scheduled learning rate or beta is out of range; or if the GPU fails.
    pub fn begin_step(&mut self) -> Result<()> {
        let AdamConfig { learning_rate, beta1, .. } = self.scheduled();
        range::NON_NEGATIVE.check("learning_rate", learning_rate)?;
        range::BELOW_ONE.check("beta1", beta1)?;
        self.steps += 1;
        for (step, cell) in self.kernel_steps().iter().zip(&self.cells) {
            cell.write(&step.words())?;
        }
        Ok(())
    }

    /// Updates the parameters as the second half of the step begun by [`Adam::begin_step`]; a recorded step replays
    /// this part.
    ///
    /// # Errors
    /// As [`Adam::step`]; [`Error::Setting`] before the first [`Adam::begin_step`].
    pub fn apply(&mut self, params: &[(String, &Param)], gradients: &Gradients) -> Result<()> {
        require(self.steps > 0, "steps of adam", "at least 1; call `begin_step` first", 0.0)?;
        self.moments.step(&self.kernel_steps(), &self.of_param, params, gradients)
    }

    /// The settings with the schedule value applied.
    fn scheduled(&self) -> AdamConfig {
        AdamConfig {
            learning_rate: self.config.learning_rate * self.schedule_value.factor,
            beta1: self.schedule_value.beta1.unwrap_or(self.config.beta1),
            ..self.config
        }
    }

    /// The kernel of this step for each group.
    fn kernel_steps(&self) -> Vec<AdamStep> {
        let scheduled = self.scheduled();
        let of = |(place, group): (usize, &ParamGroup)| {
            let learning_rate = scheduled.learning_rate * group.learning_rate_factor;
            let config = AdamConfig { learning_rate, ..scheduled };
            let cell = self.cells.get(place).cloned();
            AdamStep { cell, ..AdamStep::at(&config, group.weight_decay, self.steps) }
        };
        self.groups.iter().enumerate().map(of).collect()
    }

    /// The state to store for resuming, named after the parameters.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        std::iter::once((STEPS.to_owned(), self.steps_stored())).chain(self.moments.stored(MOMENTS)).collect()
    }

    fn steps_stored(&self) -> Tensor {
        Tensor::full(self.steps as f64, &[], DType::F64)
    }

    /// Restores the result of [`Adam::state`], on the device of the parameters.
    ///
    /// # Errors
    /// [`Error::State`] if a tensor is missing or does not match; or as [`Adam::to_device`]. In these cases nothing has
    /// changed.
    pub fn load(
        &mut self,
        params: &[(String, &Param)],
        stored: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<()> {
        let steps = count(STEPS, &fitting(STEPS, &self.steps_stored(), stored(STEPS))?)?;
        let moments = self.moments.fitting(params, MOMENTS, stored)?;
        self.cells = self.cells_for(params)?;
        self.moments.set(moments);
        self.steps = steps;
        Ok(())
    }
}

/// The name of the number of steps in a stored state.
const STEPS: &str = "steps";

/// Parses a stored number of steps.
///
/// # Errors
/// [`Error::State`] unless it is a non-negative integer.
pub(crate) fn count(name: &str, stored: &Tensor) -> Result<u64> {
    /// The largest integer below which all integers are exact in `f64`.
    const MOST: f64 = (1u64 << 53) as f64;
    let steps = stored.item()?;
    if (0.0..=MOST).contains(&steps) && steps.fract() == 0.0 {
        return Ok(steps as u64);
    }
    let expected = "a non-negative integer".into();
    Err(Error::State { name: name.into(), expected, got: steps.to_string() })
}

/// The Adam step. With gradient g: `p = kept p`, `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`, and
/// `p = p - learning_rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)`.
#[derive(Debug)]
struct AdamStep {
    kept: f64,
    beta1: f64,
    beta2: f64,
    step_size: f64,
    root_correction: f64,
    epsilon: f64,
    /// The same settings in GPU memory; `None` on the CPU.
    cell: Option<Cell>,
}

impl AdamStep {
    const WORDS: usize = 8;
    const KIND: &'static str = "struct of 32 bytes";

    /// The settings in the layout of the struct that the kernel reads.
    fn words(&self) -> [u32; Self::WORDS] {
        let Self { kept, beta1, beta2, step_size, root_correction, epsilon, .. } = *self;
        [kept, beta1, 1.0 - beta1, beta2, 1.0 - beta2, step_size, root_correction, epsilon]
            .map(|x| (x as f32).to_bits())
    }

    /// The settings of step `t`, counted from 1.
    fn at(config: &AdamConfig, weight_decay: f64, t: u64) -> Self {
        let AdamConfig { learning_rate, beta1, beta2, epsilon } = *config;
        let correction = |beta: f64| 1.0 - beta.powf(t as f64);
        let (step_size, root_correction) =
            (learning_rate / correction(beta1), 1.0 / correction(beta2).sqrt());
        let kept = 1.0 - learning_rate * weight_decay;
        Self { kept, beta1, beta2, step_size, root_correction, epsilon, cell: None }
    }
}

impl Update<3, 1> for AdamStep {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn launch(&self, call: Call<'_>, all: &[([&Tensor; 3], [&Tensor; 1])]) -> tensor::Result<()> {
        let cell = self.cell.as_ref().expect("the optimiser is moved to the GPU with its parameters");
        launch_all(call, "adam", "struct of 32 bytes", all, cell)
    }

    // ANCHOR: adam
    fn reference<A: Real>(&self, [p, m, v]: [ArrayViewMutD<'_, A>; 3], [g]: [ArrayViewD<'_, A>; 1]) {
        let number = A::from_f64;
        Zip::from(p).and(m).and(v).and(g).for_each(|p, m, v, &g| {
            *m = number(self.beta1) * *m + number(1.0 - self.beta1) * g;
            *v = number(self.beta2) * *v + number(1.0 - self.beta2) * g * g;
            let root = v.sqrt() * number(self.root_correction) + number(self.epsilon);
            *p = number(self.kept) * *p - number(self.step_size) * *m / root;
        });
    }
    // ANCHOR_END: adam

    fn fast(&self, state: [&mut [f32]; 3], [g]: [&[f32]; 1]) -> bool {
        let (beta1, rest1) = (self.beta1 as f32, (1.0 - self.beta1) as f32);
        let (beta2, rest2) = (self.beta2 as f32, (1.0 - self.beta2) as f32);
        let (step_size, root_correction) = (self.step_size as f32, self.root_correction as f32);
        let (kept, epsilon) = (self.kept as f32, self.epsilon as f32);
        vector::update3(state, g, move |[p, m, v], g| {
            let m = beta1 * m + rest1 * g;
            let v = beta2 * v + rest2 * g * g;
            [kept * p - step_size * m / (v.sqrt() * root_correction + epsilon), m, v]
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;

    use super::*;
    use crate::Error;

    /// Runs ten steps on `mean(p^2)`; returns the parameter and the optimiser.
    fn ten_steps(dtype: DType) -> (Param, Adam) {
        let param = Param::new(Tensor::from_vec(vec![1.0f64, -2.0, 0.5], &[3]).unwrap().to_dtype(dtype));
        let params = [("p".to_owned(), &param)];
        let mut adam = Adam::new(&params, AdamConfig { learning_rate: 0.1, ..AdamConfig::PAPER }).unwrap();
        for _ in 0..10 {
            let tape = Tape::new();
            let p = tape.param(&param).unwrap();
            let loss = p.mse(&tape.constant(&Tensor::zeros(&[3], dtype))).unwrap();
            let gradients = tape.backward(&loss).unwrap();
            adam.step(&params, &gradients).unwrap();
        }
        (param, adam)
    }

    #[test]
    fn the_first_step_has_the_length_of_the_learning_rate_for_any_gradient() {
        for gradient in [1e-3, 1.0, 1e3] {
            let mut state = [0.0, 0.0, 0.0].map(|x| Tensor::full(x, &[1], DType::F64));
            let step = AdamStep::at(&AdamConfig::PAPER, 0.0, 1);
            let [p, m, v] = state.each_mut();
            tensor::update(&step, [p, m, v], [&Tensor::full(gradient, &[1], DType::F64)]).unwrap();
            // Exactly learning_rate * g / (|g| + epsilon).
            let expected = -1e-3 * gradient / (gradient + 1e-8);
            assert!((state[0].item().unwrap() - expected).abs() < 1e-3 * 1e-12);
        }
    }

    #[test]
    fn the_fast_step_agrees_with_the_reference() {
        let (narrow, wide) = (ten_steps(DType::F32).0.value(), ten_steps(DType::F64).0.value());
        for (narrow, wide) in narrow.to_f64_vec().iter().zip(wide.to_f64_vec()) {
            // Ten steps of size 0.1, each with about ten roundings.
            assert!((narrow - wide).abs() <= 100.0 * f64::from(f32::EPSILON), "{narrow} {wide}");
        }
    }

    #[test]
    fn a_stored_state_is_resumed_and_one_that_does_not_match_is_refused() {
        let (param, adam) = ten_steps(DType::F64);
        let params = [("p".to_owned(), &param)];
        let state = adam.state();
        let stored = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone());
        let mut other = Adam::new(&params, AdamConfig::PAPER).unwrap();
        other.load(&params, stored).unwrap();
        assert_eq!(other.steps, 10);
        assert_eq!(format!("{:?}", other.moments), format!("{:?}", adam.moments));
        let message = other.load(&params, |name| stored(name).filter(|_| name != "p.square"));
        assert!(matches!(message, Err(Error::State { name, .. }) if name == "p.square"));
    }
}
