//! Likely causes of a wrong gradient, found by comparing it with finite differences.

use std::fmt;

use super::RESOLUTION;

/// A likely cause of a wrong gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// No cause was found.
    Unknown,
    /// The derivative is zero, but should not be.
    Zero,
    /// The derivative has the right magnitude but the wrong sign.
    Sign,
    /// The gradient is the expected one with its last two axes exchanged.
    Transposed,
    /// The gradient is the expected one with its elements in reverse order.
    Reversed,
    /// The derivative is the contribution of one output only, or lacks the contribution of one output.
    DroppedSum,
    /// Every derivative with respect to this input is the expected one times this factor.
    Factor(f64),
    /// The ratio of this derivative to the expected one.
    Ratio(f64),
}

impl fmt::Display for Cause {
    /// A suffix for an error message; empty if the cause is unknown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => Ok(()),
            Self::Zero => f.write_str("; it is zero, so a contribution is missing"),
            Self::Sign => f.write_str("; the sign is wrong"),
            Self::Transposed => f.write_str("; the gradient is transposed"),
            Self::Reversed => f.write_str("; the elements of the gradient are in reverse order"),
            Self::DroppedSum => {
                f.write_str("; a sum was dropped: the contributions of single outputs are not added up")
            }
            Self::Factor(factor) if is_whole(*factor) => {
                write!(f, "; the whole gradient is off by a factor of {}", factor.round())
            }
            Self::Factor(factor) if is_whole(1.0 / factor) => {
                write!(f, "; the whole gradient is off by a factor of 1/{}", (1.0 / factor).round())
            }
            Self::Factor(factor) => write!(f, "; the whole gradient is off by a factor of {factor:.4}"),
            Self::Ratio(ratio) => write!(f, "; it is {ratio:.4} times the expected value"),
        }
    }
}

fn is_whole(x: f64) -> bool {
    close(x, x.round()) && (2.0..1e6).contains(&x.round())
}

fn close(x: f64, y: f64) -> bool {
    (x - y).abs() <= RESOLUTION * y.abs()
}

/// The derivatives with respect to one input, of which one is wrong.
pub(super) struct Wrong<'a> {
    /// Pairs by `backward` and by finite differences, one for each element in row-major order or for each direction.
    pub(super) derivatives: &'a [[f64; 2]],
    /// The index of the wrong derivative.
    pub(super) place: usize,
    /// The contribution of each output to it.
    pub(super) contributions: &'a [f64],
    /// Its tolerance.
    pub(super) allowed: f64,
    /// The shape of the input; `None` for directions.
    pub(super) shape: Option<&'a [usize]>,
}

impl Wrong<'_> {
    pub(super) fn cause(&self) -> Cause {
        let [analytic, numeric] = self.derivatives[self.place];
        let ratio = analytic / numeric;
        if analytic == 0.0 {
            Cause::Zero
        } else if self.is_transposed() {
            Cause::Transposed
        } else if self.is_reversed() {
            Cause::Reversed
        } else if close(ratio, -1.0) {
            Cause::Sign
        } else if self.is_part_of_a_sum() {
            Cause::DroppedSum
        } else if !ratio.is_finite() {
            Cause::Unknown
        } else if self.is_off_by(ratio) {
            Cause::Factor(ratio)
        } else if self.shape.is_none() {
            // Along a direction the ratio mixes all elements and tells nothing.
            Cause::Unknown
        } else {
            Cause::Ratio(ratio)
        }
    }

    /// Whether every derivative is closer to `factor` times the expected one than to the expected one itself.
    fn is_off_by(&self, factor: f64) -> bool {
        let is_off = |[analytic, numeric]: &[f64; 2]| {
            let error = ((factor - 1.0) * numeric).abs();
            (analytic - factor * numeric).abs() <= RESOLUTION * error + self.allowed
        };
        self.derivatives.iter().all(is_off)
    }

    fn is_transposed(&self) -> bool {
        let Some([.., rows, columns]) = self.shape else { return false };
        let matrix = rows * columns;
        self.is_permuted(|place| {
            let (first, inside) = (place / matrix * matrix, place % matrix);
            first + inside % rows * columns + inside / rows
        })
    }

    fn is_reversed(&self) -> bool {
        self.shape.is_some() && self.is_permuted(|place| self.derivatives.len() - 1 - place)
    }

    /// Whether each element equals the expected derivative of the element `other(place)`.
    fn is_permuted(&self, other: impl Fn(usize) -> usize) -> bool {
        let is_of_other = |place: usize| close(self.derivatives[place][0], self.derivatives[other(place)][1]);
        // Equal derivatives do not reveal the order.
        let differs = |place: usize| !close(self.derivatives[place][1], self.derivatives[other(place)][1]);
        let mut places = 0..self.derivatives.len();
        places.clone().all(is_of_other) && places.any(differs)
    }

    /// Whether the derivative is the contribution of one output, or lacks that of one output.
    fn is_part_of_a_sum(&self) -> bool {
        let [analytic, numeric] = self.derivatives[self.place];
        let is_close = |part: f64| (analytic - part).abs() <= self.allowed;
        self.contributions.len() > 1
            && self.contributions.iter().any(|one| is_close(*one) || is_close(numeric - one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(analytic: &[f64], numeric: &[f64], place: usize, shape: &[usize]) -> Cause {
        let derivatives: Vec<[f64; 2]> = analytic.iter().zip(numeric).map(|(a, n)| [*a, *n]).collect();
        let contributions = [numeric[place] - 0.25, 0.25];
        let shape = Some(shape);
        Wrong { derivatives: &derivatives, place, contributions: &contributions, allowed: 1e-9, shape }
            .cause()
    }

    #[test]
    fn each_cause_of_a_wrong_gradient_is_recognised() {
        let right = [1.0, 2.0, -3.0, 0.5, 7.0, 11.0];
        let of = |analytic: [f64; 6], place| cause(&analytic, &right, place, &[2, 3]);
        assert_eq!(of(right.map(|_| 0.0), 0), Cause::Zero);
        assert_eq!(of(right.map(|x| -x), 0), Cause::Sign);
        assert_eq!(of(right.map(|x| 2.0 * x), 0), Cause::Factor(2.0));
        assert_eq!(of([1.0, 2.0, -3.0, 0.5, 7.0, 22.0], 5), Cause::Ratio(2.0));
        assert_eq!(of(right.map(|x| 1.25 * x), 0), Cause::Factor(1.25));
        assert!(matches!(of([1.0, 2.0, -3.0, 0.5, 7.0, 11.0 * 1.0005], 5), Cause::Ratio(_)));
        // The rows of the transposed matrix: (1, 0.5), (2, 7), (-3, 11).
        assert_eq!(of([1.0, 0.5, 2.0, 7.0, -3.0, 11.0], 1), Cause::Transposed);
        let reversed = [11.0, 7.0, 0.5, -3.0, 2.0, 1.0];
        assert_eq!(of(reversed, 0), Cause::Reversed);
        // Transposing a single row does not change it.
        let row = cause(&right.map(|x| 1.0005 * x), &right, 0, &[1, 6]);
        assert!(matches!(row, Cause::Factor(factor) if (factor - 1.0005).abs() < 1e-9), "{row:?}");
        assert_eq!(of([0.25, 2.0, -3.0, 0.5, 7.0, 11.0], 0), Cause::DroppedSum);
        assert_eq!(of([1.0, 1.75, -3.0, 0.5, 7.0, 11.0], 1), Cause::DroppedSum);
        assert_eq!(cause(&[1.0, 3.0], &[1.0, 0.0], 1, &[2]), Cause::Unknown);
    }

    #[test]
    fn integer_factors_and_their_inverses_are_written_as_integers() {
        let text = |factor: f64| Cause::Factor(factor).to_string();
        assert!(text(1.9999).ends_with("factor of 2") && text(0.125).ends_with("factor of 1/8"));
        assert!(text(1.05).ends_with("factor of 1.0500"));
    }
}
