//! Slopes along a line by central differences, with an estimate of their rounding error.

/// The number of steps of the stencil to either side.
pub(crate) const REACH: usize = 4;

// ANCHOR: weights
/// The weights of the differences `f(x + j h) - f(x - j h)`, j = 1 to 4, in the slope. The truncation error is
/// `h^8 / 630` times a ninth derivative (Fornberg, 1988, doi 10.1090/S0025-5718-1988-0935077-0).
const SLOPE: [f64; REACH] = [4.0 / 5.0, -1.0 / 5.0, 4.0 / 105.0, -1.0 / 280.0];
// ANCHOR_END: weights

/// The seventh difference of the odd part of a smooth function is `h^7` times a derivative plus rounding, and the
/// eighth difference of the even part `h^8` times one. Divided by the norm of its weights, each is a sample of the
/// rounding error of one evaluation (Moré and Wild, 2011, doi 10.1137/100786125).
const ODD: [f64; REACH] = [14.0, -14.0, 6.0, -1.0];
const EVEN: [f64; REACH + 1] = [70.0, -56.0, 28.0, -8.0, 1.0];
/// The norms of the weights: `sqrt(2 * (14^2 + 14^2 + 6^2 + 1))` and `sqrt(binomial(16, 8))`.
const LENGTHS: [f64; 2] = [29.3, 113.4];

/// A larger error relative to the output cannot be rounding, not even of a function in 32 bits: it indicates a kink, a
/// jump or a slope that is too steep for the step.
const ROUNDING_AT_MOST: f64 = 1e-6;

/// The largest noise, in `epsilon` times the magnitude of the output, that is expected without cancellation.
const QUIET: f64 = 64.0;

/// The bound on the error of one evaluation, in units of its rounding or of its estimated noise, whichever is larger.
const OFF: f64 = 8.0;

/// The bound on the error of the slope, times the step, if each evaluation has an error of up to 1: the sum of the
/// magnitudes of the weights on both sides.
const AMPLIFICATION: f64 = {
    let (mut sum, mut j) = (0.0, 0);
    while j < REACH {
        sum += 2.0 * SLOPE[j].abs();
        j += 1;
    }
    sum
};

/// The behaviour of one output along a line.
pub(crate) struct Moved {
    /// The slope.
    pub(crate) slope: f64,
    /// The largest magnitude of the output along the line.
    pub(crate) size: f64,
    /// The estimated rounding error of one evaluation along this line, which includes unresolved curvature.
    pub(crate) noise: f64,
    /// Whether the output is not smooth within the stencil.
    pub(crate) rough: bool,
}

impl Moved {
    /// The tolerance of the slope due to rounding. For a [rough](Self::rough) output it excludes the noise.
    pub(crate) fn allowed(&self, step: f64) -> f64 {
        match self.rough {
            true => self.of_noise(0.0, step),
            false => self.uncertainty(step),
        }
    }

    /// The bound on the error of the slope, noise of a [rough](Self::rough) output included.
    pub(crate) fn uncertainty(&self, step: f64) -> f64 {
        self.of_noise(self.noise, step)
    }

    fn of_noise(&self, noise: f64, step: f64) -> f64 {
        OFF * AMPLIFICATION * (f64::EPSILON * self.size).max(noise) / step
    }

    /// Whether the noise exceeds the rounding of one evaluation. Reasons are cancellation, or a non-smooth term that is
    /// small compared with the output.
    pub(crate) fn is_loud(&self) -> bool {
        self.rough || self.noise > QUIET * f64::EPSILON * self.size
    }
}

/// The outputs that change along a line, with their positions. `at(j)` evaluates the outputs at `j` steps; `centre` is
/// `at(0)`.
pub(crate) fn along<E>(
    centre: &[f64],
    step: f64,
    at: &dyn Fn(f64) -> Result<Vec<f64>, E>,
) -> Result<Vec<(usize, Moved)>, E> {
    let mut ahead = Vec::with_capacity(REACH);
    let mut behind = Vec::with_capacity(REACH);
    for j in 1..=REACH {
        ahead.push(at(j as f64)?);
        behind.push(at(-(j as f64))?);
    }
    let moved = |place: usize| {
        let here = centre[place];
        // An output with fewer elements there has no value at this position.
        let of = |values: &Vec<f64>| values.get(place).copied().unwrap_or(f64::NAN);
        let values = || ahead.iter().chain(&behind).map(of);
        // Bits are compared, so that NaN counts as a change.
        if values().all(|value| value.to_bits() == here.to_bits()) && here.is_finite() {
            return None;
        }
        let (mut slope, mut odd, mut even) = (0.0, 0.0, EVEN[0] * here);
        for (j, (ahead, behind)) in ahead.iter().zip(&behind).enumerate() {
            let (ahead, behind) = (of(ahead), of(behind));
            slope += SLOPE[j] * (ahead - behind) / step;
            odd += ODD[j] * (ahead - behind);
            even += EVEN[j + 1] * (ahead + behind);
        }
        let size = values().fold(here.abs(), |size, value| size.max(value.abs()));
        let noise = (odd.abs() / LENGTHS[0]).max(even.abs() / LENGTHS[1]);
        let rough = !noise.is_finite() || noise > ROUNDING_AT_MOST * size;
        Some((place, Moved { slope, size, noise, rough }))
    };
    Ok((0..centre.len()).filter_map(moved).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: f64 = 1.0 / 1024.0;

    fn along_line(f: impl Fn(f64) -> f64, x: f64) -> Moved {
        let mut moved = along(&[f(x)], STEP, &|j| Ok::<_, ()>(vec![f(x + j * STEP)])).unwrap();
        moved.remove(0).1
    }

    #[test]
    fn slopes_are_exact_within_the_tolerance() {
        type Function = fn(f64) -> f64;
        let functions: [(Function, Function); 4] = [
            (f64::exp, f64::exp),
            (f64::sin, f64::cos),
            (f64::sqrt, |x| 0.5 / x.sqrt()),
            (|x| x * x, |x| x + x),
        ];
        for (f, slope) in functions {
            for x in [0.5, 1.0, 3.25] {
                let moved = along_line(f, x);
                let allowed = moved.allowed(STEP) + 256.0 * f64::EPSILON * slope(x).abs();
                assert!(!moved.rough && (moved.slope - slope(x)).abs() <= allowed, "{x} {}", moved.slope);
                assert!(allowed < 1e-10);
            }
        }
    }

    #[test]
    fn rounding_in_cancellation_is_estimated() {
        let moved = along_line(|x| (x / 3.0 + 1e8) - 1e8, 0.3);
        assert!(!moved.rough && moved.noise > 1e-9, "{}", moved.noise);
        assert!((moved.slope - 1.0 / 3.0).abs() <= moved.allowed(STEP));
    }

    #[test]
    fn kinks_jumps_and_infinities_are_rough() {
        assert!(along_line(f64::abs, STEP).rough && along_line(|x| x.floor(), 0.001).rough);
        assert!(along_line(f64::ln, 0.0).rough && along_line(|_| f64::NAN, 0.0).rough);
    }

    #[test]
    fn constant_outputs_are_left_out() {
        let moved = along(&[1.0, 2.0], STEP, &|j| Ok::<_, ()>(vec![1.0, 2.0 + j])).unwrap();
        assert_eq!(moved.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1]);
    }
}
