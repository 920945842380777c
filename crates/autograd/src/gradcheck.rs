//! Comparing derivatives with finite differences.

use tensor::random::Stream;
use tensor::{DType, Tensor};

use crate::{Error, Result, Tape, Var};

#[cfg(feature = "cases")]
pub mod cases;
#[cfg(feature = "cases")]
pub mod checks;
#[cfg(feature = "cases")]
pub mod classes;
#[cfg(feature = "cases")]
pub mod extremes;
#[cfg(feature = "cases")]
pub mod linear;
#[cfg(feature = "cases")]
pub mod routing;

/// The step of the five-point stencil. Its own error is `h^4 / 30` times a fifth derivative, 3e-14 here;
/// rounding adds about `1.5 epsilon / h` times the function's size, 3e-13.
const STEP: f64 = 1e-3;

/// What is allowed, relative to the sizes at hand: the errors of [`STEP`] with room for fifth derivatives
/// of some thousands, and still a million times below a mistake of 0.1 %.
const TOLERANCE: f64 = 1e-9;

/// What a check has looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checked {
    /// The number of derivatives that were compared.
    pub elements: usize,
    /// The largest difference found, relative to the sizes that the tolerance is relative to.
    pub worst: f64,
}

/// Compares the gradients of `f` with finite differences, for every element of every input.
///
/// The inputs are tensors of `f64`, away from kinks of `f`; the output may have any shape.
///
/// ```
/// use autograd::gradcheck;
/// use tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![0.3, -1.2, 0.7, 2.0], &[2, 2])?;
/// let w = Tensor::from_vec(vec![1.0, 0.5, -0.5], &[3, 1])?;
/// let checked = gradcheck(|[x, w]| w.add(&x.reshape(&[4])?)?.tanh(), [&x, &w])?;
/// assert_eq!(checked.elements, 7);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// [`Error::WrongGradient`] with the input, the element and both numbers; [`tensor::Error::DType`] if an
/// input is not of `f64`; whatever `f` itself returns.
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
    let weight = weights(output.shape(), 0);
    let gradients = tape.walk_back(&output, weight.clone(), sum)?;
    let analytic = vars.each_ref().map(|var| match gradients.of(var) {
        Ok(gradient) => gradient.to_f64_vec(),
        // A function that does not depend on an input has derivative zero there, and so it must be.
        Err(_) => vec![0.0; var.value().len()],
    });
    let value = |inputs: [&Tensor; N]| {
        let tape = Tape::without_gradients();
        Ok(dot(f(inputs.map(|input| tape.constant(input)))?.value(), &weight))
    };
    compare(value, inputs, &analytic)
}

/// Compares `analytic` with finite differences of `value`, element by element.
fn compare<const N: usize>(
    value: impl Fn([&Tensor; N]) -> Result<f64>,
    inputs: [&Tensor; N],
    analytic: &[Vec<f64>; N],
) -> Result<Checked> {
    let size = value(inputs)?.abs();
    let mut checked = Checked { elements: 0, worst: 0.0 };
    for (input, analytic) in analytic.iter().enumerate() {
        let at = inputs[input].as_slice::<f64>()?.to_vec();
        for (place, &analytic) in analytic.iter().enumerate() {
            let step = STEP * at[place].abs().max(1.0);
            let moved = |steps: f64| {
                let mut values = at.clone();
                values[place] += steps * step;
                let moved = Tensor::from_vec(values, inputs[input].shape())?;
                let mut inputs = inputs;
                inputs[input] = &moved;
                value(inputs)
            };
            let numeric = (8.0 * (moved(1.0)? - moved(-1.0)?) - (moved(2.0)? - moved(-2.0)?)) / (12.0 * step);
            let scale = 1.0 + size + analytic.abs();
            let difference = (analytic - numeric).abs();
            let allowed = TOLERANCE * scale;
            if difference.is_nan() || difference > allowed {
                let element = unravel(place, inputs[input].shape());
                return Err(Error::WrongGradient { input, element, analytic, numeric, difference, allowed });
            }
            checked.elements += 1;
            checked.worst = checked.worst.max(difference / scale);
        }
    }
    Ok(checked)
}

/// Fixed random numbers in [-1, 1): the direction in which an output is looked at.
fn weights(shape: &[usize], output: u64) -> Tensor {
    let mut words = Stream::new(0, "gradcheck").sequence(output);
    let values = (0..shape.iter().product()).map(|_| 2.0 * words.uniform() - 1.0).collect();
    Tensor::from_vec(values, shape).expect("as many values as the shape has elements")
}

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

    /// `x + x`, with its derivative 2 multiplied by `1 + error`.
    #[derive(Debug)]
    struct Double {
        error: f64,
    }

    impl Op<1> for Double {
        const NAME: &'static str = "double";
        type Saved = ();
        fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
            Ok(([crate::ops::add::sum(x, x)?], ()))
        }
        fn backward(&self, (): &(), [dy]: [&Tensor; 1], [wanted]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
            let scaled = dy.to_f64_vec().iter().map(|dy| 2.0 * (1.0 + self.error) * dy).collect();
            Ok([if_wanted(wanted, || Ok(Tensor::from_vec(scaled, dy.shape())?))?])
        }
    }

    fn check_double(error: f64) -> Result<Checked> {
        gradcheck(
            |[x]| {
                let [y] = x.tape().apply(Double { error }, [&x])?;
                y.tanh()
            },
            [&row(&[0.2, -0.4])],
        )
    }

    #[test]
    fn a_right_derivative_is_accepted() {
        assert_eq!(check_double(0.0).unwrap().elements, 2);
    }

    #[test]
    fn a_derivative_off_by_a_tenth_of_a_percent_is_refused_with_the_element_and_both_numbers() {
        let Err(Error::WrongGradient { input: 0, element, analytic, numeric, .. }) = check_double(1e-3)
        else {
            panic!("the planted error was not found");
        };
        assert_eq!(element, [0]);
        assert!((analytic / numeric - 1.001).abs() < 1e-6);
        assert!(check_double(f64::NAN).is_err());
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
    fn a_narrow_input_is_refused() {
        let narrow = Tensor::zeros(&[1], DType::F32);
        assert!(matches!(gradcheck(|[x]| x.tanh(), [&narrow]), Err(Error::Tensor(_))));
    }

    #[test]
    fn places_become_indices() {
        assert_eq!(unravel(7, &[2, 3, 2]), [1, 0, 1]);
        assert_eq!(unravel(0, &[]), Vec::<usize>::new());
    }
}
