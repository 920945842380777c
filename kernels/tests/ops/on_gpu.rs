//! Tests of features that the emulator lacks: the driver, two streams, exhausted memory, and the shapes of real models.
//! They run on the device set by `AGON_TEST_DEVICE`; they have not run on a GPU yet.
//!
//! All of them are ignored by default, so that none is reported as passed without a GPU. `cargo xtask gpu` runs them
//! and, with the same variable, all other tests of the emulated device on the GPU.

use std::sync::Arc;

use autograd::ops::attention::Attention;
use autograd::ops::conv2d::{Conv2d, Geometry};
use autograd::ops::matmul::MatMul;
use autograd::testing::cases::{Case, Cases};
use autograd::testing::checks;
use autograd::testing::on_device::on;
use kernels::Setting;
use models::{AdamConfig, Cre, CreTrainer, DeviceBatches, fc};
use tensor::random::Stream;
use tensor::{DType, Device, Indices, Tensor};

use crate::random_values;

fn device() -> Device {
    let name = std::env::var("AGON_TEST_DEVICE").unwrap_or_else(|_| "cuda:0".into());
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}

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
            let gather = |_| Ok((&images, &labels).into());
            let batches = DeviceBatches::new(STEPS, |_| Ok(()), gather);
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

/// Checks all element types, with the tiles for the number of SMs of the GPU and for other numbers of SMs.
fn agrees<O: Cases<N, 1> + 'static, const N: usize>(op: O, shapes: [&[usize]; N], reduced: usize) {
    let inputs = shapes.map(|shape| random_values(shape, "inputs"));
    let case = Case { op, inputs, reduced };
    for dtype in crate::DTYPES {
        checks::precision(&on(&case, &device()), dtype).expect("the kernels agree with the reference");
        for setting in Setting::ALL {
            checks::precision(&on(&case, &setting.device()), dtype).expect("and so do those of other tiles");
        }
    }
}

/// The sizes of FC-M, and those of the weight gradient of a narrow layer with partial tiles in each dimension.
#[test]
#[ignore = "needs a CUDA device"]
fn products_of_the_sizes_of_models_agree_with_the_reference_on_a_gpu() {
    let plain = |transpose_a, transpose_b| MatMul { transpose_a, transpose_b };
    agrees(plain(false, true), [&[512, 784], &[616, 784]], 784);
    agrees(plain(true, false), [&[2_048, 16], &[2_048, 33]], 2_048);
    agrees(plain(false, false), [&[129, 257], &[257, 1_025]], 1_025);
}

#[test]
#[ignore = "needs a CUDA device"]
fn convolutions_and_attention_of_the_sizes_of_models_agree_with_the_reference_on_a_gpu() {
    let conv = |stride, padding| Conv2d::without_bias(Geometry::square(stride, padding));
    agrees(conv(1, 1), [&[4, 65, 16, 16], &[129, 65, 3, 3]], 65 * 9 + 4 * 256);
    agrees(conv(2, 1), [&[3, 32, 28, 28], &[64, 32, 3, 3]], 64 * 9 + 3 * 196);
    agrees(Attention { n_heads: 4 }, [&[6, 65, 3 * 4 * 16]], 65 + 16);
}
