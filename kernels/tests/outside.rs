//! Tests of kernels of other crates on a GPU: without a launch they return an error, and those of the example pass the
//! tests of operations on the emulator.

use std::env;
use std::process::Command;

use autograd::testing::cases::AnyShape;
use autograd::testing::suite;
use kernels::Setting;
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD};
use proptest::prelude::*;
use tensor::{DType, Device, Kernel, Real, Tensor, Update};

#[path = "../examples/custom_cuda_op.rs"]
#[expect(dead_code, reason = "its `main` is not called")]
mod custom_cuda_op;

use custom_cuda_op::Softplus;

impl AnyShape<1> for Softplus {
    const LINEAR: [bool; 1] = [false];

    fn op() -> BoxedStrategy<Self> {
        Just(Self).boxed()
    }
}

autograd::op_tests!(softplus: Softplus);

#[test]
fn the_kernels_of_the_example_agree_with_the_reference_in_every_order_of_threads() {
    for setting in Setting::ALL {
        suite::on_device::<Softplus, _, _>(&setting.device());
    }
}

/// A kernel without a CUDA version.
struct Negate;

impl Kernel<1, 1> for Negate {
    fn name(&self) -> &'static str {
        "negate"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.mapv(|x| -x)]
    }
}

impl Update<1, 1> for Negate {
    fn name(&self) -> &'static str {
        "negate"
    }

    fn reference<A: Real>(&self, [mut x]: [ArrayViewMutD<'_, A>; 1], [y]: [ArrayViewD<'_, A>; 1]) {
        x.assign(&y.mapv(|y| -y));
    }
}

#[test]
fn a_kernel_without_a_launch_is_an_error_on_a_gpu_only() {
    let x = Tensor::full(1.0, &[2], DType::F32);
    let [y] = tensor::run(&Negate, [&x]).unwrap();
    assert_eq!(y.to_f64_vec(), [-1.0, -1.0]);
    let x = x.to_device(&Setting::ALL[0].device()).unwrap();
    let expected = tensor::Error::NoCudaKernel { kernel: "negate".into() };
    assert_eq!(tensor::run(&Negate, [&x]).unwrap_err(), expected);
    assert_eq!(tensor::update(&Negate, [&mut x.clone()], [&x]), Err(expected));
}

#[test]
#[allow(unsafe_code, reason = "an image is trusted")]
fn an_image_is_not_loaded_while_a_step_is_recorded() {
    let Device::Cuda(gpu) = Setting::ALL[0].device() else { unreachable!("the emulator is a GPU") };
    // SAFETY: an image without bytes has no entry points, and the emulator ignores images.
    let add = || unsafe { gpu.add_image("it", b"") };
    assert_eq!(add(), Ok(()));
    let refused = gpu.record(0, add);
    assert!(matches!(refused, Err(tensor::Error::Recording { .. })));
}

/// `cargo test` has built the example.
#[test]
fn the_example_computes_the_same_on_the_emulator_as_on_the_cpu() {
    let this = env::current_exe().unwrap();
    let program = this.parent().unwrap().with_file_name("examples").join("custom_cuda_op");
    let ran = Command::new(&program).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    let numbers = |line: &str| -> Vec<f64> {
        let (_, numbers) = line.split_once(": ").unwrap();
        let numbers = numbers.split(['[', ']', ',', ' ']).filter(|part| !part.is_empty());
        numbers.map(|number| number.parse().unwrap()).collect()
    };
    let [gpu, cpu] = text.lines().map(numbers).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((gpu.len(), cpu.len()), (10, 10), "{text}");
    for (gpu, cpu) in gpu.iter().zip(&cpu) {
        // Four functions, each with an error of about two roundings.
        assert!((gpu - cpu).abs() <= 8.0 * f64::from(f32::EPSILON) * cpu.abs(), "{text}");
    }
}
