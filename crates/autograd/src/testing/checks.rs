//! The generic checks that run for every operation in the list.

use tensor::{DType, Tensor};

use super::cases::{Case, Cases};
use crate::gradcheck::compare::{Derivatives, compare, within};
use crate::gradcheck::{Checked, GradCheck, Variable, must_repeat, weights};
use crate::op::Layout;
use crate::{Error, Op, Result};

/// Compares every element of every gradient with finite differences, and requests every subset of gradients.
///
/// # Errors
/// The first violation found; a result that differs between two calls is reported first.
pub fn finite_differences<O, const N: usize, const M: usize>(case: &Case<O, N>) -> Result<Checked>
where
    O: Cases<N, M>,
{
    finite_differences_of(&case.op, case.inputs.each_ref(), &|inputs| case.op.differentiated(inputs))
}

/// [`finite_differences`] for an operation whose `backward` differentiates the function `differentiated` instead of
/// `forward`.
pub(super) fn finite_differences_of<O, const N: usize, const M: usize>(
    op: &O,
    inputs: [&Tensor; N],
    differentiated: &dyn Fn([&Tensor; N]) -> Result<[Tensor; M]>,
) -> Result<Checked>
where
    O: Op<N, M>,
{
    let (outputs, saved) = op.forward(inputs)?;
    must_repeat(|| format!("output of {}", O::NAME), &flat(&outputs), &flat(&op.forward(inputs)?.0))?;
    let weights = numbered(&outputs);
    let elements = |needed| -> Result<[Option<Vec<f64>>; N]> {
        Ok(gradients(op, inputs, &saved, &weights, needed)?.map(|gradient| Some(gradient?.to_f64_vec())))
    };
    let analytic = elements([true; N])?.map(Option::unwrap_or_default);
    // The full set comes first, so that a nondeterministic result is not mistaken for one that depends on the subset.
    for subset in (0..1u32 << N).rev() {
        let needed = std::array::from_fn(|input| subset >> input & 1 == 1);
        for (input, alone) in elements(needed)?.iter().enumerate() {
            let Some(alone) = alone else { continue };
            let same =
                must_repeat(|| format!("gradient of input {input} of {}", O::NAME), &analytic[input], alone);
            match needed == [true; N] {
                true => same?,
                false => same.map_err(|_| Error::UnsteadyGradient {
                    op: O::NAME,
                    input,
                    requested: needed.into(),
                })?,
            }
        }
    }
    let variables: [Variable; N] = std::array::from_fn(|input| Variable::of(O::NAME, input));
    let point = inputs.map(Tensor::clone);
    let given =
        Derivatives { variables: &variables, point: &point, analytic: &analytic, weights: &flat(&weights) };
    let value = |point: &[Tensor]| Ok(flat(&differentiated(std::array::from_fn(|input| &point[input]))?));
    Ok(compare::<Error>(&GradCheck::new(), &given, &value)?.checked())
}

/// The elements of all tensors, concatenated.
pub(super) fn flat(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().flat_map(Tensor::to_f64_vec).collect()
}

/// Computes the requested gradients and checks that exactly those are returned, each with the layout of its input.
pub(super) fn gradients<O, const N: usize, const M: usize>(
    op: &O,
    inputs: [&Tensor; N],
    saved: &O::Saved,
    grad_outputs: &[Tensor; M],
    needed: [bool; N],
) -> Result<[Option<Tensor>; N]>
where
    O: Op<N, M>,
{
    let mut gradients = op.backward(saved, grad_outputs.each_ref(), needed)?;
    let got = gradients.each_ref().map(Option::is_some);
    if got != needed {
        return Err(Error::WrongGradients { op: O::NAME, requested: needed.into(), got: got.into() });
    }
    for (input, gradient) in gradients.iter_mut().enumerate().filter(|(_, gradient)| gradient.is_some()) {
        *gradient = Some(Layout::of(inputs[input]).admit(O::NAME, input, gradient.take())?);
    }
    Ok(gradients)
}

/// Compares the outputs and gradients in `dtype` with those in 64 bits, for the same rounded inputs.
///
/// **Tolerance.** A sum of `n` terms is rounded `n` times, each time by at most half an epsilon of the accumulator
/// times the partial sum, which is assumed to be at most four times the largest element of the result: `2 n epsilon`.
/// Inputs, incoming gradients and results are rounded to the stored type, for which four of its roundings are allowed.
/// If a gradient reads a saved output, the rounding of that output changes it by [`Cases::OUTPUT_SENSITIVITY`]. Where
/// terms cancel, the partial sums exceed the result: a larger error is compared again with the sensitivity of the
/// result to relative perturbations of its inputs. The nearest value of the type is always accepted, also on overflow,
/// and below the smallest normal value a fast path may return zero.
///
/// # Errors
/// [`Error::Imprecise`] with the position and both values.
pub fn precision<O, const N: usize, const M: usize>(case: &Case<O, N>, dtype: DType) -> Result<()>
where
    O: Cases<N, M>,
{
    let narrow = case.inputs.each_ref().map(|input| input.to_dtype(dtype));
    let wide = narrow.each_ref().map(|input| input.to_dtype(DType::F64));
    let (narrow_outputs, narrow_saved) = case.op.forward(narrow.each_ref())?;
    let (wide_outputs, wide_saved) = case.op.forward(wide.each_ref())?;
    let compare_all = |what: String, got: &Tensor, expected: &Tensor, (from_output, size): (f64, f64)| {
        let largest = largest(expected).max(size);
        let roundings = 2.0 * case.reduced as f64 * dtype.accumulator().epsilon() + 4.0 * dtype.epsilon();
        let allowed = roundings * largest + from_output + f64::from(f32::MIN_POSITIVE);
        let rounded = expected.to_dtype(got.dtype()).to_f64_vec();
        let elements = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
        for (place, (got, expected)) in elements.enumerate() {
            let difference = if got == rounded[place] { 0.0 } else { (got - expected).abs() };
            // In 64 bits every result is finite, because the inputs are at most 10,000.
            if !(expected.is_finite() && within(difference, allowed)) {
                let op = O::NAME;
                return Err(Error::Imprecise { op, dtype, what, place, got, expected, difference, allowed });
            }
        }
        Ok(())
    };
    for (output, (got, expected)) in narrow_outputs.iter().zip(&wide_outputs).enumerate() {
        let judge = |size| compare_all(format!("output {output}"), got, expected, (0.0, size));
        let outputs =
            |inputs: [&Tensor; N], _: &[Tensor; M]| Ok(case.op.forward(inputs)?.0[output].to_f64_vec());
        judge(0.0).or_else(|_| judge(moved(&outputs, wide.each_ref(), &numbered(&wide_outputs))?))?;
    }
    // The weights are rounded first, so that both sides differentiate in the same direction.
    let weights = numbered(&wide_outputs);
    let narrow_weights: [Tensor; M] =
        std::array::from_fn(|output| weights[output].to_dtype(narrow_outputs[output].dtype()));
    let wide_weights = narrow_weights.each_ref().map(|weight| weight.to_dtype(DType::F64));
    let got = gradients(&case.op, narrow.each_ref(), &narrow_saved, &narrow_weights, [true; N])?;
    let expected = gradients(&case.op, wide.each_ref(), &wide_saved, &wide_weights, [true; N])?;
    let from_output: f64 = wide_outputs
        .iter()
        .zip(&wide_weights)
        .map(|(output, grad_output)| largest(output) * largest(grad_output))
        .sum();
    let from_output = O::OUTPUT_SENSITIVITY * dtype.epsilon() / 2.0 * from_output;
    for (input, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let (Some(got), Some(expected)) = (got, expected) else { continue };
        let judge =
            |size| compare_all(format!("the gradient of input {input}"), got, expected, (from_output, size));
        let gradient = |inputs: [&Tensor; N], grad_outputs: &[Tensor; M]| {
            let (_, saved) = case.op.forward(inputs)?;
            let gradients = gradients(&case.op, inputs, &saved, grad_outputs, [true; N])?;
            Ok(gradients[input].as_ref().map_or_else(Vec::new, Tensor::to_f64_vec))
        };
        judge(0.0).or_else(|_| judge(moved(&gradient, wide.each_ref(), &wide_weights)?))?;
    }
    Ok(())
}

/// A function of the inputs and of the gradients of the outputs.
pub(super) type Derived<'a, const N: usize, const M: usize> =
    dyn Fn([&Tensor; N], &[Tensor; M]) -> Result<Vec<f64>> + 'a;

/// The largest change of a result per unit of relative perturbation of each input element, up or down. This estimates
/// the magnitude of the summed terms, also where they cancel. At a discontinuity, such as a tie, it is zero.
pub(super) fn moved<const N: usize, const M: usize>(
    result: &Derived<'_, N, M>,
    inputs: [&Tensor; N],
    grad_outputs: &[Tensor; M],
) -> Result<f64> {
    let steps = [1.0 / 1_048_576.0, 1.0 / 4_194_304.0];
    let here = result(inputs, grad_outputs)?;
    let mut most: f64 = 0.0;
    for pattern in 0..4 {
        let shaken = |tensor: &Tensor, number: usize, step: f64| {
            let signs = weights(tensor.shape(), (pattern * (N + M) + number) as u64).to_f64_vec();
            let elements = tensor.to_f64_vec().into_iter().zip(signs);
            let elements = elements.map(|(x, sign)| x * (1.0 + step * sign.signum())).collect();
            Tensor::from_vec::<f64>(elements, tensor.shape())
        };
        let mut slopes = [0.0f64; 2];
        for (slope, step) in slopes.iter_mut().zip(steps) {
            let mut near = Vec::with_capacity(N + M);
            for (number, tensor) in inputs.into_iter().chain(grad_outputs).enumerate() {
                near.push(shaken(tensor, number, step)?);
            }
            let grad_outputs = std::array::from_fn(|output| near[N + output].clone());
            let there = result(std::array::from_fn(|input| &near[input]), &grad_outputs)?;
            let gaps = here.iter().zip(&there).map(|(here, there)| (here - there).abs());
            *slope = gaps.fold(0.0, f64::max) / step;
        }
        if slopes[1] < 2.0 * slopes[0] {
            most = most.max(slopes[0]);
        }
    }
    Ok(most)
}

/// The largest magnitude in the tensor.
pub(super) fn largest(tensor: &Tensor) -> f64 {
    tensor.to_f64_vec().into_iter().fold(0.0, |largest: f64, x| largest.max(x.abs()))
}

/// Fixed pseudo-random weights for each output.
pub(super) fn numbered<const M: usize>(outputs: &[Tensor; M]) -> [Tensor; M] {
    std::array::from_fn(|output| weights(outputs[output].shape(), output as u64))
}

#[cfg(test)]
mod tests;
