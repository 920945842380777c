//! Checks with extreme inputs: huge values, and discontinuities of the derivative.

use tensor::{DType, Tensor};

use super::cases::{Case, Cases, Kink};
use super::checks::{gradients, numbered, precision};
use crate::{Error, Result};

/// Scales every input to the magnitudes of [`Cases::LARGE`], usually 80 and then 10,000. Outputs and gradients must
/// stay finite in every element type that can represent them, and be precise if no element is a sum.
///
/// # Errors
/// [`Error::Broken`] with the first non-finite value; [`Error::Imprecise`].
pub fn large_magnitudes<O, const N: usize, const M: usize>(case: &Case<O, N>) -> Result<()>
where
    O: Cases<N, M>,
{
    for size in O::LARGE {
        let case =
            Case { inputs: case.inputs.each_ref().map(|input| stretched(input, size)), ..case.clone() };
        let wide = everything(&case, DType::F64)?;
        for dtype in DType::ALL {
            let narrow = everything(&case, dtype)?;
            for (which, (narrow, wide)) in narrow.iter().zip(&wide).enumerate() {
                let representable = wide.to_dtype(dtype).to_f64_vec();
                let elements = narrow.to_f64_vec().into_iter().zip(representable);
                for (place, (got, expected)) in elements.enumerate() {
                    if wide.to_f64_vec()[place].is_finite() && (got.is_finite() || !expected.is_finite()) {
                        continue;
                    }
                    let promise = "large values give finite outputs and gradients";
                    let found = format!(
                        "for {size} in {dtype}, element {place} of result {which} is {got:e}, not {expected:e}"
                    );
                    return Err(Error::Broken { op: O::NAME, promise, found });
                }
            }
            if case.reduced == 1 {
                precision(&case, dtype)?;
            }
        }
    }
    Ok(())
}

fn stretched(input: &Tensor, size: f64) -> Tensor {
    let values = input.to_f64_vec();
    let largest = values.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let factor = if largest > 0.0 { size / largest } else { 1.0 };
    let values = values.iter().map(|x| factor * x).collect();
    Tensor::from_vec::<f64>(values, input.shape()).expect("the number of values is unchanged")
}

/// The outputs and all gradients of a call in `dtype`.
fn everything<O, const N: usize, const M: usize>(case: &Case<O, N>, dtype: DType) -> Result<Vec<Tensor>>
where
    O: Cases<N, M>,
{
    let inputs = case.inputs.each_ref().map(|input| input.to_dtype(dtype));
    let (outputs, saved) = case.op.forward(inputs.each_ref())?;
    let weights = numbered(&outputs);
    let grad_outputs = std::array::from_fn(|output| weights[output].to_dtype(outputs[output].dtype()));
    let gradients = gradients(&case.op, inputs.each_ref(), &saved, &grad_outputs, [true; N])?;
    Ok(outputs.into_iter().chain(gradients.into_iter().flatten()).collect())
}

/// Checks the documented derivatives at kinks and ties of an operation, usually its [`Cases::kinks`], in every type.
///
/// # Errors
/// [`Error::Broken`] with both gradients.
pub fn kinks<O, const N: usize, const M: usize>(kinks: Vec<Kink<O, N>>) -> Result<()>
where
    O: Cases<N, M>,
{
    for kink in kinks {
        for dtype in DType::ALL {
            let inputs = kink.inputs.each_ref().map(|input| input.to_dtype(dtype));
            let (outputs, saved) = kink.op.forward(inputs.each_ref())?;
            let ones = outputs.each_ref().map(|output| Tensor::full(1.0, output.shape(), output.dtype()));
            let gradients = gradients(&kink.op, inputs.each_ref(), &saved, &ones, [true; N])?;
            for (input, (gradient, documented)) in gradients.iter().flatten().zip(&kink.gradients).enumerate()
            {
                let got = gradient.to_f64_vec();
                if got != *documented {
                    let promise = "the derivative at a kink is as documented";
                    let found = format!("for input {input} in {dtype} it is {got:?}, not {documented:?}");
                    return Err(Error::Broken { op: O::NAME, promise, found });
                }
            }
        }
    }
    Ok(())
}
