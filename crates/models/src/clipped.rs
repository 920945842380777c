//! Gradient clipping as a wrapper of another optimiser.

use autograd::{Gradients, Param};
use tensor::Tensor;

use crate::range::Range;
use crate::{Optimiser, Result, ScheduleValue};

/// An optimiser that clips the joint norm of all gradients before each step, by [`Gradients::clipped`].
///
/// ```
/// use agon_models::{Adam, AdamConfig, Clipped, Linear, Module};
/// use tensor::DType;
/// use tensor::random::Stream;
///
/// let model = Linear::new(4, 2, &Stream::new(0, "init"), DType::F32);
/// let optimiser = Clipped::new(Adam::new(&model.params(), AdamConfig::PAPER)?, 1.0)?;
/// # let _ = optimiser;
/// # Ok::<(), agon_models::Error>(())
/// ```
#[derive(Debug)]
pub struct Clipped<O> {
    optimiser: O,
    max_norm: f64,
}

impl<O: Optimiser> Clipped<O> {
    /// Wraps `optimiser` so that gradients whose norm exceeds `max_norm` are clipped.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) unless the norm is in [`Gradients::CLIP_NORMS`].
    pub fn new(optimiser: O, max_norm: f64) -> Result<Self> {
        Range::of(Gradients::CLIP_NORMS).check("max_norm", max_norm)?;
        Ok(Self { optimiser, max_norm })
    }
}

impl<O: Optimiser> Optimiser for Clipped<O> {
    fn step(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> Result<()> {
        self.optimiser.step(params, &gradients.clipped(params, self.max_norm)?, schedule_value)
    }

    fn prepare(&mut self, schedule_value: ScheduleValue) -> Result<()> {
        self.optimiser.prepare(schedule_value)
    }

    fn apply(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> Result<()> {
        self.optimiser.apply(params, &gradients.clipped(params, self.max_norm)?, schedule_value)
    }

    fn records(&self) -> bool {
        self.optimiser.records()
    }

    fn to_device(&mut self, params: &[(String, &Param)]) -> Result<()> {
        self.optimiser.to_device(params)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.optimiser.state()
    }

    fn load(&mut self, params: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        self.optimiser.load(params, stored)
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use tensor::DType;

    use super::*;
    use crate::{Error, Schedule, Sgd, SgdConfig};

    #[test]
    fn a_step_has_at_most_the_length_of_the_learning_rate_times_the_limit() {
        let param = Param::new(Tensor::zeros(&[2], DType::F64));
        let params = [("p".to_owned(), &param)];
        let config = SgdConfig { learning_rate: 0.5, momentum: 0.0, nesterov: false };
        let mut sgd = Clipped::new(Sgd::new(&params, config).unwrap(), 1.0).unwrap();
        for (slope, moved) in [([0.5, 0.0], [-0.25, 0.0]), ([-6.0, 8.0], [0.05, -0.4])] {
            let gradients = {
                let tape = Tape::new();
                let slope = Tensor::from_slice(&slope, &[2]).unwrap();
                tape.backward_from(&tape.param(&param).unwrap(), slope).unwrap()
            };
            sgd.step(&params, &gradients, Schedule::Constant.at(0)).unwrap();
            for (got, expected) in param.value().to_f64_vec().into_iter().zip(moved) {
                assert!((got - expected).abs() < 1e-15, "{got} {expected}");
            }
        }
    }

    #[test]
    fn a_norm_is_accepted_if_a_step_accepts_it() {
        let params: Vec<(String, &Param)> = vec![];
        let gradients = {
            let tape = Tape::new();
            tape.backward(&tape.input(&Tensor::full(1.0, &[], DType::F32))).unwrap()
        };
        for norm in [0.0, -1.0, 1e-300, 1e-39, 2e-38, 1.0, 3e38, 1e39, 1e300, f64::INFINITY, f64::NAN] {
            let config = SgdConfig { learning_rate: 0.5, momentum: 0.0, nesterov: false };
            let clipped = Clipped::new(Sgd::new(&params, config).unwrap(), norm);
            assert_eq!(clipped.is_ok(), gradients.clipped(&params, norm).is_ok(), "{norm}");
            if let Err(error) = clipped {
                assert!(matches!(error, Error::OutOfRange { setting: "max_norm", .. }), "{norm}: {error}");
            }
        }
    }
}
