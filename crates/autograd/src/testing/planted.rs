//! Planted mistakes: an operation's cases must reveal many kinds of wrong `backward`.

use std::cell::{Cell, RefCell};

use tensor::{DType, Tensor};

use super::cases::{Cases, for_many};
use super::checks;
use crate::{Error, Op, Result};

/// A mistake in the gradient of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Every element is infinite.
    Infinite,
    /// Every element is NaN.
    Nan,
    /// Every element is zero.
    Zero,
    /// The sign is wrong.
    Negated,
    /// The gradient is too large by a factor of 2.
    Doubled,
    /// The gradient is too large by 0.1 %.
    TooLarge,
    /// Only the last element is wrong.
    OneElement,
    /// The elements are in reverse order.
    Reversed,
    /// The gradient contains only the first term of a sum over the first axis of an output, as of a broadcast input.
    DroppedSum,
    /// The gradient has another shape.
    WrongShape,
    /// The gradient has another element type.
    WrongDType,
    /// A requested gradient is not returned.
    Missing,
    /// The gradient differs between two calls.
    NonDeterministic,
}

impl Mistake {
    /// Every mistake.
    pub const ALL: [Self; 13] = [
        Self::Infinite,
        Self::Nan,
        Self::Zero,
        Self::Negated,
        Self::Doubled,
        Self::TooLarge,
        Self::OneElement,
        Self::Reversed,
        Self::DroppedSum,
        Self::WrongShape,
        Self::WrongDType,
        Self::Missing,
        Self::NonDeterministic,
    ];

    fn in_gradient(self, gradient: &Tensor, call: u32) -> Result<Option<Tensor>> {
        let changed = |change: &dyn Fn(&mut [f64])| Ok(Some(changed(gradient, change)?));
        let map = |f: &dyn Fn(f64) -> f64| changed(&|dx| dx.iter_mut().for_each(|dx| *dx = f(*dx)));
        match self {
            Self::Infinite => map(&|_| f64::INFINITY),
            Self::Nan => map(&|_| f64::NAN),
            Self::Zero => map(&|_| 0.0),
            Self::Negated => map(&|dx| -dx),
            Self::Doubled => map(&|dx| 2.0 * dx),
            Self::TooLarge => map(&|dx| 1.001 * dx),
            Self::OneElement => changed(&|dx| dx.iter_mut().rev().take(1).for_each(|dx| *dx *= 1.5)),
            Self::Reversed => changed(&|dx| dx.reverse()),
            Self::DroppedSum => Ok(Some(gradient.clone())),
            Self::WrongShape => Ok(Some(gradient.reshape(&[&[1][..], gradient.shape()].concat())?)),
            Self::WrongDType => Ok(Some(gradient.to_dtype(DType::F16))),
            Self::Missing => Ok(None),
            Self::NonDeterministic => map(&|dx| f64::from(call) + dx),
        }
    }

    /// The gradient of an output that `backward` receives instead of the true one.
    fn in_grad_output(self, grad_output: &Tensor) -> Result<Tensor> {
        let rows = grad_output.shape().first().copied().unwrap_or(1).max(1);
        match self {
            Self::DroppedSum => changed(grad_output, &|dy| {
                let of_row = dy.len() / rows;
                dy[of_row..].fill(0.0);
            }),
            _ => Ok(grad_output.clone()),
        }
    }

    /// Whether the error reports this mistake.
    fn is_named_by(self, error: &Error) -> bool {
        match self {
            Self::Infinite | Self::Nan => matches!(error, Error::NonFiniteGradient { .. }),
            Self::Zero
            | Self::Negated
            | Self::Doubled
            | Self::TooLarge
            | Self::OneElement
            | Self::Reversed
            | Self::DroppedSum => matches!(error, Error::WrongGradient { .. }),
            Self::WrongShape | Self::WrongDType => matches!(error, Error::InvalidGradient { .. }),
            Self::Missing => matches!(error, Error::WrongGradients { .. }),
            Self::NonDeterministic => matches!(error, Error::NonDeterministic { .. }),
        }
    }
}

/// A copy of the tensor with changed elements.
fn changed(tensor: &Tensor, change: &dyn Fn(&mut [f64])) -> Result<Tensor> {
    let mut elements = tensor.to_f64_vec();
    change(&mut elements);
    Ok(Tensor::from_vec(elements, tensor.shape())?.to_dtype(tensor.dtype()))
}

/// An operation with a mistake in the gradient of one input.
#[derive(Debug)]
struct Mistaken<O> {
    op: O,
    mistake: Mistake,
    input: usize,
    calls: Cell<u32>,
}

impl<O: Op<N, M>, const N: usize, const M: usize> Op<N, M> for Mistaken<O> {
    const NAME: &'static str = O::NAME;
    type Saved = O::Saved;

    fn forward(&self, inputs: [&Tensor; N]) -> Result<([Tensor; M], O::Saved)> {
        self.op.forward(inputs)
    }

    fn backward(
        &self,
        saved: &O::Saved,
        grad_outputs: [&Tensor; M],
        needed: [bool; N],
    ) -> Result<[Option<Tensor>; N]> {
        let mut gradients = self.op.backward(saved, grad_outputs, needed)?;
        self.calls.set(self.calls.get() + 1);
        if gradients[self.input].is_some() {
            let mistaken =
                grad_outputs.into_iter().map(|grad_output| self.mistake.in_grad_output(grad_output));
            let mistaken = mistaken.collect::<Result<Vec<Tensor>>>()?;
            let only = std::array::from_fn(|input| input == self.input);
            let again = self.op.backward(saved, std::array::from_fn(|output| &mistaken[output]), only)?;
            gradients[self.input] = match &again[self.input] {
                Some(gradient) => self.mistake.in_gradient(gradient, self.calls.get())?,
                None => None,
            };
        }
        Ok(gradients)
    }
}

/// The mistakes, with their inputs, that the comparison with finite differences does not detect in any of the
/// operation's cases, or reports as another mistake. If every output is a single element, `DroppedSum` is excluded.
pub fn undetected<O, const N: usize, const M: usize>() -> Vec<(Mistake, usize)>
where
    O: Cases<N, M>,
{
    let all = (0..N).flat_map(|input| Mistake::ALL.map(|mistake| (mistake, input)));
    let left: RefCell<Vec<(Mistake, usize)>> = RefCell::new(all.collect());
    let has_rows = Cell::new(false);
    for_many(O::cases(), |case| {
        let (outputs, _) = case.op.forward(case.inputs.each_ref())?;
        has_rows.set(has_rows.get() || outputs.iter().any(|output| output.shape().first() > Some(&1)));
        left.borrow_mut().retain(|&(mistake, input)| {
            let op = Mistaken { op: case.op.clone(), mistake, input, calls: Cell::new(0) };
            let differentiated = |inputs: [&Tensor; N]| case.op.differentiated(inputs);
            let outcome = checks::finite_differences_of(&op, case.inputs.each_ref(), &differentiated);
            !outcome.is_err_and(|error| mistake.is_named_by(&error))
        });
        Ok(())
    });
    let mut left = left.into_inner();
    left.retain(|(mistake, _)| *mistake != Mistake::DroppedSum || has_rows.get());
    left
}
