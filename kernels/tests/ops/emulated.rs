//! An operation whose 16- and 32-bit kernels run on the emulator and whose 64-bit ones are the reference.
//!
//! It is an [`Op`] with the [`Cases`] of the operation it stands for, so every check of operations is a check of
//! its kernels, with the same tolerances.

use autograd::gradcheck::cases::{Case, Cases, Kink};
use autograd::gradcheck::classes::{Claim, ShapeClass};
use autograd::{Op, Result};
use kernels::Order;
use proptest::strategy::{BoxedStrategy, Strategy};
use tensor::{DType, Tensor};

use crate::device::{Array, Device};

/// What an operation launches: the counterpart of its [`Op`] on a GPU.
pub(crate) trait Launches<const N: usize, const M: usize = 1>: Cases<N, M> {
    /// What the way back needs to remember.
    type Kept: Send + 'static;

    /// The outputs, each in new memory.
    fn launch(&self, device: Device, inputs: [Array; N]) -> ([Array; M], Self::Kept);

    /// The gradients by all inputs. What was kept is used once.
    fn launch_back(&self, device: Device, kept: &Self::Kept, douts: [Array; M]) -> [Array; N];
}

/// An operation on the emulated device.
#[derive(Debug, Clone)]
pub(crate) struct Emulated<O> {
    op: O,
    device: Device,
}

/// What an operation saves: for its reference, or for its kernels.
pub(crate) enum Saved<R, K> {
    Reference(R),
    Kept(Device, K),
}

/// The case on the emulated device.
pub(crate) fn on_device<O: Clone, const N: usize>(case: &Case<O, N>, order: Order) -> Case<Emulated<O>, N> {
    let Case { op, inputs, reduced } = case.clone();
    Case { op: Emulated { op, device: Device { order } }, inputs, reduced }
}

impl<O: Launches<N, M>, const N: usize, const M: usize> Op<N, M> for Emulated<O> {
    const NAME: &'static str = O::NAME;

    type Saved = Saved<O::Saved, O::Kept>;

    fn forward(&self, inputs: [&Tensor; N]) -> Result<([Tensor; M], Self::Saved)> {
        let (reference, saved) = self.op.forward(inputs)?;
        if inputs[0].dtype() == DType::F64 {
            return Ok((reference, Saved::Reference(saved)));
        }
        let (outputs, kept) = self.op.launch(self.device, inputs.map(|input| self.device.put(input)));
        let outputs = outputs.map(|output| output.to_tensor());
        for (got, wanted) in outputs.iter().zip(&reference) {
            assert_eq!((got.shape(), got.dtype()), (wanted.shape(), wanted.dtype()), "{}", O::NAME);
        }
        Ok((outputs, Saved::Kept(self.device, kept)))
    }

    fn backward(
        &self,
        saved: &Self::Saved,
        douts: [&Tensor; M],
        wanted: [bool; N],
    ) -> Result<[Option<Tensor>; N]> {
        let (device, kept) = match saved {
            Saved::Reference(saved) => return self.op.backward(saved, douts, wanted),
            Saved::Kept(device, kept) => (*device, kept),
        };
        let gradients = self.op.launch_back(device, kept, douts.map(|dout| device.put(dout)));
        let mut wanted = wanted.into_iter();
        Ok(gradients.map(|gradient| wanted.next()?.then(|| gradient.to_tensor())))
    }
}

impl<O: Launches<N, M>, const N: usize, const M: usize> Cases<N, M> for Emulated<O> {
    const OUTPUT_SENSITIVITY: f64 = O::OUTPUT_SENSITIVITY;

    const LINEAR: [bool; N] = O::LINEAR;

    fn linear(&self) -> [bool; N] {
        self.op.linear()
    }

    fn claim(class: ShapeClass) -> Claim {
        O::claim(class)
    }

    fn shows(case: &Case<Self, N>, class: ShapeClass) -> bool {
        let Case { op, inputs, reduced } = case.clone();
        O::shows(&Case { op: op.op, inputs, reduced }, class)
    }

    fn kinks() -> Vec<Kink<Self, N>> {
        let device = Device { order: Order::Forward };
        let of = |Kink { op, inputs, gradients }| Kink { op: Emulated { op, device }, inputs, gradients };
        O::kinks().into_iter().map(of).collect()
    }

    fn cases() -> BoxedStrategy<Case<Self, N>> {
        O::cases().prop_map(|case| on_device(&case, Order::Forward)).boxed()
    }

    fn long_cases() -> BoxedStrategy<Case<Self, N>> {
        O::long_cases().prop_map(|case| on_device(&case, Order::Forward)).boxed()
    }

    fn differentiated(&self, inputs: [&Tensor; N]) -> Result<[Tensor; M]> {
        self.op.differentiated(inputs)
    }
}
