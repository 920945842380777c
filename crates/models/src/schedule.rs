//! Learning-rate schedules.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::require;

/// A learning-rate schedule, as a function of the step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// A constant learning rate.
    Constant,
    /// Cosine annealing from the full learning rate to zero, without restarts (Loshchilov and Hutter, 2017,
    /// arXiv 1608.03983).
    Cosine {
        /// The number of steps until the learning rate is zero, at least 1.
        steps: u64,
    },
    /// A linear warm-up to the full learning rate, then [`Schedule::Cosine`].
    ///
    /// ```
    /// use agon_models::Schedule;
    ///
    /// let schedule = Schedule::WarmupCosine { warmup: 4, steps: 12 };
    /// assert_eq!([0, 3, 8].map(|step| schedule.at(step).factor), [0.25, 1.0, 0.5]);
    /// ```
    WarmupCosine {
        /// The number of steps of the warm-up; the last of them has the full learning rate.
        warmup: u64,
        /// The total number of steps until the learning rate is zero, above `warmup`.
        steps: u64,
    },
    /// The one-cycle schedule (Smith and Topin, 2017, arXiv 1708.07120), as PyTorch's `OneCycleLR` (`book/lbr.md`,
    /// section 3). The learning rate rises from 1/25 of the full one over the first 30 % of the steps, then falls to
    /// 1/250,000, both along half a cosine; Adam's first beta changes from 0.95 to 0.85 and back.
    OneCycle {
        /// The number of steps of the whole cycle, at least 1.
        steps: u64,
    },
}

/// The value of a schedule at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleValue {
    /// The factor by which the learning rate is multiplied.
    pub factor: f64,
    /// Adam's first beta, if the schedule changes it.
    pub beta1: Option<f64>,
}

impl Schedule {
    /// Checks that the number of steps is valid.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if it is not.
    pub fn check(self) -> Result<()> {
        match self {
            Self::Constant => Ok(()),
            Self::Cosine { steps } | Self::OneCycle { steps } => {
                require(steps > 0, "steps of the schedule", "at least 1", steps as f64)
            }
            Self::WarmupCosine { warmup, steps } => require(
                steps > warmup,
                "steps of the schedule",
                "more than the steps of the warmup",
                steps as f64,
            ),
        }
    }

    /// The value at a step, counted from 0; after its last step a schedule is constant.
    pub fn at(&self, step: u64) -> ScheduleValue {
        match *self {
            Self::Constant => ScheduleValue { factor: 1.0, beta1: None },
            Self::Cosine { steps } => {
                let share = step.min(steps) as f64 / steps.max(1) as f64;
                ScheduleValue { factor: half_cosine(1.0, 0.0, share), beta1: None }
            }
            Self::WarmupCosine { warmup, .. } if step < warmup => {
                ScheduleValue { factor: (step + 1) as f64 / warmup as f64, beta1: None }
            }
            Self::WarmupCosine { warmup, steps } => {
                Self::Cosine { steps: steps.saturating_sub(warmup) }.at(step - warmup)
            }
            Self::OneCycle { steps } => {
                const LOW: f64 = 1.0 / 25.0;
                const END: f64 = LOW / 1e4;
                let (top, last) = (0.3 * steps as f64 - 1.0, steps as f64 - 1.0);
                let step = (step as f64).min(last);
                let (from, to, share) = match step <= top {
                    true => ((LOW, 0.95), (1.0, 0.85), step / top),
                    false => ((1.0, 0.85), (END, 0.95), (step - top) / (last - top)),
                };
                let factor = half_cosine(from.0, to.0, share);
                ScheduleValue { factor, beta1: Some(half_cosine(from.1, to.1, share)) }
            }
        }
    }
}

/// The interpolation from `from` to `to` along half a cosine, at the fraction `share`.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_starts_full_is_half_in_the_middle_and_ends_at_zero() {
        let schedule = Schedule::Cosine { steps: 10 };
        assert_eq!(schedule.at(0).factor, 1.0);
        assert!((schedule.at(5).factor - 0.5).abs() < 1e-15);
        assert_eq!((schedule.at(10).factor, schedule.at(99).factor), (0.0, 0.0));
    }

    #[test]
    fn a_warmup_rises_to_the_start_of_the_cosine() {
        let schedule = Schedule::WarmupCosine { warmup: 5, steps: 15 };
        let factors: Vec<f64> = (0..5).map(|step| schedule.at(step).factor).collect();
        assert_eq!(factors, [0.2, 0.4, 0.6, 0.8, 1.0]);
        for step in 0..20 {
            assert_eq!(schedule.at(5 + step), Schedule::Cosine { steps: 10 }.at(step));
        }
        assert_eq!(Schedule::WarmupCosine { warmup: 0, steps: 10 }.at(0).factor, 1.0);
        let message = Schedule::WarmupCosine { warmup: 5, steps: 5 }.check().unwrap_err().to_string();
        assert_eq!(message, "steps of the schedule: expected more than the steps of the warmup, got 5");
    }

    /// The learning rates and betas of PyTorch's `OneCycleLR(max_lr=1, total_steps=20)` for Adam.
    #[test]
    fn one_cycle_is_that_of_pytorch() {
        let expected = [
            (0, 0.040000000000000036, 0.95),
            (2, 0.3716718427000253, 0.9154508497187474),
            (5, 1.0, 0.85),
            (6, 0.9874640062350873, 0.8512536043909088),
            (12, 0.500002, 0.8999999999999999),
            (19, 4e-06, 0.95),
        ];
        let schedule = Schedule::OneCycle { steps: 20 };
        for (step, factor, beta1) in expected {
            let schedule_value = schedule.at(step);
            assert!((schedule_value.factor - factor).abs() < 1e-12, "{step}: {schedule_value:?}");
            assert!((schedule_value.beta1.unwrap() - beta1).abs() < 1e-12, "{step}: {schedule_value:?}");
        }
    }
}
