//! Distinguishes a kink, a jump and a singular point from a smooth function that is too steep for the step.

use std::fmt;

use super::stencil::REACH;

/// A reason why a function is not smooth along a line of a gradient check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roughness {
    /// The derivative is discontinuous, as that of ReLU at zero.
    Kink,
    /// The function itself is discontinuous, as rounding is.
    Jump,
    /// The function is infinite or NaN, or its derivative grows without bound.
    Singular,
    /// The function is smooth, but its derivative changes too much within one step.
    TooSteep,
}

impl fmt::Display for Roughness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kink => "a kink",
            Self::Jump => "a jump",
            Self::Singular => "a singular point",
            Self::TooSteep => {
                "a function that is too steep for this step, or whose second derivative jumps here"
            }
        })
    }
}

impl Roughness {
    /// Advice for the error message.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Kink | Self::Jump => {
                "move the input away from it, or check the documented gradient there instead"
            }
            Self::Singular => "move the input to where the function and its derivative are finite",
            Self::TooSteep => "choose a smaller one with `GradCheck::step`",
        }
    }
}

/// The number of times that the step is halved, from a third of the stencil to about 1e-10.
const HALVINGS: usize = 24;

/// The number of halvings over which second differences are compared. With more, a steep function is misclassified
/// where it becomes smooth; with fewer, a kink between two points gives noisy results.
const WINDOW: usize = 12;

/// The number of initial halvings at which a jump has a large second difference in two of the five places, and rounding
/// in all five.
const COARSE: usize = 8;

/// The minimum ratio of two second differences that are not both due to rounding errors.
const APART: f64 = 16.0;

/// A second difference below this number of roundings of the largest value may be due to rounding.
const ROUNDINGS: f64 = 64.0;

/// A jump below this number of roundings of the largest value may be rounding that is amplified within the function.
const JUMP: f64 = 4096.0;

/// The second differences at five adjacent places.
struct Bends {
    sharpest: f64,
    /// The third largest: small if only one place and perhaps a neighbour have large second differences.
    elsewhere: f64,
    /// `epsilon` times the largest magnitude of the function.
    rounding: f64,
}

/// Classifies a function that is not smooth within the stencil, whose points are at -4 to 4; `None` if its values
/// differ from those of a smooth function by rounding errors only.
///
/// The second difference (the "bend") is `|f(c - h) - 2 f(c) + f(c + h)|`. Around the place c where it is largest, h is
/// halved repeatedly. The second difference then decreases like `h^p` until rounding errors dominate: p is 2 for a
/// smooth function, 1 for a kink, between 0 and 1 for an unbounded derivative (1/2 for a square root), and 0 for a
/// jump. Rounding errors do not decrease with h either, but they affect all places.
pub(super) fn of<E>(f: &dyn Fn(f64) -> Result<f64, E>) -> Result<Option<Roughness>, E> {
    let (mut centre, mut h) = (0.0, REACH as f64 / 3.0);
    let mut levels = Vec::with_capacity(HALVINGS);
    for _ in 0..HALVINGS {
        // Three points on each side: the sharpest place may lie between two points, and must stay within the halved
        // range.
        let mut values = [0.0; 7];
        for (value, steps) in values.iter_mut().zip([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]) {
            *value = f(centre + steps * h)?;
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Ok(Some(Roughness::Singular));
        }
        let bend = |place: usize| (values[place - 1] - 2.0 * values[place] + values[place + 1]).abs();
        // The middle place unless another is larger, so that a kink at a point of the stencil stays the centre.
        let sharpest =
            [3, 2, 4, 1, 5].into_iter().reduce(|a, b| if bend(b) > bend(a) { b } else { a }).unwrap_or(3);
        let mut bends: [f64; 5] = std::array::from_fn(|place| bend(place + 1));
        bends.sort_by(f64::total_cmp);
        let rounding = f64::EPSILON * values.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
        levels.push(Bends { sharpest: bends[4], elsewhere: bends[2], rounding });
        (centre, h) = (centre + (sharpest as f64 - 3.0) * h, h / 2.0);
    }
    Ok(classify(&levels))
}

fn classify(levels: &[Bends]) -> Option<Roughness> {
    let mut last: Vec<f64> = levels[levels.len() - 4..].iter().map(|level| level.sharpest).collect();
    last.sort_by(f64::total_cmp);
    let end = last[2];
    let is_signal = |level: &&Bends| level.sharpest > (APART * end).max(ROUNDINGS * level.rounding);
    let falling: Vec<f64> = levels.iter().take_while(is_signal).map(|level| level.sharpest).collect();
    // With fewer than four levels, this may be chance.
    if falling.len() >= 4 {
        let last = falling.len() - 1;
        let window = WINDOW.min(last);
        let exponent = (falling[last - window] / falling[last]).log2() / window as f64;
        return Some(match exponent {
            1.5.. => Roughness::TooSteep,
            0.85.. => Roughness::Kink,
            _ => Roughness::Singular,
        });
    }
    let (coarse, rounding) = (&levels[..COARSE], levels[0].rounding);
    let most = coarse.iter().fold(ROUNDINGS * rounding, |most: f64, level| most.max(level.sharpest));
    let is_local = |level: &Bends| APART * level.elsewhere < level.sharpest;
    if end > APART * most {
        Some(Roughness::Singular)
    } else if coarse[0].sharpest > JUMP * rounding && coarse.iter().all(is_local) {
        Some(Roughness::Jump)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(f: impl Fn(f64) -> f64) -> Roughness {
        rounding_or(f).unwrap()
    }

    fn rounding_or(f: impl Fn(f64) -> f64) -> Option<Roughness> {
        of(&|steps| Ok::<_, ()>(f(steps / 1024.0))).unwrap()
    }

    #[test]
    fn kinks_jumps_and_singular_points_are_distinguished_at_the_input_and_near_it() {
        for x in [0.0, 0.001, 0.0007, -0.0023] {
            assert_eq!(at(|t| (x + t).max(0.0)), Roughness::Kink, "{x}");
            assert_eq!(at(|t| 3.0 + (x + t).abs() + t), Roughness::Kink, "{x}");
            assert_eq!(at(|t| f64::from(x + t > 0.0)), Roughness::Jump, "{x}");
            assert_eq!(at(|t| (x + t).sqrt()), Roughness::Singular, "{x}");
            assert_eq!(at(|t| (x + t).abs().sqrt()), Roughness::Singular, "{x}");
            assert_eq!(at(|t| (x + t).cbrt()), Roughness::Singular, "{x}");
            assert_eq!(at(|t| (x + t).ln()), Roughness::Singular, "{x}");
            assert_eq!(at(|t| 1.0 / (x + t)), Roughness::Singular, "{x}");
        }
    }

    #[test]
    fn steep_smooth_functions_are_classified_as_too_steep_for_the_step() {
        for x in [0.0, 0.001, -0.0023] {
            assert_eq!(at(|t| (1e5 * (x + t)).tanh()), Roughness::TooSteep, "{x}");
            assert_eq!(at(|t| (3e3 * (x + t)).exp()), Roughness::TooSteep, "{x}");
            assert_eq!(at(|t| (1e4 * (x + t)).sin()), Roughness::TooSteep, "{x}");
        }
    }

    #[test]
    fn rough_functions_are_recognised_below_a_large_constant() {
        for constant in [1e3, 1e6, 1e8, 1e10] {
            for x in [0.0, 0.001, -0.0023] {
                assert_eq!(at(|t| constant + (x + t).abs()), Roughness::Kink, "{constant} {x}");
                assert_eq!(at(|t| constant + f64::from(x + t > 0.0)), Roughness::Jump, "{constant} {x}");
                assert_eq!(at(|t| constant + (x + t).abs().sqrt()), Roughness::Singular, "{constant} {x}");
            }
        }
    }

    #[test]
    fn rounding_errors_are_not_classified_as_roughness() {
        assert_eq!(rounding_or(|_| 1.0), None);
        for number in 0..200 {
            let x = f64::from(number) / 64.0 + 0.1;
            for constant in [1.0, 1e5, 1e8, 1e10] {
                let cancelling = |t: f64| ((x + t) / 3.0 + constant) - constant;
                assert_eq!(rounding_or(cancelling), None, "{constant} {x}");
                assert_eq!(rounding_or(|t| cancelling(t) + x + t), None, "{constant} {x}");
                assert_eq!(rounding_or(|t| constant + (x + t) / 3.0), None, "{constant} {x}");
            }
            assert_eq!(rounding_or(|t| f64::from(((x + t) as f32).exp() - x as f32)), None, "{x}");
        }
    }
}
