//! Finite differences along lines through a point, and the comparison of each with the gradient.

use tensor::Tensor;
use tensor::random::Stream;

use super::cause::Wrong;
use super::place::Variable;
use super::stencil::{self, Moved};
use super::{Along, Checked, GradCheck, Place, RESOLUTION, Roughness, roughness};
use crate::{Error, Result};

/// The tolerance in roundings of the largest element of the gradient, in addition to the noise of the difference. It
/// covers the sums in `backward`, and steps that cross a power of two.
const ROUNDINGS: f64 = 256.0;

/// A function from a point to the outputs there.
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
        found.inputs.push(OfInput::default());
        let lines =
            options.directions_of(&input).into_iter().map(|direction| input.measure(&centre, direction));
        let lines = lines.collect::<Result<Vec<Line>, E>>()?;
        let slopes = lines.iter().map(|line| line.numeric.abs());
        let largest = slopes.filter(|slope| slope.is_finite()).fold(0.0, f64::max);
        for (place, line) in lines.iter().enumerate() {
            let scale = largest.max(line.terms);
            let tolerance_of = |line: &Line| {
                let allowed = line.noise + (ROUNDINGS * f64::EPSILON + options.tolerance) * scale;
                // `within` is false if either value is not finite.
                (allowed, within((line.analytic - line.numeric).abs(), allowed))
            };
            let mut accept = |line: &Line, allowed: f64| -> Result<(), E> {
                if allowed >= RESOLUTION * scale || line.is_rough() {
                    input.require_smooth(line)?;
                }
                found.add(line, allowed, scale, || input.place(line));
                Ok(())
            };
            let (allowed, is_within) = tolerance_of(line);
            if is_within {
                accept(line, allowed)?;
            } else if let Some(noise) = line.absorbed(&centre, given.weights) {
                found.add_untested(input.place(line), noise);
            } else {
                match input.measured_again(&centre, line)?.map(|line| (tolerance_of(&line), line)) {
                    Some(((allowed, true), line)) => accept(&line, allowed)?,
                    _ => return Err(input.refusal(&lines, place, allowed)?.into()),
                }
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
#[derive(Clone)]
struct Direction {
    along: Along,
    /// The elements that change, each with its component of the direction.
    shares: Vec<(usize, f64)>,
    step: f64,
}

/// A derivative along a line, by `backward` and by finite differences.
struct Line {
    direction: Direction,
    analytic: f64,
    numeric: f64,
    /// The tolerance due to rounding of this line alone. Unresolved curvature along another line does not enter it.
    noise: f64,
    /// The bound on the error of `numeric`, which also covers outputs that are not smooth.
    uncertainty: f64,
    /// The sum of the magnitudes of the terms of the derivative.
    terms: f64,
    /// The outputs that change along the line, with their positions.
    moved: Vec<(usize, Moved)>,
}

impl Line {
    /// If no output changed and the gradient is small enough to be hidden by rounding, the largest gradient that
    /// rounding would hide. Examples are a bias before a batch norm, or a parameter of an output that is much larger
    /// than its effect.
    fn absorbed(&self, centre: &[f64], weights: &[f64]) -> Option<f64> {
        let size: f64 = centre.iter().zip(weights).map(|(y, weight)| (y * weight).abs()).sum();
        let hidden = f64::EPSILON * size / self.direction.step;
        (self.moved.is_empty() && self.analytic.abs() <= hidden).then_some(hidden)
    }

    fn is_rough(&self) -> bool {
        self.moved.iter().any(|(_, moved)| moved.rough)
    }
}

impl GradCheck {
    /// The directions along which the derivatives of an input are compared.
    fn directions_of<E>(&self, input: &Input<'_, E>) -> Vec<Direction> {
        // Scales are powers of two.
        let scale = |x: f64| x.abs().max(1.0).log2().ceil().exp2();
        let element = |(place, x): (usize, &f64)| Direction {
            along: Along::element(place, input.shape()),
            shares: vec![(place, 1.0)],
            step: self.step * scale(*x),
        };
        // The steps are exact unless `x + step * share * scale` crosses a power of two.
        let grid = f64::EPSILON / self.step;
        let direction = |number: usize| {
            let mut words = Stream::new(number as u64, "gradcheck directions").sequence(input.number as u64);
            let share = |x: &f64| {
                // Components from 1/2 to 1 with either sign: every element changes, and equal components are unlikely.
                let uniform = 2.0 * words.uniform() - 1.0;
                let magnitude = ((1.0 + uniform.abs()) / (2.0 * grid)).floor() * grid;
                magnitude.copysign(uniform) * scale(*x)
            };
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
        let step = direction.step;
        let sum = |of: &dyn Fn(&Moved) -> f64| {
            moved.iter().map(|(output, moved)| weights[*output].abs() * of(moved)).sum()
        };
        Ok(Line {
            analytic: terms.clone().sum(),
            terms: terms.map(f64::abs).sum(),
            numeric: moved.iter().map(|(output, moved)| weights[*output] * moved.slope).sum(),
            noise: sum(&|moved| moved.allowed(step)),
            uncertainty: sum(&|moved| moved.uncertainty(step)),
            direction,
            moved,
        })
    }

    /// Measures the line again at half the step and combines the noise of both. The noise of one stencil is estimated
    /// from two samples and may be too small by chance. `None` if the line is not smooth, because then another sample
    /// does not help.
    fn measured_again(&self, centre: &[f64], line: &Line) -> Result<Option<Line>, E> {
        if line.is_rough() {
            return Ok(None);
        }
        let direction = Direction { step: line.direction.step / 2.0, ..line.direction.clone() };
        let again = self.measure(centre, direction)?;
        let [noise, uncertainty] =
            [again.noise.max(2.0 * line.noise), again.uncertainty.max(2.0 * line.uncertainty)];
        Ok((!again.is_rough()).then_some(Line { noise, uncertainty, ..again }))
    }

    /// Rejects a derivative that is within its tolerance only because outputs are not smooth, such as a kink that is
    /// small compared with the output.
    fn require_smooth(&self, line: &Line) -> Result<(), E> {
        match self.roughness(line, &Moved::is_loud)? {
            Some(roughness) => {
                let (place, analytic, numeric) = (self.place(line), line.analytic, line.numeric);
                Err(Error::NotSmooth { place, roughness, analytic, numeric }.into())
            }
            None => Ok(()),
        }
    }

    /// The non-smoothness of the weighted sum of the chosen outputs along the line; `None` if it is explained by
    /// rounding.
    fn roughness(&self, line: &Line, chosen: &dyn Fn(&Moved) -> bool) -> Result<Option<Roughness>, E> {
        let chosen: Vec<usize> =
            line.moved.iter().filter(|(_, moved)| chosen(moved)).map(|(output, _)| *output).collect();
        if chosen.is_empty() {
            return Ok(None);
        }
        roughness::of(&|steps| {
            let outputs = self.at(&line.direction, steps)?;
            let term = |&output: &usize| {
                self.given.weights[output] * outputs.get(output).copied().unwrap_or(f64::NAN)
            };
            Ok(chosen.iter().map(term).sum())
        })
    }

    /// The error for a rejected derivative, that along `lines[which]`.
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
            let roughness = self.roughness(line, &|moved| moved.rough)?.unwrap_or(Roughness::TooSteep);
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
    checked: Checked,
    /// One entry for each input.
    inputs: Vec<OfInput>,
}

/// Statistics of the derivatives with respect to one input.
#[derive(Clone, Default)]
struct OfInput {
    elements: usize,
    resolved: usize,
    /// The largest derivative by finite differences, resolved or not.
    largest: f64,
    /// The largest bound on the error of a derivative.
    noise: f64,
}

impl Comparison {
    /// The statistics.
    pub(crate) fn checked(self) -> Checked {
        let unresolved = self.inputs.iter().enumerate().filter(|(_, input)| input.resolved == 0);
        let unresolved = unresolved.map(|(number, _)| number).collect();
        Checked { unresolved, ..self.checked }
    }

    /// The statistics, or an error if an input was not tested: none of its derivatives is resolved, although they may
    /// be as large as a thousandth of the largest resolved one.
    pub(crate) fn not_vacuous(self, variables: &[Variable]) -> Result<Checked> {
        let unknown =
            |input: &OfInput| input.resolved == 0 && input.noise >= RESOLUTION * self.checked.largest;
        if self.checked.resolved > 0 && !self.inputs.iter().any(unknown) {
            return Ok(self.checked());
        }
        let place = self.inputs.iter().position(|input| unknown(input) && input.elements > 0).unwrap_or(0);
        let OfInput { elements, largest, noise, .. } = self.inputs.get(place).cloned().unwrap_or_default();
        let input = variables.get(place).map_or("any input".into(), Variable::to_string);
        Err(Error::Unresolved { input, elements, largest, noise })
    }

    fn add_untested(&mut self, place: Place, noise: f64) {
        self.checked.elements += 1;
        self.checked.untested.push(place);
        self.of_input(0.0, noise);
    }

    /// Counts a derivative with respect to the input that was added last.
    fn of_input(&mut self, numeric: f64, noise: f64) -> &mut OfInput {
        let input = self.inputs.last_mut().expect("an input is registered before its derivatives");
        input.elements += 1;
        (input.largest, input.noise) = (input.largest.max(numeric), input.noise.max(noise));
        input
    }

    fn add(&mut self, line: &Line, allowed: f64, scale: f64, place: impl Fn() -> Place) {
        let numeric = line.numeric.abs();
        let is_tested = !line.is_rough() && allowed < RESOLUTION * scale;
        let is_resolved = is_tested && allowed < RESOLUTION * numeric;
        self.of_input(numeric, allowed.max(line.uncertainty)).resolved += usize::from(is_resolved);
        let checked = &mut self.checked;
        checked.elements += 1;
        let error = (line.analytic - line.numeric).abs() / scale;
        checked.worst = checked.worst.max(if scale > 0.0 { error } else { 0.0 });
        if is_resolved {
            checked.smallest = if checked.resolved == 0 { numeric } else { checked.smallest.min(numeric) };
            checked.largest = checked.largest.max(numeric);
            checked.resolved += 1;
        } else if !is_tested {
            checked.untested.push(place());
        }
    }
}
