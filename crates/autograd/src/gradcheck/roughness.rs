//! Tells a kink, a jump and a singular point from a smooth function that is too steep for the step.

use std::fmt;

use super::stencil::REACH;

/// Why a function is not smooth along a line of a gradient check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roughness {
    /// The derivative jumps, as that of ReLU at zero.
    Kink,
    /// The function itself jumps, as rounding does.
    Jump,
    /// The function is infinite or NaN, or its derivative grows without bound.
    Singular,
    /// The function is smooth, but bends too much within one step.
    TooSteep,
}

impl fmt::Display for Roughness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kink => "a kink",
            Self::Jump => "a jump",
            Self::Singular => "a singular point",
            Self::TooSteep => "a function that is too steep for this step",
        })
    }
}

impl Roughness {
    /// What to do about it.
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

/// The number of times that the step is halved: from a third of the stencil to about 1e-10.
const HALVINGS: usize = 24;

/// The number of halvings over which the bend is compared: more hide where a steep function becomes smooth, fewer
/// are noisy where a kink lies between two points.
const WINDOW: usize = 12;

/// Classifies a function that is not smooth within the stencil, whose points are at -4 to 4.
///
/// The bend, `|f(c - h) - 2 f(c) + f(c + h)|`, is the difference of the two one-sided differences. Around the place c
/// where it is largest, h is halved again and again. The bend then falls like `h^p`: p is 2 for a smooth function, 1 for a
/// kink, between them and 0 for a derivative without bound, such as 1/2 for a root, and 0 for a jump.
pub(super) fn of<E>(f: &dyn Fn(f64) -> Result<f64, E>) -> Result<Roughness, E> {
    let (mut centre, mut h) = (0.0, REACH as f64 / 3.0);
    let mut bends: Vec<f64> = vec![];
    for _ in 0..HALVINGS {
        // Three to each side: the sharpest place may lie between two points, and stays within the halved range.
        let mut values = [0.0; 7];
        for (value, steps) in values.iter_mut().zip([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]) {
            *value = f(centre + steps * h)?;
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Ok(Roughness::Singular);
        }
        let bend = |place: usize| (values[place - 1] - 2.0 * values[place] + values[place + 1]).abs();
        // The middle one unless another is larger, so that a kink at a point of the stencil stays the centre.
        let sharpest =
            [3, 2, 4, 1, 5].into_iter().reduce(|a, b| if bend(b) > bend(a) { b } else { a }).unwrap_or(3);
        let size = values.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
        // Below this, a bend may be rounding.
        if bend(sharpest) < 4096.0 * f64::EPSILON * size || bend(sharpest) == 0.0 {
            break;
        }
        bends.push(bend(sharpest));
        (centre, h) = (centre + (sharpest as f64 - 3.0) * h, h / 2.0);
    }
    let window = WINDOW.min(bends.len().saturating_sub(1));
    if window == 0 {
        return Ok(Roughness::TooSteep);
    }
    let last = bends.len() - 1;
    let exponent = (bends[last - window] / bends[last]).log2() / window as f64;
    Ok(match exponent {
        1.5.. => Roughness::TooSteep,
        0.85.. => Roughness::Kink,
        0.12.. => Roughness::Singular,
        -0.12.. => Roughness::Jump,
        _ => Roughness::Singular,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(f: impl Fn(f64) -> f64) -> Roughness {
        of(&|steps| Ok::<_, ()>(f(steps / 1024.0))).unwrap()
    }

    #[test]
    fn kinks_jumps_and_singular_points_are_told_apart_at_the_input_and_beside_it() {
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
    fn smooth_functions_are_too_steep_for_the_step() {
        for x in [0.0, 0.001, -0.0023] {
            assert_eq!(at(|t| (1e5 * (x + t)).tanh()), Roughness::TooSteep, "{x}");
            assert_eq!(at(|t| (3e3 * (x + t)).exp()), Roughness::TooSteep, "{x}");
            assert_eq!(at(|t| (1e4 * (x + t)).sin()), Roughness::TooSteep, "{x}");
        }
        assert_eq!(at(|_| 1.0), Roughness::TooSteep);
    }
}
