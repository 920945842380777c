//! Tests of tapes on a GPU: tensors that the tape creates are on the GPU too.

use std::sync::Arc;

use autograd::{Param, Tape};
use kernels::Setting;
use models::{LossScale, Result};
use tensor::{DType, Device, Tensor};

/// `weight tanh(x)` computed in `dtype`, its mean, and the gradients of the mean with respect to `x` and `weight`, from a
/// scaled loss.
///
/// The second head of the split is unused, so the tape creates a zero gradient for it; the weight is broadcast.
fn step(device: &Device, dtype: DType) -> Result<[Tensor; 3]> {
    let elements = |n: usize| (0..n).map(|i| (i as f64 * 0.7).sin()).collect::<Vec<f64>>();
    let x = Tensor::from_vec(elements(12), &[4, 3])?.to_dtype(DType::F32).to_device(device)?;
    let weight = Tensor::from_vec(elements(3), &[3])?.to_dtype(DType::F32).to_device(device)?;
    let (tape, weight) = (Tape::new().mixed(dtype), Param::new(weight));
    let x = tape.input(&x);
    let y = x.to_dtype(dtype)?.tanh()?.mul(&tape.param(&weight)?)?;
    let [y, _] = y.split(0.25)?;
    let mean = y.mean_axes(&[0, 1], false)?;
    let gradients = LossScale::starting_at(4, 1)?.backward(&tape, &mean)?.expect("finite gradients");
    Ok([mean.value().clone(), gradients.of(&x)?.clone(), gradients.param(&weight)?.clone()])
}

#[test]
fn a_step_on_a_gpu_equals_the_step_on_the_cpu() {
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let device = Setting::ALL[0].device();
        let of_gpu = step(&device, dtype).unwrap();
        let of_cpu = step(&Device::Cpu, dtype).unwrap();
        for (gpu, cpu) in of_gpu.iter().zip(&of_cpu) {
            assert_eq!((gpu.device(), gpu.dtype(), gpu.shape()), (device.clone(), cpu.dtype(), cpu.shape()));
            let largest = cpu.to_f64_vec().iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
            // About ten intermediate values may be rounded differently.
            let allowed = 10.0 * dtype.epsilon() * largest;
            assert!(allowed.is_finite());
            for (gpu, cpu) in gpu.to_f64_vec().iter().zip(cpu.to_f64_vec()) {
                assert!((gpu - cpu).abs() <= allowed, "{dtype}: {gpu} and {cpu}");
            }
        }
    }
}

#[test]
fn a_non_finite_gradient_is_found_on_a_gpu() {
    let device = Setting::ALL[0].device();
    for (number, finite) in [(1.0, true), (f64::INFINITY, false), (f64::NAN, false)] {
        let tape = Tape::new();
        let x = Tensor::full(0.5, &[40, 30], DType::F16).to_device(&device).unwrap();
        let x = tape.input(&x);
        let mut weight = vec![1.0; 40 * 30];
        weight[1111] = number;
        let weight = Tensor::from_vec(weight, &[40, 30]).unwrap().to_dtype(DType::F16);
        let gradients = tape.backward_from(&x, weight.to_device(&device).unwrap()).unwrap();
        assert_eq!(gradients.are_finite().unwrap(), finite, "{number}");
    }
}

#[test]
fn shared_constants_do_not_keep_a_gpu_alive() {
    let device = Setting::ALL[0].device();
    let Device::Cuda(gpu) = &device else { unreachable!("an emulated device is a GPU") };
    let x = Tensor::zeros(&[2], DType::F32).to_device(&device).unwrap();
    drop(x.scalar_like(0.5, DType::F32).unwrap());
    drop(x);
    assert_eq!(Arc::strong_count(gpu), 1);
}
