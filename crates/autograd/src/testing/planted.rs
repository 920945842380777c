//! Planted mistakes: an operation's cases must reveal a `backward` that is wrong in any of many ways.

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
    /// Too large by a factor of 2.
    Doubled,
    /// Too large by 0.1 %.
    TooLarge,
    /// Another shape.
    WrongShape,
    /// Another element type.
    WrongDType,
    /// A requested gradient is not returned.
    Missing,
    /// Another result in each call.
    NonDeterministic,
}

impl Mistake {
    /// Every mistake.
    pub const ALL: [Self; 10] = [
        Self::Infinite,
        Self::Nan,
        Self::Zero,
        Self::Negated,
        Self::Doubled,
        Self::TooLarge,
        Self::WrongShape,
        Self::WrongDType,
        Self::Missing,
        Self::NonDeterministic,
    ];

    fn in_gradient(self, gradient: &Tensor, call: u32) -> Result<Option<Tensor>> {
        let map = |f: &dyn Fn(f64) -> f64| -> Result<Option<Tensor>> {
            let elements = gradient.to_f64_vec().into_iter().map(f).collect();
            Ok(Some(Tensor::from_vec::<f64>(elements, gradient.shape())?.to_dtype(gradient.dtype())))
        };
        match self {
            Self::Infinite => map(&|_| f64::INFINITY),
            Self::Nan => map(&|_| f64::NAN),
            Self::Zero => map(&|_| 0.0),
            Self::Negated => map(&|dx| -dx),
            Self::Doubled => map(&|dx| 2.0 * dx),
            Self::TooLarge => map(&|dx| 1.001 * dx),
            Self::WrongShape => Ok(Some(gradient.reshape(&[&[1][..], gradient.shape()].concat())?)),
            Self::WrongDType => Ok(Some(gradient.to_dtype(DType::F16))),
            Self::Missing => Ok(None),
            Self::NonDeterministic => map(&|dx| f64::from(call) + dx),
        }
    }

    /// Whether this is the right word for the mistake.
    fn is_named_by(self, error: &Error) -> bool {
        match self {
            Self::Infinite | Self::Nan => matches!(error, Error::NonFiniteGradient { .. }),
            Self::Zero | Self::Negated | Self::Doubled | Self::TooLarge => {
                matches!(error, Error::WrongGradient { .. })
            }
            Self::WrongShape | Self::WrongDType => matches!(error, Error::InvalidGradient { .. }),
            Self::Missing => matches!(error, Error::WrongGradients { .. }),
            Self::NonDeterministic => matches!(error, Error::NonDeterministic { .. }),
        }
    }
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
        if let Some(gradient) = gradients[self.input].take() {
            gradients[self.input] = self.mistake.in_gradient(&gradient, self.calls.get())?;
        }
        Ok(gradients)
    }
}

/// The mistakes, with their inputs, that the comparison with finite differences does not find in any of the operation's
/// cases, or reports as something else.
pub fn undetected<O, const N: usize, const M: usize>() -> Vec<(Mistake, usize)>
where
    O: Cases<N, M>,
{
    let all = (0..N).flat_map(|input| Mistake::ALL.map(|mistake| (mistake, input)));
    let left: RefCell<Vec<(Mistake, usize)>> = RefCell::new(all.collect());
    for_many(O::cases(), |case| {
        left.borrow_mut().retain(|&(mistake, input)| {
            let op = Mistaken { op: case.op.clone(), mistake, input, calls: Cell::new(0) };
            let differentiated = |inputs: [&Tensor; N]| case.op.differentiated(inputs);
            let outcome = checks::finite_differences_of(&op, case.inputs.each_ref(), &differentiated);
            !outcome.is_err_and(|error| mistake.is_named_by(&error))
        });
        Ok(())
    });
    left.into_inner()
}
