//! Predicts times from counted work and the rates of a device.

use tensor::Counts;

/// The peak rates of a device, and the fraction of them that kernels are expected to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// The peak of arithmetic in `f32`, in FLOP per second.
    pub flops: f64,
    /// The peak of memory traffic, in bytes per second.
    pub bytes: f64,
    /// The time of starting a kernel, in seconds.
    pub launch: f64,
    /// The assumed fraction of both peaks that kernels reach.
    pub efficiency: f64,
}

impl Rates {
    /// Assumed rates of one core of a CPU; estimates are scaled by measurements where there are any.
    pub const CORE: Self = Self { flops: 4e10, bytes: 1e10, launch: 2e-6, efficiency: 0.5 };

    /// An H200 by its datasheet, without tensor cores. The efficiency is a guess below the 0.4 to 0.6 that the tiles of our
    /// kernels allow: no GPU has run them.
    pub const H200: Self = Self { flops: 67e12, bytes: 4.8e12, launch: 4e-6, efficiency: 0.3 };

    /// The seconds of this work if arithmetic and memory traffic do not overlap.
    fn seconds(&self, flops: f64, bytes: f64) -> f64 {
        (flops / self.flops + bytes / self.bytes) / self.efficiency
    }
}

/// The times of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timed {
    /// The part of a step that does not depend on the batch, such as that of the optimiser, in seconds.
    pub fixed: f64,
    /// The seconds of a step for each image of its batch.
    pub image: f64,
    /// The seconds of evaluating an image.
    pub evaluated: f64,
}

impl Timed {
    /// Predicts the times from the work of a step and of an evaluation, counted with few and with more images.
    pub(super) fn of(rates: &Rates, [few, more]: [(usize, [Counts; 2]); 2]) -> Self {
        let [step, evaluation] =
            [0, 1].map(|part| Linear::through((few.0, few.1[part]), (more.0, more.1[part])));
        let image = rates.seconds(step.flops, step.bytes);
        let whole = rates.seconds(few.1[0].flops as f64, (few.1[0].bytes + few.1[0].updated_bytes) as f64);
        let launches = few.1[0].kernels as f64 * rates.launch;
        Self {
            fixed: (whole - few.0 as f64 * image).max(0.0) + launches,
            image,
            evaluated: rates.seconds(evaluation.flops, evaluation.bytes),
        }
    }

    /// The seconds of a step.
    pub(super) fn step(&self, batch: usize) -> f64 {
        self.fixed + self.image * batch as f64
    }

    /// The same times with steps and evaluation multiplied by these factors.
    pub(super) fn slower(self, [step, evaluated]: [f64; 2]) -> Self {
        Self { fixed: self.fixed * step, image: self.image * step, evaluated: self.evaluated * evaluated }
    }
}

/// The work per image.
struct Linear {
    flops: f64,
    bytes: f64,
}

impl Linear {
    /// The slope between two counts, or one count divided by its number of images if there is only one.
    fn through((n, few): (usize, Counts), (m, more): (usize, Counts)) -> Self {
        let slope = |few: u64, more: u64| match m > n {
            true => more.saturating_sub(few) as f64 / (m - n) as f64,
            false => few as f64 / n.max(1) as f64,
        };
        Self { flops: slope(few.flops, more.flops), bytes: slope(few.bytes, more.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_step_is_split_into_a_fixed_part_and_one_per_image() {
        let rates = Rates { flops: 100.0, bytes: 10.0, launch: 0.25, efficiency: 0.5 };
        let counts = |flops, bytes| Counts { flops, bytes, updated_bytes: 30, kernels: 4 };
        // For each image 50 FLOP and 5 bytes in a step, 20 and 2 in an evaluation; 7 bytes of weights in both.
        let few = [counts(100, 17), counts(40, 11)];
        let more = [counts(200, 27), counts(80, 15)];
        let timed = Timed::of(&rates, [(2, few), (4, more)]);
        let close = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-12, "{got} {expected}");
        // (50 / 100 + 5 / 10) / 0.5, and (20 / 100 + 2 / 10) / 0.5.
        close(timed.image, 2.0);
        close(timed.evaluated, 0.8);
        // (7 + 30) bytes / 10 / 0.5, and 4 launches.
        close(timed.fixed, 7.4 + 1.0);
        close(timed.step(10), 28.4);
        close(timed.slower([2.0, 3.0]).step(10), 56.8);
        close(timed.slower([2.0, 3.0]).evaluated, 2.4);
        // With a single count, all traffic is attributed to the images.
        close(Timed::of(&rates, [(2, few), (2, few)]).image, (0.5 + 0.85) / 0.5);
    }
}
