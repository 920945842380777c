//! An operation with CUDA kernels outside of the repository's list, on the emulator or on a GPU:
//! `cargo run --release -p kernels --example custom_cuda_op [IMAGE]`, where IMAGE is `custom_cuda_op.cu` compiled by
//! nvcc.
//!
//! The example is in this package because it needs the emulator. A GPU only requires `add_image` in addition to the
//! code of an operation for CPUs: a `Map` launches the entry points of its name.
#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;
use std::fs;

use autograd::{Op, Result, Tape, run_if};
use kernels::Setting;
use tensor::{DType, Device, Map, Map2, Real, Tensor};

/// `ln(1 + e^x)`, element-wise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Softplus;

impl Map for Softplus {
    const NAME: &'static str = "softplus";

    fn formula<A: Real>(&self, x: A) -> A {
        x.max(A::zero()) + (-x.abs()).exp().ln_1p()
    }
}

/// `dx = dy / (1 + e^-x)`
#[derive(Debug, Clone, Copy)]
struct SoftplusGrad;

impl Map2 for SoftplusGrad {
    const NAME: &'static str = "softplus_grad";

    fn formula<A: Real>(&self, x: A, dy: A) -> A {
        dy / (A::one() + (-x).exp())
    }
}

impl Op<1> for Softplus {
    const NAME: &'static str = "softplus";
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &SoftplusGrad, [x, dy])?])
    }
}

#[allow(unsafe_code, reason = "compiled kernels are trusted")]
fn main() -> std::result::Result<(), Box<dyn Error>> {
    let device = match std::env::args_os().nth(1) {
        Some(image) => {
            let device = Device::cuda(0)?;
            let Device::Cuda(gpu) = &device else { unreachable!("it was opened as a GPU") };
            // SAFETY: the kernels of `custom_cuda_op.cu` have the parameters of a `Map` and a `Map2`, access only
            // elements below `n`, and write only to their output.
            unsafe { gpu.add_image("softplus", &fs::read(image)?) }?;
            device
        }
        None => Setting::ALL[0].device(),
    };
    let x = Tensor::from_vec(vec![-20.0f32, -1.0, 0.0, 0.5, 40.0], &[5])?;
    let weight = Tensor::full(1.0, &[5], DType::F32);
    for device in [device, Device::Cpu] {
        let tape = Tape::new();
        let x = tape.input(&x.to_device(&device)?);
        let [y] = tape.apply(Softplus, [&x])?;
        let gradients = tape.backward_from(&y, weight.to_device(&device)?)?;
        println!("{device}: {:?} {:?}", y.value().to_f64_vec(), gradients.of(&x)?.to_f64_vec());
    }
    Ok(())
}
