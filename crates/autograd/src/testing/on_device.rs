//! Operations whose 16- and 32-bit kernels run on another device, with the 64-bit results of the CPU as the reference.
//!
//! [`OnDevice`] is an [`Op`] with the [`Cases`] of the wrapped operation, so every check of operations also checks its
//! kernels and their launches, with the same tolerances.

use proptest::strategy::{BoxedStrategy, Strategy};
use tensor::{DType, Device, Tensor};

use super::cases::{Case, Cases, Kink};
use super::classes::{Claim, ShapeClass};
use crate::{Op, Result};

/// An operation that runs on a device, except in 64 bits.
#[derive(Debug, Clone)]
pub struct OnDevice<O> {
    op: O,
    device: Device,
}

/// The case with its operation on this device.
pub fn on<O: Clone, const N: usize>(case: &Case<O, N>, device: &Device) -> Case<OnDevice<O>, N> {
    let Case { op, inputs, reduced } = case.clone();
    Case { op: OnDevice { op, device: device.clone() }, inputs, reduced }
}

fn all_to<const N: usize>(device: &Device, tensors: [&Tensor; N]) -> Result<[Tensor; N]> {
    let moved =
        tensors.into_iter().map(|tensor| tensor.to_device(device)).collect::<tensor::Result<Vec<_>>>()?;
    Ok(moved.try_into().expect("one for each"))
}

impl<O: Cases<N, M>, const N: usize, const M: usize> Op<N, M> for OnDevice<O> {
    const NAME: &'static str = O::NAME;

    /// The device, and the saved tensors of the operation.
    type Saved = (Device, O::Saved);

    fn forward(&self, inputs: [&Tensor; N]) -> Result<([Tensor; M], Self::Saved)> {
        let wide = inputs[0].dtype() == DType::F64;
        let device = if wide { Device::Cpu } else { self.device.clone() };
        let (outputs, saved) = self.op.forward(all_to(&device, inputs)?.each_ref())?;
        let (expected, _) = self.op.forward(inputs)?;
        let outputs = all_to(&Device::Cpu, outputs.each_ref())?;
        for (got, expected) in outputs.iter().zip(&expected) {
            assert_eq!((got.shape(), got.dtype()), (expected.shape(), expected.dtype()), "{}", O::NAME);
        }
        Ok((outputs, (device, saved)))
    }

    fn backward(
        &self,
        (device, saved): &Self::Saved,
        grad_outputs: [&Tensor; M],
        needed: [bool; N],
    ) -> Result<[Option<Tensor>; N]> {
        let gradients = self.op.backward(saved, all_to(device, grad_outputs)?.each_ref(), needed)?;
        let moved =
            gradients.into_iter().map(|gradient| gradient.map(|g| g.to_device(&Device::Cpu)).transpose());
        let moved = moved.collect::<tensor::Result<Vec<_>>>()?;
        Ok(moved.try_into().expect("one for each"))
    }
}

/// The cases have no device of their own: they are on the CPU, and [`on`] moves them.
impl<O: Cases<N, M> + 'static, const N: usize, const M: usize> Cases<N, M> for OnDevice<O> {
    const OUTPUT_SENSITIVITY: f64 = O::OUTPUT_SENSITIVITY;

    const LINEAR: [bool; N] = O::LINEAR;

    const LARGE: [f64; 2] = O::LARGE;

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
        kinks_on(&Device::Cpu)
    }

    fn cases() -> BoxedStrategy<Case<Self, N>> {
        O::cases().prop_map(|case| on(&case, &Device::Cpu)).boxed()
    }

    fn long_cases() -> BoxedStrategy<Case<Self, N>> {
        O::long_cases().prop_map(|case| on(&case, &Device::Cpu)).boxed()
    }

    fn swept() -> Vec<BoxedStrategy<Case<Self, N>>> {
        let of = |calls: BoxedStrategy<Case<O, N>>| calls.prop_map(|case| on(&case, &Device::Cpu)).boxed();
        O::swept().into_iter().map(of).collect()
    }

    fn differentiated(&self, inputs: [&Tensor; N]) -> Result<[Tensor; M]> {
        self.op.differentiated(inputs)
    }
}

/// The operation's kinks on this device.
pub fn kinks_on<O: Cases<N, M>, const N: usize, const M: usize>(
    device: &Device,
) -> Vec<Kink<OnDevice<O>, N>> {
    let on = |Kink { op, inputs, gradients }| {
        let op = OnDevice { op, device: device.clone() };
        Kink { op, inputs, gradients }
    };
    O::kinks().into_iter().map(on).collect()
}
