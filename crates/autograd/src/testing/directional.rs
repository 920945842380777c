//! Directional-derivative checks of large calls, in 64 bits and in narrow types.

use tensor::{DType, Tensor};

use super::cases::{Case, Cases};
use super::checks::{flat, gradients, largest, moved, numbered};
use crate::gradcheck::compare::within;
use crate::gradcheck::{stencil, weights};
use crate::{Error, Result};

/// The step along a direction with components below 1; small enough that the long sums of a large call stay in the
/// linear regime.
const STEP: f64 = 1.0 / 8192.0;

/// Compares `<gradient in dtype, u>` with the difference in 64 bits along a random direction `u` of all inputs, for the
/// same rounded inputs. A few evaluations cover all elements, so calls may be large.
///
/// **Tolerance.** The sum of two terms: the noise of the difference, as in [`gradcheck`](crate::gradcheck()), and for
/// each element of the gradient the tolerance of [`precision`](super::checks::precision), `2 n epsilon` for a sum of
/// `n` terms and four roundings, relative to the largest value. A larger error is compared again with the magnitude of
/// the cancelling terms.
///
/// # Errors
/// [`Error::Broken`] with both values.
pub fn directional<O, const N: usize, const M: usize>(case: &Case<O, N>, dtype: DType) -> Result<()>
where
    O: Cases<N, M>,
{
    let narrow = case.inputs.each_ref().map(|input| input.to_dtype(dtype));
    let wide = narrow.each_ref().map(|input| input.to_dtype(DType::F64));
    let (outputs, saved) = case.op.forward(narrow.each_ref())?;
    // The weights are rounded first, so that both sides differentiate the same function.
    let numbered = numbered(&outputs);
    let grad_outputs = std::array::from_fn(|output| numbered[output].to_dtype(outputs[output].dtype()));
    let got = gradients(&case.op, narrow.each_ref(), &saved, &grad_outputs, [true; N])?;
    let wide_grad_outputs: [Tensor; M] =
        grad_outputs.each_ref().map(|grad_output| grad_output.to_dtype(DType::F64));
    // An independent direction for each input, because equal changes of two inputs may cancel in the output.
    let directions: [Tensor; N] =
        std::array::from_fn(|input| weights(wide[input].shape(), 400 + input as u64));

    let at = |steps: f64| -> Result<Vec<f64>> {
        let mut inputs = wide.clone();
        for (input, direction) in inputs.iter_mut().zip(&directions) {
            let elements = input.to_f64_vec().into_iter().zip(direction.to_f64_vec());
            let elements = elements.map(|(x, u)| x + steps * STEP * u).collect();
            *input = Tensor::from_vec::<f64>(elements, input.shape())?;
        }
        Ok(flat(&case.op.differentiated(inputs.each_ref())?))
    };
    let lines = stencil::along(&at(0.0)?, STEP, &at)?;
    let of_output = flat(&wide_grad_outputs);
    let (mut numeric, mut noise) = (0.0, 0.0);
    for (output, line) in &lines {
        numeric += of_output[*output] * line.slope;
        noise += of_output[*output].abs() * line.allowed(STEP);
    }

    let roundings = 2.0 * case.reduced as f64 * dtype.accumulator().epsilon() + 4.0 * dtype.epsilon();
    let from_output: f64 =
        outputs.iter().zip(&wide_grad_outputs).map(|(y, dy)| largest(y) * largest(dy)).sum();
    let from_output =
        O::OUTPUT_SENSITIVITY * dtype.epsilon() / 2.0 * from_output + f64::from(f32::MIN_POSITIVE);
    let (mut analytic, mut allowed, mut lengths) = (0.0, noise, [0.0; N]);
    for input in 0..N {
        let Some(gradient) = &got[input] else { continue };
        let u = directions[input].to_f64_vec();
        lengths[input] = u.iter().map(|u| u.abs()).sum();
        analytic += gradient.to_f64_vec().iter().zip(&u).map(|(g, u)| g * u).sum::<f64>();
        allowed += (roundings * largest(gradient) + from_output) * lengths[input];
    }
    let difference = (analytic - numeric).abs();
    if !within(difference, allowed) && difference.is_finite() {
        for input in 0..N {
            let gradient = |inputs: [&Tensor; N], grad_outputs: &[Tensor; M]| {
                let (_, saved) = case.op.forward(inputs)?;
                let gradients = gradients(&case.op, inputs, &saved, grad_outputs, [true; N])?;
                Ok(gradients[input].as_ref().map_or_else(Vec::new, Tensor::to_f64_vec))
            };
            allowed += roundings * moved(&gradient, wide.each_ref(), &wide_grad_outputs)? * lengths[input];
        }
    }
    if !within(difference, allowed) {
        let promise = "the gradient agrees with finite differences along random directions";
        let shapes: Vec<&[usize]> = narrow.iter().map(Tensor::shape).collect();
        let found = format!(
            "in {dtype} for inputs of {shapes:?} the gradient is {analytic:e}, finite differences give \
             {numeric:e}; they differ by {difference:e}, allowed is {allowed:e}"
        );
        return Err(Error::Broken { op: O::NAME, promise, found });
    }
    Ok(())
}
