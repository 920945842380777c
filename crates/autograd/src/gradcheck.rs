//! Comparing derivatives with finite differences.

use tensor::random::Stream;
use tensor::{DType, Tensor};

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

/// The step along an input whose size is below one; along larger ones it grows as they do. A power of two, so that
/// stepping rounds next to nothing.
const STEP: f64 = 1.0 / 1024.0;

/// How many roundings of the largest number of its gradient an element may be off, beside the noise of its difference:
/// those of the sums that `backward` makes, and of steps that cross a power of two.
const ROUNDINGS: f64 = 256.0;

/// The mistake that every check is to find: a derivative that is known no better is not resolved.
const RESOLUTION: f64 = 1e-3;

/// What a check has looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checked {
    /// The number of derivatives that were compared.
    pub elements: usize,
    /// How many of them finite differences know to 0.1 %. The others are about zero, or below the noise.
    pub resolved: usize,
    /// The largest difference, relative to the largest derivative by the same input.
    pub worst: f64,
}

/// Compares the gradients of `f` with finite differences, for every element of every input.
///
/// The inputs are tensors of `f64`, away from kinks of `f`; the output is one of `f64` of any shape. What a derivative
/// may be off follows from its own size: [`f64::EPSILON`] times the largest derivative by the same input, and the
/// rounding of the outputs that move with its element.
///
/// ```
/// use autograd::gradcheck;
/// use tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![0.3, -1.2, 0.7, 2.0], &[2, 2])?;
/// let w = Tensor::from_vec(vec![1.0, 0.5, -0.5], &[3, 1])?;
/// let checked = gradcheck(|[x, w]| w.add(&x.reshape(&[4])?)?.tanh(), [&x, &w])?;
/// assert_eq!((checked.elements, checked.resolved), (7, 7));
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// [`Error::WrongGradient`] with the input, the element and both numbers; [`Error::NonFiniteGradient`];
/// [`Error::Unresolved`] if no derivative rises above the noise; [`Error::NonDeterministic`]; [`tensor::Error::DType`] if
/// an input or the output is not of `f64`; whatever `f` itself returns.
pub fn gradcheck<const N: usize>(
    f: impl for<'t> Fn([Var<'t>; N]) -> Result<Var<'t>>,
    inputs: [&Tensor; N],
) -> Result<Checked> {
    gradcheck_with(f, inputs, crate::ops::add::sum)
}

/// [`gradcheck`] of a tape that adds gradients by `sum`.
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
    let gradients = tape.walk_back(&output, weight.clone(), sum)?;
    let analytic = vars.each_ref().map(|var| match gradients.of(var) {
        Ok(gradient) => gradient.to_f64_vec(),
        // A function that does not depend on an input has derivative zero there, and so it must be.
        Err(_) => vec![0.0; var.value().len()],
    });
    let value = |inputs: [&Tensor; N]| {
        let tape = Tape::without_gradients();
        Ok(f(inputs.map(|input| tape.constant(input)))?.value().to_f64_vec())
    };
    let again = value(inputs)?;
    if let Some(place) = (0..recorded.len()).find(|&place| again[place].to_bits() != recorded[place].to_bits()) {
        return Err(Error::NonDeterministic { place, first: recorded[place], second: again[place] });
    }
    let Comparison { checked, largest, noise } = compare(value, &weight.to_f64_vec(), inputs, &analytic)?;
    match checked.resolved {
        0 => Err(Error::Unresolved { elements: checked.elements, largest, noise }),
        _ => Ok(checked),
    }
}

/// What [`compare`] has found.
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
    /// The outputs that moved, with their places.
    moved: Vec<(usize, Moved)>,
}

/// Compares `analytic` with finite differences of `sum(weights * value)`, element by element.
fn compare<const N: usize>(
    value: impl Fn([&Tensor; N]) -> Result<Vec<f64>>,
    weights: &[f64],
    inputs: [&Tensor; N],
    analytic: &[Vec<f64>; N],
) -> Result<Comparison> {
    let centre = value(inputs)?;
    // The rounding of each output, as seen from every element that moves it.
    let mut noise = vec![0.0f64; centre.len()];
    let mut numeric: [Vec<Numeric>; N] = std::array::from_fn(|_| vec![]);
    for (input, numeric) in numeric.iter_mut().enumerate() {
        let at = inputs[input].as_slice::<f64>()?.to_vec();
        for place in 0..at.len() {
            let step = STEP * at[place].abs().max(1.0).log2().ceil().exp2();
            let moved = stencil::along(&centre, step, |steps| {
                let mut values = at.clone();
                values[place] += steps * step;
                let moved = Tensor::from_vec(values, inputs[input].shape())?;
                let mut inputs = inputs;
                inputs[input] = &moved;
                value(inputs)
            })?;
            moved.iter().for_each(|(output, moved)| noise[*output] = noise[*output].max(moved.noise));
            let slope = moved.iter().map(|(output, moved)| weights[*output] * moved.slope).sum();
            numeric.push(Numeric { slope, step, moved });
        }
    }
    let mut found = Comparison {
        checked: Checked { elements: 0, resolved: 0, worst: 0.0 },
        largest: 0.0,
        noise: 0.0,
    };
    for (input, numeric) in numeric.iter().enumerate() {
        let slopes = numeric.iter().map(|one| one.slope.abs());
        let row = slopes.filter(|slope| slope.is_finite()).fold(0.0, f64::max);
        for (place, (one, &analytic)) in numeric.iter().zip(&analytic[input]).enumerate() {
            let element = || unravel(place, inputs[input].shape());
            let numeric = one.slope;
            if !(analytic.is_finite() && numeric.is_finite()) {
                return Err(Error::NonFiniteGradient { input, element: element(), analytic, numeric });
            }
            let rounded = |(output, moved): &(usize, Moved)| {
                weights[*output].abs() * moved.allowed(noise[*output], one.step)
            };
            let rounding = one.moved.iter().map(rounded).sum::<f64>();
            let allowed = rounding + ROUNDINGS * f64::EPSILON * row;
            let difference = (analytic - numeric).abs();
            if !within(difference, allowed) {
                let (element, hint) = (element(), hint(one, analytic));
                return Err(Error::WrongGradient { input, element, analytic, numeric, difference, allowed, hint });
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

/// Whether two numbers are as close as is allowed. An infinite allowance allows nothing: it comes of a number that
/// should have been finite.
fn within(difference: f64, allowed: f64) -> bool {
    allowed.is_finite() && difference <= allowed
}

/// What a wrong derivative looks like.
fn hint(numeric: &Numeric, analytic: f64) -> String {
    let ratio = analytic / numeric.slope;
    match () {
        () if numeric.moved.iter().any(|(_, moved)| moved.rough) => {
            "; the function has a kink, a jump or a very steep slope there, so move the input away from it".into()
        }
        () if analytic == 0.0 => "; the gradient is missing".into(),
        () if (ratio + 1.0).abs() < RESOLUTION => "; the sign is wrong".into(),
        () if ratio.is_finite() => format!("; it is {ratio:.4} times what it should be"),
        () => String::new(),
    }
}

/// Fixed random numbers in [-1, 1): the direction in which an output is looked at.
fn weights(shape: &[usize], output: u64) -> Tensor {
    let mut words = Stream::new(0, "gradcheck").sequence(output);
    let values = (0..shape.iter().product()).map(|_| 2.0 * words.uniform() - 1.0).collect();
    Tensor::from_vec(values, shape).expect("as many values as the shape has elements")
}

#[cfg(feature = "cases")]
fn dot(x: &Tensor, y: &Tensor) -> f64 {
    debug_assert_eq!(y.dtype(), DType::F64);
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
mod tests {
    use super::*;
    use crate::Op;
    use crate::op::if_wanted;

    fn row(values: &[f64]) -> Tensor {
        Tensor::from_slice(values, &[values.len()]).unwrap()
    }

    /// `x + x`, with what `backward` makes of its gradient.
    #[derive(Debug)]
    struct Double(fn(Vec<f64>) -> Vec<f64>);

    impl Op<1> for Double {
        const NAME: &'static str = "double";
        type Saved = ();
        fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
            Ok(([crate::ops::add::sum(x, x)?], ()))
        }
        fn backward(&self, (): &(), [dy]: [&Tensor; 1], [wanted]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
            let doubled = dy.to_f64_vec().iter().map(|dy| 2.0 * dy).collect();
            Ok([if_wanted(wanted, || Ok(Tensor::from_vec::<f64>(self.0(doubled), dy.shape())?))?])
        }
    }

    fn check_double(backward: fn(Vec<f64>) -> Vec<f64>, x: &[f64]) -> Result<Checked> {
        gradcheck(|[x]| Ok(x.tape().apply(Double(backward), [&x])?[0].clone()), [&row(x)])
    }

    /// `backward` with a function of the gradient of the last element.
    fn last(mut dx: Vec<f64>, change: fn(f64) -> f64) -> Vec<f64> {
        dx.iter_mut().rev().take(1).for_each(|dx| *dx = change(*dx));
        dx
    }

    #[test]
    fn a_right_derivative_is_accepted() {
        for x in [&[0.2, -0.4][..], &[1e8, -0.4], &[1e-9, 3.0], &[1e-300, 1e300]] {
            let checked = check_double(|dx| dx, x).unwrap();
            assert_eq!((checked.elements, checked.resolved), (2, 2), "{x:?}");
            assert!(checked.worst < 1e-10, "{x:?} {}", checked.worst);
        }
    }

    #[test]
    fn dishonest_derivatives_are_refused() {
        let planted: [(&str, fn(Vec<f64>) -> Vec<f64>); 9] = [
            ("zero", |dx| last(dx, |_| 0.0)),
            ("all zero", |dx| vec![0.0; dx.len()]),
            ("twice", |dx| last(dx, |dx| 2.0 * dx)),
            ("5 % off", |dx| last(dx, |dx| 1.05 * dx)),
            ("0.1 % off", |dx| last(dx, |dx| 1.001 * dx)),
            ("of the wrong sign", |dx| last(dx, |dx| -dx)),
            ("huge", |dx| last(dx, |_| 1e300)),
            ("in the wrong order", |dx| dx.into_iter().rev().collect()),
            ("a millionth off", |dx| last(dx, |dx| dx * 1.000_001)),
        ];
        // Beside ordinary, tiny and large values: what is allowed an element is its own.
        for x in [&[0.2, 0.3, -0.4][..], &[1e8, 0.3, -0.4], &[-1e12, 1e8, 0.1], &[1e-9, 1e-12, 1e-9]] {
            for (how, backward) in planted {
                let error = check_double(backward, x);
                assert!(matches!(error, Err(Error::WrongGradient { .. })), "{how} at {x:?}: {error:?}");
            }
            let infinite: [fn(Vec<f64>) -> Vec<f64>; 3] = [
                |dx| last(dx, |_| f64::INFINITY),
                |dx| last(dx, |_| f64::NEG_INFINITY),
                |dx| last(dx, |_| f64::NAN),
            ];
            for backward in infinite {
                let error = check_double(backward, x);
                assert!(matches!(error, Err(Error::NonFiniteGradient { .. })), "{x:?}: {error:?}");
            }
        }
    }

    #[test]
    fn a_refusal_has_the_element_both_numbers_and_what_they_look_like() {
        let hint_of = |backward| match check_double(backward, &[0.2, -0.4]) {
            Err(Error::WrongGradient { input: 0, element, analytic, numeric, hint, .. }) => {
                assert_eq!(element, [1]);
                (analytic / numeric, hint)
            }
            other => panic!("the planted error was not found: {other:?}"),
        };
        let (ratio, hint) = hint_of(|dx| last(dx, |dx| 1.001 * dx));
        assert!((ratio - 1.001).abs() < 1e-6 && hint.contains("1.0010 times"), "{hint}");
        assert!(hint_of(|dx| last(dx, |_| 0.0)).1.contains("missing"));
        assert!(hint_of(|dx| last(dx, |dx| -dx)).1.contains("sign"));
        let error = gradcheck(|[x]| x.relu(), [&row(&[0.5, 0.0])]).unwrap_err();
        assert!(error.to_string().contains("kink"), "{error}");
    }

    #[test]
    fn slopes_far_below_one_are_compared_all_the_same() {
        // The largest slope is 1e-12: beside 1 + |f| it would vanish.
        let small = |scale: f64, x: &[f64]| {
            gradcheck(
                move |[x]| {
                    let [y] = x.tape().apply(Double(|dx| last(dx, |_| 0.0)), [&x])?;
                    y.scale(scale)
                },
                [&row(x)],
            )
        };
        for scale in [1.0, 1e-6, 1e-12, 1e-100, 1e12] {
            let error = small(scale, &[0.2, -0.4]);
            assert!(matches!(error, Err(Error::WrongGradient { .. })), "{scale}: {error:?}");
        }
    }

    #[test]
    fn five_per_cent_are_found_in_a_sum_of_1e8() {
        fn summed(backward: fn(Vec<f64>) -> Vec<f64>) -> Result<Checked> {
            gradcheck(
                move |[x, large]| {
                    let [y] = x.tape().apply(Double(backward), [&x])?;
                    y.sum_axes(&[0], false)?.add(&large)
                },
                [&row(&[0.2, -0.4]), &Tensor::full(1e8, &[], DType::F64)],
            )
        }
        assert_eq!(summed(|dx| dx).unwrap().resolved, 3);
        let error = summed(|dx| last(dx, |dx| 1.05 * dx));
        assert!(matches!(error, Err(Error::WrongGradient { input: 0, .. })), "{error:?}");
    }

    #[test]
    fn a_check_that_resolves_nothing_is_refused() {
        let far_above = row(&[1e17]);
        let hidden = gradcheck(
            move |[x]| {
                let [y] = x.tape().apply(Double(|dx| vec![0.0; dx.len()]), [&x])?;
                y.scale(1e-6)?.add(&x.tape().constant(&far_above))
            },
            [&row(&[0.2])],
        );
        assert!(matches!(hidden, Err(Error::Unresolved { elements: 1, .. })), "{hidden:?}");
        let constant = gradcheck(|[x]| x.scale(0.0), [&row(&[0.2, 0.3])]);
        assert!(matches!(constant, Err(Error::Unresolved { elements: 2, .. })), "{constant:?}");
        let empty = gradcheck(|[x]| x.tanh(), [&row(&[])]);
        assert!(matches!(empty, Err(Error::Unresolved { elements: 0, .. })), "{empty:?}");
    }

    #[test]
    fn a_function_that_changes_is_refused() {
        let calls = std::cell::Cell::new(0.0);
        let changing = gradcheck(
            |[x]| {
                calls.set(calls.get() + 1.0);
                x.scale(calls.get())
            },
            [&row(&[1.0])],
        );
        assert_eq!(changing, Err(Error::NonDeterministic { place: 0, first: 1.0, second: 2.0 }));
    }

    #[test]
    fn a_forgotten_addition_is_refused() {
        fn used_twice<'t>([x]: [Var<'t>; 1]) -> Result<Var<'t>> {
            x.tanh()?.add(&x)
        }
        let x = row(&[0.3, 1.5]);
        assert!(gradcheck_with(used_twice, [&x], crate::ops::add::sum).is_ok());
        let forgetful = gradcheck_with(used_twice, [&x], |_, new| Ok(new.clone()));
        assert!(matches!(forgetful, Err(Error::WrongGradient { .. })));
    }

    #[test]
    fn a_silent_detach_is_refused() {
        let detached = gradcheck(|[x]| x.detach().tanh(), [&row(&[0.3])]);
        assert!(matches!(detached, Err(Error::WrongGradient { analytic: 0.0, .. })));
        assert!(gradcheck(|[x, _unused]| x.tanh(), [&row(&[0.3]), &row(&[1.0])]).is_ok());
    }

    #[test]
    fn a_narrow_input_or_output_is_refused() {
        let narrow = Tensor::zeros(&[1], DType::F32);
        assert!(matches!(gradcheck(|[x]| x.tanh(), [&narrow]), Err(Error::Tensor(_))));
        let narrowed = gradcheck(|[x]| x.to_dtype(DType::F32), [&row(&[1.0])]);
        assert!(matches!(narrowed, Err(Error::Tensor(tensor::Error::DType { .. }))));
    }

    #[test]
    fn places_become_indices() {
        assert_eq!(unravel(7, &[2, 3, 2]), [1, 0, 1]);
        assert_eq!(unravel(0, &[]), Vec::<usize>::new());
    }
}
