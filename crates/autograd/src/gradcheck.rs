//! Gradient checks: compares derivatives with finite differences.

use tensor::Tensor;
use tensor::random::Stream;

use crate::{Error, Result, Tape, Var};
use stencil::Moved;

mod stencil;

#[cfg(feature = "cases")]
pub mod cases;
#[cfg(feature = "cases")]
pub mod checks;
#[cfg(feature = "cases")]
pub mod classes;
#[cfg(feature = "cases")]
pub mod directional;
#[cfg(feature = "cases")]
pub mod extremes;
#[cfg(feature = "cases")]
pub mod linear;
#[cfg(feature = "cases")]
pub mod routing;
#[cfg(feature = "cases")]
mod seeds;

/// The step for an input of magnitude below one; for larger inputs it scales with the magnitude. A power of two, so that
/// steps are nearly exact.
const STEP: f64 = 1.0 / 1024.0;

/// The tolerance in roundings of the largest element of the gradient, in addition to the noise of the difference: for
/// the sums in `backward`, and for steps that cross a power of two.
const ROUNDINGS: f64 = 256.0;

/// The relative error that every check must detect: a derivative known less precisely is unresolved.
const RESOLUTION: f64 = 1e-3;

/// Statistics of a gradient check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checked {
    /// The number of derivatives that were compared.
    pub elements: usize,
    /// The number of derivatives that finite differences resolve to 0.1 %. The others are close to zero or below the noise.
    pub resolved: usize,
    /// The largest difference, relative to the largest derivative with respect to the same input.
    pub worst: f64,
}

/// Compares the gradients of `f` with finite differences, for every element of every input.
///
/// The inputs are `f64` tensors away from kinks of `f`; the output is an `f64` tensor of any shape. The tolerance is
/// derived: [`f64::EPSILON`] times the largest derivative with respect to the same input, plus the rounding of the
/// outputs that depend on the element.
///
/// ```
/// use agon_autograd::gradcheck;
/// use tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![0.3, -1.2, 0.7, 2.0], &[2, 2])?;
/// let w = Tensor::from_vec(vec![1.0, 0.5, -0.5], &[3, 1])?;
/// let checked = gradcheck(|[x, w]| w.add(&x.reshape(&[4])?)?.tanh(), [&x, &w])?;
/// assert_eq!((checked.elements, checked.resolved), (7, 7));
/// # Ok::<(), agon_autograd::Error>(())
/// ```
///
/// # Errors
/// [`Error::WrongGradient`] with the input, the element and both values; [`Error::NonFiniteGradient`];
/// [`Error::Unresolved`] if no derivative is above the noise; [`Error::NonDeterministic`]; [`tensor::Error::DType`] if
/// an input or the output is not `f64`; the errors of `f` itself.
pub fn gradcheck<const N: usize>(
    f: impl for<'t> Fn([Var<'t>; N]) -> Result<Var<'t>>,
    inputs: [&Tensor; N],
) -> Result<Checked> {
    gradcheck_with(f, inputs, crate::ops::add::sum)
}

/// [`gradcheck`] on a tape that accumulates gradients with `sum`.
fn gradcheck_with<const N: usize>(
    f: impl for<'t> Fn([Var<'t>; N]) -> Result<Var<'t>>,
    inputs: [&Tensor; N],
    sum: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Checked> {
    let tape = Tape::new();
    let vars = inputs.map(|input| tape.input(input));
    let output = f(vars.clone())?;
    let recorded = output.value().as_slice::<f64>()?.to_vec();
    let weight = weights(output.shape(), 0);
    let gradients = tape.backward_pass(&output, weight.clone(), sum)?;
    let analytic = vars.each_ref().map(|var| match gradients.of(var) {
        Ok(gradient) => gradient.to_f64_vec(),
        // The derivative with respect to an unused input must be zero.
        Err(_) => vec![0.0; var.value().len()],
    });
    let value = |inputs: [&Tensor; N]| {
        let tape = Tape::without_gradients();
        Ok(f(inputs.map(|input| tape.constant(input)))?.value().to_f64_vec())
    };
    let again = value(inputs)?;
    if let Some(place) =
        (0..recorded.len()).find(|&place| again[place].to_bits() != recorded[place].to_bits())
    {
        return Err(Error::NonDeterministic { place, first: recorded[place], second: again[place] });
    }
    let Comparison { checked, largest, noise } = compare(&value, &weight.to_f64_vec(), inputs, &analytic)?;
    match checked.resolved {
        0 => Err(Error::Unresolved { elements: checked.elements, largest, noise }),
        _ => Ok(checked),
    }
}

/// The result of [`compare`].
struct Comparison {
    checked: Checked,
    /// The largest derivative by finite differences, and what rounding may add to it.
    largest: f64,
    noise: f64,
}

/// One derivative by finite differences.
struct Numeric {
    slope: f64,
    step: f64,
    /// The outputs that changed, with their positions.
    moved: Vec<(usize, Moved)>,
}

/// Compares `analytic` with finite differences of `sum(weights * value)`, element-wise.
fn compare<const N: usize>(
    value: &dyn Fn([&Tensor; N]) -> Result<Vec<f64>>,
    weights: &[f64],
    inputs: [&Tensor; N],
    analytic: &[Vec<f64>; N],
) -> Result<Comparison> {
    let centre = value(inputs)?;
    let mut numeric: [Vec<Numeric>; N] = std::array::from_fn(|_| vec![]);
    for (input, numeric) in numeric.iter_mut().enumerate() {
        let at = inputs[input].as_slice::<f64>()?.to_vec();
        for place in 0..at.len() {
            let step = STEP * at[place].abs().max(1.0).log2().ceil().exp2();
            let moved = stencil::along(&centre, step, &|steps| {
                let mut values = at.clone();
                values[place] += steps * step;
                let moved = Tensor::from_vec(values, inputs[input].shape())?;
                let mut inputs = inputs;
                inputs[input] = &moved;
                value(inputs)
            })?;
            let slope = moved.iter().map(|(output, moved)| weights[*output] * moved.slope).sum();
            numeric.push(Numeric { slope, step, moved });
        }
    }
    let mut found =
        Comparison { checked: Checked { elements: 0, resolved: 0, worst: 0.0 }, largest: 0.0, noise: 0.0 };
    for (input, numeric) in numeric.iter().enumerate() {
        let slopes = numeric.iter().map(|one| one.slope.abs());
        let row = slopes.filter(|slope| slope.is_finite()).fold(0.0, f64::max);
        for (place, (one, &analytic)) in numeric.iter().zip(&analytic[input]).enumerate() {
            let element = || unravel(place, inputs[input].shape());
            let numeric = one.slope;
            if !(analytic.is_finite() && numeric.is_finite()) {
                return Err(Error::NonFiniteGradient { input, element: element(), analytic, numeric });
            }
            // The noise of this line alone: for a strongly curved neighbour, the noise estimate is mostly curvature.
            let rounded = |(output, moved): &(usize, Moved)| weights[*output].abs() * moved.allowed(one.step);
            let rounding = one.moved.iter().map(rounded).sum::<f64>();
            let allowed = rounding + ROUNDINGS * f64::EPSILON * row;
            let difference = (analytic - numeric).abs();
            if !within(difference, allowed) {
                let (element, hint) = (element(), hint(one, analytic));
                return Err(Error::WrongGradient {
                    input,
                    element,
                    analytic,
                    numeric,
                    difference,
                    allowed,
                    hint,
                });
            }
            found.checked.elements += 1;
            found.checked.resolved += usize::from(allowed < RESOLUTION * numeric.abs());
            found.checked.worst = found.checked.worst.max(if row > 0.0 { difference / row } else { 0.0 });
            if numeric.abs() >= found.largest {
                (found.largest, found.noise) = (numeric.abs(), allowed);
            }
        }
    }
    Ok(found)
}

/// Whether a difference is within the tolerance. An infinite tolerance is rejected: it comes from a value that should
/// have been finite.
fn within(difference: f64, allowed: f64) -> bool {
    allowed.is_finite() && difference <= allowed
}

/// A likely cause of a wrong derivative.
fn hint(numeric: &Numeric, analytic: f64) -> String {
    let ratio = analytic / numeric.slope;
    if numeric.moved.iter().any(|(_, moved)| moved.rough) {
        "; the function has a kink, a jump or a very steep slope there, so move the input away from it".into()
    } else if analytic == 0.0 {
        "; the gradient is missing".into()
    } else if (ratio + 1.0).abs() < RESOLUTION {
        "; the sign is wrong".into()
    } else if ratio.is_finite() {
        format!("; it is {ratio:.4} times the expected value")
    } else {
        String::new()
    }
}

/// Fixed pseudo-random weights in [-1, 1) that reduce an output to a scalar.
fn weights(shape: &[usize], output: u64) -> Tensor {
    let mut words = Stream::new(0, "gradcheck").sequence(output);
    let values = (0..shape.iter().product()).map(|_| 2.0 * words.uniform() - 1.0).collect();
    Tensor::from_vec(values, shape).expect("as many values as the shape has elements")
}

#[cfg(feature = "cases")]
fn dot(x: &Tensor, y: &Tensor) -> f64 {
    debug_assert_eq!(y.dtype(), tensor::DType::F64);
    x.to_f64_vec().iter().zip(y.to_f64_vec()).map(|(x, y)| x * y).sum()
}

/// The index of the element at `place` in row-major order.
fn unravel(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = place % shape[axis];
        place /= shape[axis];
    }
    index
}

#[cfg(test)]
mod tests;
