//! Finite differences along lines through a point, and the comparison of each with the gradient.

use tensor::Tensor;
use tensor::random::Stream;

use super::cause::Wrong;
use super::place::Variable;
use super::stencil::{self, Moved};
use super::{Along, Checked, GradCheck, Place, RESOLUTION, Roughness, roughness};
use crate::{Error, Result};

/// The tolerance in roundings of the largest element of the gradient, in addition to the noise of the difference: for
/// the sums in `backward`, and for steps that cross a power of two.
const ROUNDINGS: f64 = 256.0;

/// The outputs at a point.
type Value<'a, E> = dyn Fn(&[Tensor]) -> Result<Vec<f64>, E> + 'a;

/// The gradients of `sum(weights * value)` at a point.
pub(crate) struct Derivatives<'a> {
    pub(crate) variables: &'a [Variable],
    pub(crate) point: &'a [Tensor],
    pub(crate) analytic: &'a [Vec<f64>],
    pub(crate) weights: &'a [f64],
}

/// Compares gradients with finite differences of `sum(weights * value)`, along every element or along directions.
pub(crate) fn compare<E: From<Error>>(
    options: &GradCheck,
    given: &Derivatives<'_>,
    value: &Value<'_, E>,
) -> Result<Comparison, E> {
    let centre = value(given.point)?;
    if centre.len() != given.weights.len() {
        let (what, place) =
            ("number of elements of the output".into(), centre.len().min(given.weights.len()));
        let [first, second] = [given.weights.len(), centre.len()].map(|n| n as f64);
        return Err(Error::NonDeterministic { what, place, first, second }.into());
    }
    let mut found = Comparison::default();
    for number in 0..given.point.len() {
        let input = Input { given, number, elements: given.point[number].to_f64_vec(), value };
        let lines =
            options.directions_of(&input).into_iter().map(|direction| input.measure(&centre, direction));
        let lines = lines.collect::<Result<Vec<Line>, E>>()?;
        let slopes = lines.iter().map(|line| line.numeric.abs());
        let largest = slopes.filter(|slope| slope.is_finite()).fold(0.0, f64::max);
        for (place, line) in lines.iter().enumerate() {
            let scale = largest.max(line.terms);
            let allowed = line.noise + (ROUNDINGS * f64::EPSILON + options.tolerance) * scale;
            // Never within if either is not finite.
            match within((line.analytic - line.numeric).abs(), allowed) {
                true => found.add(line, allowed, scale, || input.place(line)),
                false if line.is_absorbed(&centre, given.weights) => found.add_untested(input.place(line)),
                false => return Err(input.refusal(&lines, place, allowed)?.into()),
            }
        }
    }
    Ok(found)
}

/// Whether a difference is within the tolerance. An infinite tolerance is rejected: it comes from a value that should
/// have been finite.
pub(crate) fn within(difference: f64, allowed: f64) -> bool {
    allowed.is_finite() && difference <= allowed
}

/// The direction of a line through the point.
struct Direction {
    along: Along,
    /// The elements that move, each with its share of the distance.
    shares: Vec<(usize, f64)>,
    step: f64,
}

/// A derivative along a line, by `backward` and by finite differences.
struct Line {
    direction: Direction,
    analytic: f64,
    numeric: f64,
    /// The tolerance due to rounding, of this line alone: for a strongly curved neighbour, it is mostly curvature.
    noise: f64,
    /// The sum of the magnitudes whose sum is the derivative.
    terms: f64,
    /// The outputs that changed, with their positions.
    moved: Vec<(usize, Moved)>,
}

impl Line {
    /// Whether the outputs did not move, and the gradient is so small that rounding may have kept them: a bias before a
    /// batch norm, or an output of a much larger size.
    fn is_absorbed(&self, centre: &[f64], weights: &[f64]) -> bool {
        let size: f64 = centre.iter().zip(weights).map(|(y, weight)| (y * weight).abs()).sum();
        self.moved.is_empty() && self.analytic.abs() <= f64::EPSILON * size / self.direction.step
    }

    fn is_rough(&self) -> bool {
        self.moved.iter().any(|(_, moved)| moved.rough)
    }
}

impl GradCheck {
    /// The directions along which an input moves.
    fn directions_of<E>(&self, input: &Input<'_, E>) -> Vec<Direction> {
        // Powers of two.
        let scale = |x: f64| x.abs().max(1.0).log2().ceil().exp2();
        let element = |(place, x): (usize, &f64)| Direction {
            along: Along::element(place, input.shape()),
            shares: vec![(place, 1.0)],
            step: self.step * scale(*x),
        };
        let direction = |number: usize| {
            let mut words = Stream::new(number as u64, "gradcheck directions").sequence(input.number as u64);
            // Odd sixteenths, so that these steps are nearly exact too and no element stands still.
            let share = |x: &f64| ((16.0 * words.uniform()).floor() - 7.5) / 8.0 * scale(*x);
            let shares = input.elements.iter().map(share).enumerate().collect();
            Direction { along: Along::Direction(number), shares, step: self.step }
        };
        match self.directions {
            None => input.elements.iter().enumerate().map(element).collect(),
            Some(n) => (0..n).map(direction).collect(),
        }
    }
}

/// One input of the function.
struct Input<'a, E> {
    given: &'a Derivatives<'a>,
    number: usize,
    elements: Vec<f64>,
    value: &'a Value<'a, E>,
}

impl<E: From<Error>> Input<'_, E> {
    /// The outputs after this many steps along a direction.
    fn at(&self, direction: &Direction, steps: f64) -> Result<Vec<f64>, E> {
        let mut elements = self.elements.clone();
        let distance = steps * direction.step;
        direction.shares.iter().for_each(|&(place, share)| elements[place] += distance * share);
        let mut point = self.given.point.to_vec();
        point[self.number] = Tensor::from_vec(elements, self.shape()).map_err(Error::from)?;
        (self.value)(&point)
    }

    fn measure(&self, centre: &[f64], direction: Direction) -> Result<Line, E> {
        let moved = stencil::along(centre, direction.step, &|steps| self.at(&direction, steps))?;
        let (weights, gradient) = (self.given.weights, &self.given.analytic[self.number]);
        let terms = direction.shares.iter().map(|&(place, share)| share * gradient[place]);
        let noise = |(output, moved): &(usize, Moved)| weights[*output].abs() * moved.allowed(direction.step);
        Ok(Line {
            analytic: terms.clone().sum(),
            terms: terms.map(f64::abs).sum(),
            numeric: moved.iter().map(|(output, moved)| weights[*output] * moved.slope).sum(),
            noise: moved.iter().map(noise).sum(),
            direction,
            moved,
        })
    }

    /// Why the derivative along one of the lines is refused.
    fn refusal(&self, lines: &[Line], which: usize, allowed: f64) -> Result<Error, E> {
        let line = &lines[which];
        let (place, analytic, numeric) = (self.place(line), line.analytic, line.numeric);
        if !numeric.is_finite() {
            return Ok(Error::NotSmooth { place, roughness: Roughness::Singular, analytic, numeric });
        }
        if !analytic.is_finite() {
            return Ok(Error::NonFiniteGradient { place, analytic, numeric });
        }
        if line.is_rough() {
            let rough_sum = |steps: f64| -> Result<f64, E> {
                let outputs = self.at(&line.direction, steps)?;
                let rough = line.moved.iter().filter(|(_, moved)| moved.rough);
                let term = |(output, _): &(usize, Moved)| {
                    self.given.weights[*output] * outputs.get(*output).copied().unwrap_or(f64::NAN)
                };
                Ok(rough.map(term).sum())
            };
            let roughness = roughness::of(&rough_sum)?;
            return Ok(Error::NotSmooth { place, roughness, analytic, numeric });
        }
        let contribution = |(output, moved): &(usize, Moved)| self.given.weights[*output] * moved.slope;
        let wrong = Wrong {
            derivatives: &lines.iter().map(|line| [line.analytic, line.numeric]).collect::<Vec<_>>(),
            place: which,
            contributions: &line.moved.iter().map(contribution).collect::<Vec<_>>(),
            allowed,
            shape: matches!(line.direction.along, Along::Element(_)).then_some(self.shape()),
        };
        let (difference, cause) = ((analytic - numeric).abs(), wrong.cause());
        Ok(Error::WrongGradient { place, analytic, numeric, difference, allowed, cause })
    }
}

impl<E> Input<'_, E> {
    fn shape(&self) -> &[usize] {
        self.given.point[self.number].shape()
    }

    fn place(&self, line: &Line) -> Place {
        self.given.variables[self.number].place(&line.direction.along)
    }
}

/// The result of [`compare`].
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) checked: Checked,
    /// The largest derivative by finite differences, resolved or not, and what rounding may add to it.
    largest: f64,
    noise: f64,
}

impl Comparison {
    /// The statistics, or an error if finite differences resolve no derivative.
    pub(crate) fn not_vacuous(self) -> Result<Checked> {
        let Self { checked, largest, noise } = self;
        match checked.resolved {
            0 => Err(Error::Unresolved { elements: checked.elements, largest, noise }),
            _ => Ok(checked),
        }
    }

    fn add_untested(&mut self, place: Place) {
        self.checked.elements += 1;
        self.checked.untested.push(place);
    }

    fn add(&mut self, line: &Line, allowed: f64, scale: f64, place: impl Fn() -> Place) {
        let (checked, numeric) = (&mut self.checked, line.numeric.abs());
        checked.elements += 1;
        let error = (line.analytic - line.numeric).abs() / scale;
        checked.worst = checked.worst.max(if scale > 0.0 { error } else { 0.0 });
        if line.is_rough() || allowed >= RESOLUTION * scale {
            checked.untested.push(place());
        } else if allowed < RESOLUTION * numeric {
            checked.smallest = if checked.resolved == 0 { numeric } else { checked.smallest.min(numeric) };
            checked.largest = checked.largest.max(numeric);
            checked.resolved += 1;
        }
        if numeric >= self.largest {
            (self.largest, self.noise) = (numeric, allowed);
        }
    }
}
