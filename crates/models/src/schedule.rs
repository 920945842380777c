//! How the learning rate changes from step to step.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::require;

/// How the learning rate changes from step to step, as a function of the step alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// It does not change.
    Constant,
    /// From the full rate down to zero along half a cosine (Loshchilov and Hutter, 2017, arXiv 1608.03983), without
    /// restarts.
    Cosine {
        /// The number of steps until zero, at least 1.
        steps: u64,
    },
    /// Up from a 25th of the full rate over the first 30 % of the steps, then down to a 250,000th, both along
    /// half a cosine; meanwhile Adam's first beta goes from 0.95 to 0.85 and back (Smith and Topin, 2017,
    /// arXiv 1708.07120, as PyTorch's `OneCycleLR`; section 3 of `book/lbr.md`).
    OneCycle {
        /// The number of steps of the whole cycle, at least 1.
        steps: u64,
    },
}

/// What a schedule says of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phase {
    /// The rate of this step as a share of the full rate.
    pub rate: f64,
    /// Adam's first beta in this step, where the schedule changes it.
    pub beta1: Option<f64>,
}

impl Schedule {
    /// Refuses a schedule of no steps.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if it has none.
    pub fn check(self) -> Result<()> {
        match self {
            Self::Constant => Ok(()),
            Self::Cosine { steps } | Self::OneCycle { steps } => {
                require(steps > 0, "steps of the schedule", "at least 1", steps as f64)
            }
        }
    }

    /// The phase of a step, counted from 0; after its last step a schedule stays where it is.
    pub fn at(&self, step: u64) -> Phase {
        match *self {
            Self::Constant => Phase { rate: 1.0, beta1: None },
            Self::Cosine { steps } => {
                let share = step.min(steps) as f64 / steps.max(1) as f64;
                Phase { rate: half_cosine(1.0, 0.0, share), beta1: None }
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
                let rate = half_cosine(from.0, to.0, share);
                Phase { rate, beta1: Some(half_cosine(from.1, to.1, share)) }
            }
        }
    }
}

/// From `from` to `to` along half a cosine.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_starts_full_is_half_in_the_middle_and_ends_at_zero() {
        let schedule = Schedule::Cosine { steps: 10 };
        assert_eq!(schedule.at(0).rate, 1.0);
        assert!((schedule.at(5).rate - 0.5).abs() < 1e-15);
        assert_eq!((schedule.at(10).rate, schedule.at(99).rate), (0.0, 0.0));
    }

    /// Rates and betas that PyTorch's `OneCycleLR(max_lr=1, total_steps=20)` gives for Adam.
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
        for (step, rate, beta1) in expected {
            let phase = schedule.at(step);
            assert!((phase.rate - rate).abs() < 1e-12, "{step}: {phase:?}");
            assert!((phase.beta1.unwrap() - beta1).abs() < 1e-12, "{step}: {phase:?}");
        }
    }
}
