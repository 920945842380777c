//! Gradient checks: compares derivatives with finite differences.

use std::collections::HashSet;

use tensor::random::Stream;
use tensor::{DType, Tensor};

use self::compare::{Derivatives, compare};
use crate::{Error, Param, Result, Tape, Var};

pub(crate) mod stencil;
pub(crate) mod compare;
mod place;
mod cause;
mod roughness;

pub use cause::Cause;
pub use place::{Along, InputKind, Place};
pub use roughness::Roughness;

pub(crate) use place::Variable;

/// The default step for inputs of magnitude below 1.
const STEP: f64 = 1.0 / 1024.0;

/// The relative error that every check must detect. A derivative that is known less precisely is unresolved.
const RESOLUTION: f64 = 1e-3;

/// Statistics of a gradient check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checked {
    /// The number of derivatives that were compared: one for each element or direction.
    pub elements: usize,
    /// The number of derivatives that finite differences resolve to 0.1 %. The others are close to zero or below the
    /// noise.
    pub resolved: usize,
    /// The largest difference, relative to the largest derivative with respect to the same input.
    pub worst: f64,
    /// The largest and the smallest magnitude of a resolved derivative.
    pub largest: f64,
    /// See [`Checked::largest`].
    pub smallest: f64,
    /// The places where an error of 0.1 % of the largest derivative with respect to the same input would be below the
    /// noise, so the gradient was not tested.
    pub untested: Vec<Place>,
    /// The inputs or parameters, by position among the checked ones, of which no derivative is resolved: within the
    /// noise, the function does not depend on them.
    pub unresolved: Vec<usize>,
}

/// Compares the gradients of `f` with finite differences, for every element of every input.
/// The inputs are `f64` tensors away from kinks of `f`; the output is an `f64` tensor of any shape, and the error type
/// is any type that [`Error`] converts to. The tolerance is derived: [`f64::EPSILON`] times the largest derivative with
/// respect to the same input, plus the rounding of the outputs that depend on the element. [`GradCheck`] has options.
///
/// ```
/// use agon_autograd::gradcheck;
/// use tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![0.3, -1.2, 0.7, 2.0], &[2, 2])?;
/// let w = Tensor::from_vec(vec![1.0, 0.5, -0.5], &[3, 1])?;
/// let checked = gradcheck(|[x, w]| w.add(&x.reshape(&[4])?)?.tanh(), [&x, &w])?;
/// assert_eq!((checked.elements, checked.resolved), (7, 7));
/// assert!(checked.worst < 1e-10 && checked.untested.is_empty());
/// # Ok::<(), agon_autograd::Error>(())
/// ```
///
/// # Errors
/// [`Error::NonDeterministic`] if two evaluations of `f` or of its gradients differ, which is checked first;
/// [`Error::InvalidGradient`] if the `backward` of an operation returns another shape or element type;
/// [`Error::NonFiniteGradient`]; [`Error::WrongGradient`] with the place, both values and a likely cause;
/// [`Error::NotSmooth`] near a kink, a jump or a singular point; [`Error::Unresolved`] if no derivative is above the
/// noise, or all those of one input may be significant but are unresolved; [`Error::NeedsF64`]; the errors of `f`
/// itself.
pub fn gradcheck<E: From<Error>, const N: usize>(
    f: impl for<'t> Fn([Var<'t>; N]) -> Result<Var<'t>, E>,
    inputs: [&Tensor; N],
) -> Result<Checked, E> {
    GradCheck::new().check(|vars| f(std::array::from_fn(|input| vars[input].clone())), &inputs)
}

/// A gradient check with options, for any number of inputs or of parameters.
///
/// ```
/// use agon_autograd::{GradCheck, Param};
/// use tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![0.3, -1.2], &[2])?;
/// let offset = Tensor::from_vec(vec![1.0], &[])?;
/// // Along three random directions in place of each element, and of the first input only.
/// let check = GradCheck::new().directions(3).only(&[0]);
/// let checked = check.check(|vars| vars[0].tanh()?.add(&vars[1]), &[&x, &offset])?;
/// assert_eq!(checked.elements, 3);
///
/// let weight = Param::new(Tensor::from_vec(vec![0.5, 0.25], &[2])?);
/// let params = [("weight".to_owned(), &weight)];
/// GradCheck::new().check_params(&params, |tape| tape.constant(&x).mul(&tape.param(&weight)?)?.tanh())?;
/// # Ok::<(), agon_autograd::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GradCheck {
    step: f64,
    tolerance: f64,
    directions: Option<usize>,
    only: Option<Vec<usize>>,
}

impl Default for GradCheck {
    fn default() -> Self {
        Self { step: STEP, tolerance: 0.0, directions: None, only: None }
    }
}

impl GradCheck {
    /// The check of [`gradcheck()`]: every element of every input, with a derived tolerance.
    pub fn new() -> Self {
        Self::default()
    }

    /// The step for inputs of magnitude below 1, 1/1024 by default; it is scaled with larger magnitudes. Steps are
    /// rounded to powers of two, so that they are nearly exact. `f` is evaluated up to four steps away from the point.
    pub fn step(self, step: f64) -> Self {
        Self { step: step.log2().round().exp2(), ..self }
    }

    /// An accepted error in addition to the derived tolerance, relative to the largest derivative with respect to the
    /// same input. It must be below 0.001, so that the check still detects errors of 0.1 %.
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The fast mode: compares the derivatives along `n` random directions of each input instead of every element. The
    /// error of one element is weighted by its share of the derivative along a direction.
    pub fn directions(self, n: usize) -> Self {
        Self { directions: Some(n), ..self }
    }

    /// Checks only these inputs or parameters, by position; the others are constants.
    pub fn only(self, inputs: &[usize]) -> Self {
        let mut only = inputs.to_vec();
        only.sort_unstable();
        only.dedup();
        Self { only: Some(only), ..self }
    }

    /// Compares the gradients of `f` with respect to its inputs with finite differences.
    ///
    /// # Errors
    /// As [`gradcheck()`]; [`Error::CheckOption`] if an option is out of range.
    pub fn check<E: From<Error>>(
        &self,
        f: impl for<'t> Fn(&[Var<'t>]) -> Result<Var<'t>, E>,
        inputs: &[&Tensor],
    ) -> Result<Checked, E> {
        self.check_with(f, inputs, crate::ops::add::sum)
    }

    /// [`GradCheck::check`] on a tape that accumulates gradients with the function `sum`.
    fn check_with<E: From<Error>>(
        &self,
        f: impl for<'t> Fn(&[Var<'t>]) -> Result<Var<'t>, E>,
        inputs: &[&Tensor],
        sum: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Checked, E> {
        let chosen = self.chosen(inputs.len())?;
        let variables: Vec<Variable> = chosen.iter().map(|&input| Variable::input(input)).collect();
        let point: Vec<Tensor> = chosen.iter().map(|&input| inputs[input].clone()).collect();
        self.run(&variables, &point, sum, |tape, point| {
            let mut vars: Vec<Var<'_>> = inputs.iter().map(|input| tape.constant(input)).collect();
            chosen.iter().zip(point).for_each(|(&input, value)| vars[input] = tape.input(value));
            let output = f(&vars)?;
            Ok((chosen.iter().map(|&input| vars[input].clone()).collect(), output))
        })
    }

    /// Compares the gradients of `f` with respect to named parameters, such as all parameters of a module, with finite
    /// differences. When the check returns, the parameters have their original values.
    ///
    /// # Errors
    /// As [`GradCheck::check`].
    pub fn check_params<E: From<Error>>(
        &self,
        params: &[(String, &Param)],
        f: impl for<'t> Fn(&'t Tape) -> Result<Var<'t>, E>,
    ) -> Result<Checked, E> {
        let (mut chosen, mut known) = (self.chosen(params.len())?, HashSet::new());
        // A parameter with two names (tied weights) is checked once.
        chosen.retain(|&place| known.insert(params[place].1.id()));
        let variables: Vec<Variable> =
            chosen.iter().map(|&place| Variable::named(place, &params[place].0)).collect();
        let start: Vec<Tensor> = chosen.iter().map(|&place| params[place].1.value()).collect();
        let set = |point: &[Tensor]| -> Result<()> {
            chosen.iter().zip(point).try_for_each(|(&place, value)| params[place].1.set(value.clone()))
        };
        let checked = self.run(&variables, &start, crate::ops::add::sum, |tape, point| {
            set(point)?;
            let output = f(tape)?;
            let vars: Result<_> = chosen.iter().map(|&place| tape.param(params[place].1)).collect();
            Ok((vars?, output))
        });
        set(&start)?;
        checked
    }

    /// The positions of the inputs to check; also checks the options.
    fn chosen(&self, n_inputs: usize) -> Result<Vec<usize>> {
        let refuse = |expected, got: String| Err(Error::CheckOption { expected, got });
        // With a smaller step, an element of magnitude 1 would change by only a few roundings.
        if !(2f64.powi(-40)..=1.0).contains(&self.step) {
            return refuse("a step of at least 2^-40 and at most 1", self.step.to_string());
        }
        if !(0.0..RESOLUTION).contains(&self.tolerance) {
            return refuse("a tolerance of at least 0 and below 0.001", self.tolerance.to_string());
        }
        if self.directions == Some(0) {
            return refuse("at least one direction", "0".into());
        }
        match &self.only {
            None => Ok((0..n_inputs).collect()),
            Some(only) if only.iter().all(|&input| input < n_inputs) => Ok(only.clone()),
            Some(only) => refuse("positions of inputs", format!("{only:?} for {n_inputs} inputs")),
        }
    }

    /// Checks the function that `record` computes from variables at `point`; it returns the variables and the output.
    fn run<E: From<Error>>(
        &self,
        variables: &[Variable],
        point: &[Tensor],
        sum: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
        record: impl for<'t> Fn(&'t Tape, &[Tensor]) -> Result<(Vec<Var<'t>>, Var<'t>), E>,
    ) -> Result<Checked, E> {
        for (variable, value) in variables.iter().zip(point) {
            needs_f64(variable.to_string(), value)?;
        }
        let value = |point: &[Tensor]| -> Result<Vec<f64>, E> {
            let tape = Tape::without_gradients();
            Ok(record(&tape, point)?.1.value().to_f64_vec())
        };
        let tape = Tape::new();
        let (vars, output) = record(&tape, point)?;
        needs_f64("the output".into(), output.value())?;
        must_repeat(|| "output".into(), &output.value().to_f64_vec(), &value(point)?)?;
        let weight = weights(output.shape(), 0);
        let backward = || -> Result<Vec<Vec<f64>>> {
            let gradients = tape.backward_pass(&output, weight.clone(), &sum)?;
            // The derivative with respect to an unused input must be zero.
            let of =
                |var: &Var<'_>| gradients.of(var).map_or(vec![0.0; var.value().len()], Tensor::to_f64_vec);
            Ok(vars.iter().map(of).collect())
        };
        let (analytic, again) = (backward()?, backward()?);
        for (variable, (first, second)) in variables.iter().zip(analytic.iter().zip(&again)) {
            must_repeat(|| format!("gradient of {variable}"), first, second)?;
        }
        let given = Derivatives { variables, point, analytic: &analytic, weights: &weight.to_f64_vec() };
        compare(self, &given, &value)?.not_vacuous(variables).map_err(E::from)
    }
}

fn needs_f64(what: String, value: &Tensor) -> Result<()> {
    match value.dtype() {
        DType::F64 => Ok(()),
        dtype => Err(Error::NeedsF64 { what, dtype }),
    }
}

/// Checks that two evaluations gave the same result, bit for bit.
pub(crate) fn must_repeat(what: impl Fn() -> String, first: &[f64], second: &[f64]) -> Result<()> {
    // An element that exists in only one of them counts as different.
    let at = |values: &[f64], place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    let differs =
        |&place: &usize| first.get(place).map(|x| x.to_bits()) != second.get(place).map(|x| x.to_bits());
    match (0..first.len().max(second.len())).find(differs) {
        Some(place) => {
            let (first, second) = (at(first, place), at(second, place));
            Err(Error::NonDeterministic { what: what(), place, first, second })
        }
        None => Ok(()),
    }
}

/// Fixed pseudo-random weights in [-1, 1) that reduce an output to a scalar.
pub(crate) fn weights(shape: &[usize], output: u64) -> Tensor {
    let mut words = Stream::new(0, "gradcheck").sequence(output);
    let values = (0..shape.iter().product()).map(|_| 2.0 * words.uniform() - 1.0).collect();
    Tensor::from_vec(values, shape).expect("the values fill the shape")
}

#[cfg(test)]
mod tests;
