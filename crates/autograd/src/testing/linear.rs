//! The adjoint (dot-product) test of linear operations, `<J u, v> = <u, J^T v>`, which has no differencing error.

use std::cell::Cell;

use tensor::{DType, Tensor};

use super::cases::{Case, Cases, for_many};
use super::checks::{gradients, numbered};
use crate::gradcheck::compare::within;
use crate::gradcheck::weights;
use crate::{Error, Result};

/// The tolerance, relative to the sum of the magnitudes of all terms. The rounding error of a sum of up to 10^5 terms
/// in 64 bits grows like the square root of their number, to about 1e-13.
const TOLERANCE: f64 = 1e-12;

/// Checks `<J u, v> = <u, J^T v>` for each input in which the operation is linear or affine. There, `J u = f(u) - f(0)`
/// exactly, and `backward` computes `J^T v`.
///
/// # Errors
/// [`Error::Broken`] with the input and both values.
pub fn adjoint<O, const N: usize, const M: usize>(case: &Case<O, N>) -> Result<()>
where
    O: Cases<N, M>,
{
    let (outputs, saved) = case.op.forward(case.inputs.each_ref())?;
    let v = numbered(&outputs);
    for input in (0..N).filter(|&input| case.op.linear()[input]) {
        let shape = case.inputs[input].shape();
        let u = weights(shape, 100 + input as u64);
        let at_u = with(case, input, &u)?;
        let at_zero = with(case, input, &Tensor::zeros(shape, DType::F64))?;
        let needed = std::array::from_fn(|other| other == input);
        let gradients = gradients(&case.op, case.inputs.each_ref(), &saved, &v, needed)?;
        let pulled = gradients[input].as_ref().expect("the requested gradient was returned");
        let (mut forward, mut sizes) = (0.0, 0.0);
        for ((at_u, at_zero), v) in at_u.iter().zip(&at_zero).zip(&v) {
            let elements = at_u.to_f64_vec().into_iter().zip(at_zero.to_f64_vec()).zip(v.to_f64_vec());
            for ((at_u, at_zero), v) in elements {
                forward += (at_u - at_zero) * v;
                sizes += (at_u.abs() + at_zero.abs()) * v.abs();
            }
        }
        let backward = dot(pulled, &u);
        sizes += pulled.to_f64_vec().iter().zip(u.to_f64_vec()).map(|(x, u)| (x * u).abs()).sum::<f64>();
        let difference = (forward - backward).abs();
        if !within(difference, TOLERANCE * sizes) {
            let promise = "`backward` is the adjoint: <J u, v> = <u, J^T v>";
            let found = format!("for input {input} the sides are {forward:e} and {backward:e}");
            return Err(Error::Broken { op: O::NAME, promise, found });
        }
    }
    Ok(())
}

/// The inputs that are not declared linear although superposition holds for them in every case.
pub fn undeclared<O, const N: usize, const M: usize>() -> Vec<usize>
where
    O: Cases<N, M>,
{
    let bends: [Cell<bool>; N] = std::array::from_fn(|_| Cell::new(false));
    for_many(O::cases(), |case| {
        let bent = |input: usize| -> Result<bool> {
            let shape = case.inputs[input].shape();
            let [u, w] = [200, 300].map(|number| weights(shape, number));
            let sum = crate::ops::add::sum(&u, &w)?;
            let elements = |x: &Tensor| -> Result<Vec<f64>> {
                Ok(with(case, input, x)?.iter().flat_map(Tensor::to_f64_vec).collect())
            };
            let zero = elements(&Tensor::zeros(shape, DType::F64))?;
            let (u, w, sum) = (elements(&u)?, elements(&w)?, elements(&sum)?);
            let bent = |place: usize| (u[place] + w[place] - sum[place] - zero[place]).abs() > 1e-9;
            Ok((0..u.len()).any(bent))
        };
        for input in (0..N).filter(|&input| !O::LINEAR[input]) {
            // A linear function has a value everywhere, so one that refuses an input is not linear.
            bends[input].set(bends[input].get() || bent(input).unwrap_or(true));
        }
        Ok(())
    });
    (0..N).filter(|&input| !O::LINEAR[input] && !bends[input].get()).collect()
}

/// The function that `backward` differentiates, evaluated with one input replaced.
fn with<O, const N: usize, const M: usize>(
    case: &Case<O, N>,
    input: usize,
    value: &Tensor,
) -> Result<[Tensor; M]>
where
    O: Cases<N, M>,
{
    let mut inputs = case.inputs.each_ref();
    inputs[input] = value;
    case.op.differentiated(inputs)
}

fn dot(x: &Tensor, y: &Tensor) -> f64 {
    debug_assert_eq!(y.dtype(), DType::F64);
    x.to_f64_vec().iter().zip(y.to_f64_vec()).map(|(x, y)| x * y).sum()
}
