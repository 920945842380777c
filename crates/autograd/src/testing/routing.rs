//! Checks of gradients on the tape: every recorded input gets its gradient, once for each use, and no other value does.

use tensor::{DType, Tensor};

use super::cases::{Case, Cases};
use super::checks::{gradients, numbered};
use crate::ops::add::{self, Add};
use crate::{Error, Result, Tape, Var};

/// No silent detach: for every subset of recorded inputs and every output, each recorded input has a gradient of its
/// shape, and each constant gives an error.
///
/// # Errors
/// [`Error::Broken`] with the input and the output.
pub fn no_silent_detach<O, const N: usize, const M: usize>(case: &Case<O, N>) -> Result<()>
where
    O: Cases<N, M>,
{
    for subset in 0..1u32 << N {
        let recorded = |input: usize| subset >> input & 1 == 1;
        let tape = Tape::new();
        let vars: [Var<'_>; N] = std::array::from_fn(|input| match recorded(input) {
            true => tape.input(&case.inputs[input]),
            false => tape.constant(&case.inputs[input]),
        });
        let outputs: [Var<'_>; M] = tape.apply(case.op.clone(), vars.each_ref())?;
        for (output, var) in outputs.iter().enumerate() {
            let gradients = tape.backward_from(var, Tensor::full(1.0, var.shape(), var.value().dtype()))?;
            for (input, var) in vars.iter().enumerate() {
                let right = match (recorded(input), gradients.of(var)) {
                    (true, Ok(gradient)) => gradient.shape() == var.shape(),
                    (false, Err(Error::NoGradient { .. })) => true,
                    _ => false,
                };
                if !right {
                    let promise =
                        "every recorded input has a gradient of its shape, and no other input has one";
                    let found = format!(
                        "violated for output {output}, input {input} and the set of recorded \
                         inputs {subset:#b}"
                    );
                    return Err(Error::Broken { op: O::NAME, promise, found });
                }
            }
        }
    }
    Ok(())
}

/// Fan-out: two uses of the same inputs give exactly twice the gradients of one use, and an input in two positions of
/// one call gets the sum of both gradients.
///
/// # Errors
/// [`Error::Broken`] with the input.
pub fn fan_out<O, const N: usize, const M: usize>(case: &Case<O, N>) -> Result<()>
where
    O: Cases<N, M>,
{
    let broken = |found: String| {
        let promise = "the gradient of an input used twice is the sum of both contributions";
        Err(Error::Broken { op: O::NAME, promise, found })
    };
    let (outputs, saved) = case.op.forward(case.inputs.each_ref())?;
    // Only the first output, as on the tape below.
    let mut grad_outputs = numbered(&outputs);
    grad_outputs
        .iter_mut()
        .skip(1)
        .for_each(|grad_output| *grad_output = Tensor::zeros(grad_output.shape(), DType::F64));
    // A tape requires a gradient in the type of its output, which may be narrow.
    grad_outputs[0] = grad_outputs[0].to_dtype(outputs[0].dtype());
    let once = gradients(&case.op, case.inputs.each_ref(), &saved, &grad_outputs, [true; N])?
        .map(|gradient| values(gradient.as_ref()));

    let tape = Tape::new();
    let vars = case.inputs.each_ref().map(|input| tape.input(input));
    let first: [Var<'_>; M] = tape.apply(case.op.clone(), vars.each_ref())?;
    let second: [Var<'_>; M] = tape.apply(case.op.clone(), vars.each_ref())?;
    let [sum] = tape.apply(Add, [&first[0], &second[0]])?;
    let twice = tape.backward_from(&sum, grad_outputs[0].clone())?;
    for input in 0..N {
        let expected: Vec<f64> = once[input].iter().map(|x| 2.0 * x).collect();
        if values(Some(twice.of(&vars[input])?)) != expected {
            return broken(format!("violated for input {input} of two calls"));
        }
    }

    for second in 1..N {
        if case.inputs[0].shape() != case.inputs[second].shape() {
            continue;
        }
        let mut inputs = case.inputs.each_ref();
        inputs[second] = inputs[0];
        // The other input may be invalid in this position, such as a matrix that cannot be multiplied by itself.
        let Ok((_, saved)) = case.op.forward(inputs) else { continue };
        let both = gradients(&case.op, inputs, &saved, &grad_outputs, [true; N])?;
        let [Some(x), Some(y)] = [&both[0], &both[second]] else { continue };
        let expected = add::sum(x, y)?;
        let tape = Tape::new();
        let mut vars = inputs.map(|input| tape.input(input));
        vars[second] = vars[0].clone();
        let output: [Var<'_>; M] = tape.apply(case.op.clone(), vars.each_ref())?;
        let gradients = tape.backward_from(&output[0], grad_outputs[0].clone())?;
        if values(Some(gradients.of(&vars[0])?)) != values(Some(&expected)) {
            return broken(format!("violated for one tensor as inputs 0 and {second}"));
        }
    }
    Ok(())
}

fn values(tensor: Option<&Tensor>) -> Vec<f64> {
    tensor.expect("a requested gradient was returned").to_f64_vec()
}
