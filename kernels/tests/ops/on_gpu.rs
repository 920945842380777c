//! Tests that need a GPU: the driver, every operation, and recorded steps, on the device set by `AGON_TEST_DEVICE`.
//!
//! All of them are ignored by default, so that none is reported as passed without a GPU; `cargo xtask gpu` runs them.

use std::sync::Arc;

use autograd::for_each_op;
use autograd::testing::cases::{Cases, for_all};
use autograd::testing::checks;
use models::{AdamConfig, Cre, CreTrainer, DeviceBatches, fc};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

use crate::emulated::on;

fn device() -> Device {
    let name = std::env::var("AGON_TEST_DEVICE").unwrap_or_else(|_| "cuda:0".into());
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn precision<O: Cases<N, M>, const N: usize, const M: usize>() {
    let device = device();
    for dtype in crate::DTYPES {
        for_all(O::cases(), |case| checks::precision(&on(case, &device), dtype));
        for_all(O::long_cases(), |case| checks::precision(&on(case, &device), dtype));
    }
}

macro_rules! on_the_gpu {
    ($($module:ident::$op:ident $(<$($n_inputs:tt),+>)?,)*) => {$(
        mod $module {
            use autograd::ops::$module::$op;

            #[test]
            #[ignore = "needs a CUDA device"]
            fn the_kernels_agree_with_the_reference_on_a_gpu() {
                autograd::for_each_arity!(super::precision [$op $(<$($n_inputs),+>)?] ());
            }
        }
    )*};
}

for_each_op!(on_the_gpu);

const BATCH: usize = 64;

fn model() -> Cre {
    let config = fc::Config::of(fc::Size::M, 16);
    fc::cre(&config, &Stream::new(3, "init"), DType::F32).expect("the sizes fit, and the device works")
}

fn batch(device: &Device) -> (Tensor, Indices) {
    let mut words = Stream::new(0, "pixels").sequence(0);
    let pixels = (0..BATCH * 784).map(|_| words.uniform() as f32).collect();
    let images = Tensor::from_vec(pixels, &[BATCH, 784])
        .expect("the sizes fit, and the device works")
        .to_device(device)
        .expect("the sizes fit, and the device works");
    (images, Indices::new((0..BATCH).map(|row| row as u32 % 10).collect()))
}

fn params(model: &Cre) -> Vec<f64> {
    model.params().into_iter().flat_map(|(_, param)| param.value().to_f64_vec()).collect()
}

const STEPS: usize = 20;

#[test]
#[ignore = "needs a CUDA device"]
fn recorded_steps_have_the_bits_of_steps_that_are_launched_one_by_one_on_a_gpu() {
    let [launched, replayed] = [false, true].map(|is_recorded| {
        let (device, model) = (device(), model());
        let (images, labels) = batch(&device);
        let mut trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.5).unwrap();
        trainer.to_device(&device).unwrap();
        trainer.step((&images, &labels)).unwrap();
        if is_recorded {
            let gather = |_| Ok((images.clone(), labels.clone()));
            let batches = DeviceBatches { steps: STEPS, seek: &|_| Ok(()), gather: &gather };
            trainer.epoch(1, batches).unwrap();
        } else {
            for _ in 0..STEPS {
                trainer.step((&images, &labels)).unwrap();
            }
        }
        params(&model)
    });
    assert_eq!(launched, replayed);
}

#[test]
#[ignore = "needs a CUDA device"]
fn training_on_a_gpu_equals_training_on_the_cpu_to_rounding() {
    let [on_cpu, on_gpu] = [Device::Cpu, device()].map(|device| {
        let model = model();
        let (images, labels) = batch(&device);
        let mut trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.5).unwrap();
        trainer.to_device(&device).unwrap();
        let steps: Vec<_> = (0..STEPS).map(|_| trainer.step((&images, &labels)).unwrap()).collect();
        steps.iter().map(|report| report.mse + report.cross_entropy).collect::<Vec<f64>>()
    });
    for (step, (x, y)) in on_cpu.iter().zip(&on_gpu).enumerate() {
        assert!(x.is_finite() && (x - y).abs() <= 1e-3 * x.abs(), "step {step}: {x} {y}");
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn two_queues_on_one_card_do_not_mix_and_do_not_disturb_each_other() {
    let devices = [device(), device()];
    let values = |value: f64| Tensor::full(value, &[1 << 20], DType::F32);
    let [one, other] = [0, 1].map(|queue| values(queue as f64).to_device(&devices[queue]).unwrap());
    assert!(tensor::run(&autograd::ops::add::Add, [&one, &other]).is_err());
    let threads: Vec<_> = [one, other]
        .into_iter()
        .map(|x| {
            std::thread::spawn(move || {
                let mut sum = x.clone();
                for _ in 0..100 {
                    [sum] = tensor::run(&autograd::ops::add::Add, [&sum, &x]).unwrap();
                }
                sum.to_f64_vec()[12_345]
            })
        })
        .collect();
    let sums: Vec<f64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(sums, [0.0, 101.0]);
}

#[test]
#[ignore = "needs a CUDA device"]
fn too_much_memory_is_an_error_that_says_what_is_free_and_leaves_the_queue_usable() {
    let device = device();
    let Device::Cuda(gpu) = &device else { panic!("a GPU was asked for") };
    let gpu = Arc::clone(gpu);
    let call = gpu.call("test", DType::F32).unwrap();
    let message = call.scratch(&[1 << 50], DType::F32).unwrap_err().to_string();
    assert!(message.contains("are free") && message.contains("smaller batch"), "{message}");
    assert_eq!(Tensor::full(3.0, &[4], DType::F32).to_device(&device).unwrap().to_f64_vec(), [3.0; 4]);
}
