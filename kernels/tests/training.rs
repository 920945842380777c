//! Tests of training on the emulated device, on which batches are gathered and steps are recorded.

use std::sync::Arc;

use autograd::{Gradients, Param, Tape};
use data::{Augmentation, Batches, Resident, Split};
use kernels::Setting;
use models::train::{ClassifierObjective, Objective};
use models::{
    Activation, Adam, AdamConfig, Cre, CreTrainer, DeviceBatches, EpochReport, Flatten, Linear, LossTrainer,
    Mixing, Optimiser, Schedule, ScheduleValue, Sequential, Trainer, fc,
};
use ndarray::Array4;
use tensor::gpu::Gpu;
use tensor::random::Stream;
use tensor::{DType, Device, Error, Tensor, flops};

#[path = "training/several.rs"]
mod several;

const SIDE: usize = 6;
const BATCH: usize = 8;

fn gpu(setting: Setting) -> Arc<Gpu> {
    match setting.device() {
        Device::Cuda(gpu) => gpu,
        Device::Cpu => panic!("an emulated device is not the CPU"),
    }
}

/// Images of noise with two channels.
fn split() -> Split {
    let mut words = Stream::new(0, "pixels").sequence(0);
    let pixels = Array4::from_shape_fn((43, 2, SIDE, SIDE), |_| (256.0 * words.uniform()) as u8);
    Split::new(pixels, (0..43).map(|row| row % 3).collect(), 3).expect("the sizes fit, and the device works")
}

fn shuffle() -> Stream {
    Stream::new(1, "shuffle")
}

fn augment() -> Stream {
    Stream::new(1, "augment")
}

fn resident(gpu: &Arc<Gpu>, split: &Split, augmentation: Augmentation) -> Resident {
    Resident::new(gpu, split, BATCH, shuffle(), (augmentation, augment()))
        .expect("the sizes fit, and the device works")
}

#[test]
fn batches_equal_those_of_the_cpu_bit_for_bit_with_every_augmentation() {
    let split = split();
    for augmentation in [
        Augmentation::None,
        Augmentation::Rotation { degrees: 15.0, shared: true },
        Augmentation::Rotation { degrees: 170.0, shared: false },
        Augmentation::CropAndFlip { border: 3 },
    ] {
        let on_cpu = Batches::new(&split, BATCH, shuffle()).unwrap();
        let on_cpu = on_cpu.with_augmentation(augmentation, augment()).unwrap();
        for setting in Setting::ALL {
            let resident = resident(&gpu(setting), &split, augmentation);
            let epoch = 2;
            resident.begin(epoch).unwrap();
            for (step, expected) in on_cpu.epoch(epoch).enumerate() {
                resident.seek(step).unwrap();
                let number = (epoch as usize - 1) * resident.per_epoch() + step;
                let (images, _) = resident.gather(number as u64).unwrap();
                assert_eq!(images.to_f64_vec(), expected.unwrap().images.to_f64_vec(), "{augmentation:?}");
            }
            assert!(resident.seek(resident.per_epoch()).is_err());
        }
    }
}

#[test]
fn every_way_to_gather_images_reads_the_same_rows() {
    let split = split();
    let crop = Augmentation::CropAndFlip { border: 3 };
    let pixels: Vec<f32> = split.pixels().iter().map(|&byte| f32::from(byte) - 7.5).collect();
    for setting in Setting::ALL {
        let gpu = gpu(setting);
        let changed = resident(&gpu, &split, crop);
        let plain = resident(&gpu, &split, Augmentation::None);
        let unit = resident(&gpu, &split, Augmentation::None).in_unit_range();
        let floats = (Augmentation::None, augment());
        let floats = Resident::with_pixels(&gpu, &split, &pixels, BATCH, shuffle(), floats).unwrap();
        for resident in [&changed, &plain, &unit, &floats] {
            resident.begin(3).unwrap();
            resident.seek(2).unwrap();
        }
        let normalised = plain.gather(9).unwrap().0.to_f64_vec();
        assert_eq!(changed.gather_unchanged(9).unwrap().to_f64_vec(), normalised);
        let of_bytes = |byte: f64| (f64::from(byte as f32 / 255.0), f64::from(byte as f32 - 7.5));
        let unit = unit.gather(9).unwrap().0.to_f64_vec();
        let floats = floats.gather(9).unwrap().0.to_f64_vec();
        for (unit, float) in unit.iter().zip(&floats) {
            assert_eq!(of_bytes(float + 7.5), (*unit, *float));
        }
        let both = changed.gather_behind(&plain, 9).unwrap().0.to_f64_vec();
        assert_eq!(both, [normalised, changed.gather(9).unwrap().0.to_f64_vec()].concat());
        // Batches for evaluation are in the split's own order at first, and the last one is smaller.
        let in_order = resident(&gpu, &split, crop);
        let got: Vec<Tensor> = in_order.in_order().collect::<tensor::Result<_>>().unwrap();
        let expected = data::in_order(&split, BATCH).unwrap().map(|batch| batch.unwrap().images);
        assert!(got.iter().map(Tensor::to_f64_vec).eq(expected.map(|images| images.to_f64_vec())));
        assert_eq!((got.len(), got[5].shape()[0]), (6, 3));
    }
}

fn model() -> Cre {
    let config = fc::Config {
        pixels: 2 * SIDE * SIDE,
        classes: 3,
        latent_activation: Activation::Identity,
        ..fc::Config::of(fc::Size::S, 4)
    };
    fc::cre(&config, &Stream::new(3, "init"), DType::F32).expect("the sizes fit, and the device works")
}

fn params(model: &Cre) -> Vec<f64> {
    model.params().into_iter().flat_map(|(_, param)| param.value().to_f64_vec()).collect()
}

fn trainer(precision: DType, model: &Cre) -> CreTrainer<'_> {
    let trainer = CreTrainer::new(model, AdamConfig::PAPER, 0.3).expect("the settings are valid");
    trainer.with_precision(precision).expect("the shapes fit, and the device works")
}

/// The batches of an epoch of a resident data set.
fn batches_of(resident: &Resident, epoch: u32) -> DeviceBatches<'_> {
    resident.begin(u64::from(epoch)).expect("the sizes fit, and the device works");
    let (seek, gather) = (|step| resident.seek(step), |number| Ok(resident.gather(number)?.into()));
    DeviceBatches::new(resident.per_epoch(), seek, gather)
}

/// An epoch of a resident data set.
fn epoch_of<O: Objective>(trainer: &mut Trainer<O>, resident: &Resident, number: u32) -> EpochReport {
    trainer.epoch(number, batches_of(resident, number)).expect("the sizes fit, and the device works")
}

/// Two epochs on the GPU.
fn recorded_in(precision: DType, gpu: &Arc<Gpu>, model: &Cre) -> EpochReport {
    let mut trainer = trainer(precision, model);
    trainer.to_device(&Device::Cuda(Arc::clone(gpu))).expect("the sizes fit, and the device works");
    let resident = resident(gpu, &split(), Augmentation::None);
    epoch_of(&mut trainer, &resident, 1);
    epoch_of(&mut trainer, &resident, 2)
}

/// An epoch of batches in host memory.
fn epoch_on_cpu<O: Objective>(trainer: &mut Trainer<O>, split: &Split, number: u32) -> EpochReport {
    let batches = Batches::new(split, BATCH, shuffle()).expect("a batch can be filled");
    let pairs = batches.epoch(u64::from(number)).map(|batch| {
        let batch = batch.expect("the images are there");
        (batch.images, batch.labels)
    });
    trainer.epoch(number, pairs).expect("the sizes fit")
}

/// Compares two epochs on the CPU with two on the device: ten steps in f32, each with sums of some hundred terms in
/// another order.
fn epochs_agree<O: Objective>(what: &str, setting: Setting, [mut here, mut there]: [Trainer<O>; 2]) {
    let (split, gpu) = (split(), gpu(setting));
    there.to_device(&Device::Cuda(Arc::clone(&gpu))).expect("the device works");
    let resident = resident(&gpu, &split, Augmentation::None);
    let close =
        |got: f64, expected: f64| got == expected || (got - expected).abs() <= 1e-4 * expected.abs().max(1.0);
    for epoch in [1, 2] {
        let expected = epoch_on_cpu(&mut here, &split, epoch);
        let got = epoch_of(&mut there, &resident, epoch);
        let elements = |report: &EpochReport| {
            let EpochReport { loss, mse, cross_entropy, conflict, .. } = *report;
            [loss, mse, cross_entropy, conflict.cosine, conflict.norm_ratio]
        };
        for (place, (x, y)) in elements(&got).into_iter().zip(elements(&expected)).enumerate() {
            assert!(
                close(x, y) || x.is_nan() && y.is_nan(),
                "{what}, element {place} of {got:?}, not {expected:?}"
            );
        }
        assert!(
            expected.loss.is_finite() && (got.epoch, got.steps) == (expected.epoch, expected.steps),
            "{what}"
        );
    }
    for ((name, got), (_, expected)) in there.params_and_buffers().iter().zip(here.params_and_buffers()) {
        // Not compared by the largest difference, because a maximum ignores NaN.
        let pairs = got.value().to_f64_vec().into_iter().zip(expected.value().to_f64_vec());
        assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() <= 1e-4), "{what}: {name}");
    }
}

#[test]
fn recorded_steps_have_the_bits_of_steps_that_are_launched_one_by_one() {
    let precisions = [DType::F32, DType::BF16, DType::F32, DType::BF16];
    for (setting, precision) in Setting::ALL.into_iter().zip(precisions) {
        let (gpu_of_recorded, replayed) = (gpu(setting), model());
        recorded_in(precision, &gpu_of_recorded, &replayed);
        let (gpu, launched) = (gpu(setting), model());
        let mut trainer = trainer(precision, &launched);
        trainer.to_device(&Device::Cuda(Arc::clone(&gpu))).unwrap();
        let resident = resident(&gpu, &split(), Augmentation::None);
        for number in 0..2 * resident.per_epoch() {
            let (epoch, step) = (number / resident.per_epoch(), number % resident.per_epoch());
            resident.begin(epoch as u64 + 1).unwrap();
            resident.seek(step).unwrap();
            let (images, labels) = resident.gather(number as u64).unwrap();
            trainer.step((&images, &labels)).unwrap();
        }
        assert_eq!(params(&replayed), params(&launched), "{setting:?}");
    }
}

/// A trainer of the sum of both losses, whose learning rate changes in each step.
fn single_loss(model: &Cre, optimiser: impl Optimiser + 'static) -> LossTrainer<'_> {
    let schedule = Schedule::Cosine { steps: 20 };
    let trainer =
        LossTrainer::new(model.params(), model.buffers(), optimiser, schedule, |tape, example, mode| {
            let losses = model.losses_of(tape, example, 0.3, mode)?;
            Ok(losses.mse.add(&losses.cross_entropy)?)
        });
    trainer.expect("the settings are valid")
}

/// Gradient descent as another crate would implement it, without settings in device memory.
struct ByValue;

impl Optimiser for ByValue {
    fn apply(
        &mut self,
        params: &[(String, &Param)],
        gradients: &Gradients,
        schedule_value: ScheduleValue,
    ) -> models::Result<()> {
        for (_, param) in params {
            let tape = Tape::without_gradients();
            let step = tape.constant(gradients.param(param)?).scale(0.1 * schedule_value.factor)?;
            let moved = tape.constant(&param.value()).sub(&step)?.value().clone();
            param.update(|value| value.assign(&moved))?;
        }
        Ok(())
    }

    fn to_device(&mut self, _: &[(String, &Param)]) -> models::Result<()> {
        Ok(())
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        vec![]
    }

    fn load(&mut self, _: &[(String, &Param)], _: &dyn Fn(&str) -> Option<Tensor>) -> models::Result<()> {
        Ok(())
    }
}

#[test]
fn an_epoch_equals_that_on_the_cpu_for_every_kind_of_training() {
    let models = [model(), model()];
    let cre = models.each_ref().map(|model| trainer(DType::F32, model));
    epochs_agree("a CRE", Setting::ALL[2], cre);

    // A single loss without other reported values.
    let models = [model(), model()];
    let single = models.each_ref().map(|model| {
        single_loss(model, Adam::new(&model.params(), AdamConfig::PAPER).expect("the settings are valid"))
    });
    epochs_agree("a single loss", Setting::ALL[0], single);

    // The learning rate is an argument of the optimiser's kernels, so its steps are launched one by one.
    let models = [model(), model()];
    epochs_agree(
        "a rate by value",
        Setting::ALL[0],
        models.each_ref().map(|model| single_loss(model, ByValue)),
    );

    // A cross-entropy without an MSE.
    for squared_labels in [false, true] {
        let classifiers = [(); 2].map(|()| {
            let layer = Linear::new(2 * SIDE * SIDE, 3, &Stream::new(3, "init"), DType::F32);
            Sequential::new().then(Flatten).then(layer)
        });
        let trainers = classifiers.each_ref().map(|classifier| {
            Trainer::with_adam(ClassifierObjective::new(classifier, squared_labels), AdamConfig::PAPER)
                .unwrap()
        });
        epochs_agree("a classifier", Setting::ALL[1], trainers);
    }

    // These mixing rules copy values to the CPU, so their steps are launched one by one.
    for rule in [Mixing::Surgery, Mixing::Uncertainty] {
        let models = [model(), model()];
        let mixed = models.each_ref().map(|model| trainer(DType::F32, model).mixing(rule).unwrap());
        assert!(!mixed[0].objective().records());
        epochs_agree(rule.name(), Setting::ALL[0], mixed);
    }
}

#[test]
fn an_epoch_in_bf16_is_near_that_in_f32_and_its_parameters_are_not_rounded() {
    let reports = [DType::F32, DType::BF16].map(|precision| {
        let model = model();
        let report = recorded_in(precision, &gpu(Setting::ALL[0]), &model);
        let rounded = |x: &f64| (*x as f32).to_bits() & 0xffff == 0;
        (report, params(&model).iter().filter(|x| **x != 0.0 && !rounded(x)).count())
    });
    let [(wide, _), (narrow, unrounded)] = reports;
    assert_ne!(wide.mse, narrow.mse);
    // Each bf16 value has a relative error of at most 1/256; the losses are means of squares and logarithms of such
    // values.
    assert!((wide.mse - narrow.mse).abs() <= 0.02 * wide.mse, "{wide:?} {narrow:?}");
    assert!((wide.cross_entropy - narrow.cross_entropy).abs() <= 0.02, "{wide:?} {narrow:?}");
    assert!(unrounded > 100, "{unrounded}");
    assert!(CreTrainer::new(&model(), AdamConfig::PAPER, 0.3).unwrap().with_precision(DType::F16).is_err());
}

#[test]
fn replays_allocate_no_memory_from_the_driver() {
    let (gpu, model) = (gpu(Setting::ALL[0]), model());
    let mut trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.3).unwrap();
    trainer.to_device(&Device::Cuda(Arc::clone(&gpu))).unwrap();
    let resident = resident(&gpu, &split(), Augmentation::None);
    let mut epoch = |number: u32| {
        epoch_of(&mut trainer, &resident, number);
        gpu.memory_statistics().driver_allocations
    };
    let first = epoch(1);
    assert_eq!(epoch(2), first);
}

/// All kernels of a recorded step run in every replay, so the FLOPs of an epoch equal those of its steps on the CPU.
#[test]
fn the_flops_of_a_recorded_step_are_counted_for_every_replay() {
    let (split, on_cpu) = (split(), model());
    let mut trainer = CreTrainer::new(&on_cpu, AdamConfig::PAPER, 0.3).unwrap();
    let mut of_cpu = |epoch: u32| flops::count(|| epoch_on_cpu(&mut trainer, &split, epoch)).1;
    let (gpu, on_gpu) = (gpu(Setting::ALL[0]), model());
    let mut trainer = CreTrainer::new(&on_gpu, AdamConfig::PAPER, 0.3).unwrap();
    trainer.to_device(&Device::Cuda(Arc::clone(&gpu))).unwrap();
    let resident = resident(&gpu, &split, Augmentation::None);
    let mut of_gpu = |epoch: u32| flops::count(|| epoch_of(&mut trainer, &resident, epoch)).1;
    // The first epoch records its first step; the second replays all steps.
    for epoch in [1, 2] {
        let expected = of_cpu(epoch);
        assert!(expected > 0 && resident.per_epoch() > 1);
        assert_eq!(of_gpu(epoch), expected, "epoch {epoch}");
    }
}

/// A step that reads a value before writing it must not get that of an earlier replay.
#[test]
fn memory_is_nan_again_in_every_replay() {
    let gpu = gpu(Setting::ALL[0]);
    let one = Tensor::full(1.0, &[3], DType::F32).to_device(&Device::Cuda(Arc::clone(&gpu))).unwrap();
    let add = |x: &Tensor, y: &Tensor| tensor::run(&autograd::ops::add::Add, [x, y]).map(|[sum]| sum);
    let step = || {
        let unwritten = gpu.call("a test", DType::F32)?.scratch(&[3], DType::F32)?;
        let sum = add(&unwritten, &one)?;
        drop(unwritten);
        // This allocation reuses the same memory.
        Ok::<_, Error>((sum, add(&one, &one)?))
    };
    let ((sum, two), recording) = gpu.record(0, step).unwrap();
    for replay in 0..3 {
        assert!(sum.to_f64_vec().iter().all(|x| x.is_nan()), "replay {replay}");
        assert_eq!(two.to_f64_vec(), [2.0; 3]);
        recording.replay(replay).unwrap();
    }
}

#[test]
fn a_recorded_step_must_not_use_the_cpu() {
    let gpu = gpu(Setting::ALL[0]);
    let device = Device::Cuda(Arc::clone(&gpu));
    let x = Tensor::full(2.0, &[3], DType::F32).to_device(&device).unwrap();
    let reads = gpu.record(0, || x.to_device(&Device::Cpu)).unwrap_err();
    assert!(matches!(&reads, Error::Recording { why } if why.contains("copy data to the CPU")), "{reads}");
    let writes = gpu.record(0, || Tensor::zeros(&[3], DType::F32).to_device(&device)).unwrap_err();
    assert!(
        matches!(&writes, Error::Recording { why } if why.contains("copy data from the CPU")),
        "{writes}"
    );
    let twice = gpu.record(0, || gpu.record(1, || Ok::<_, Error>(())).map(drop)).unwrap_err();
    assert!(matches!(twice, Error::Recording { .. }), "{twice}");
    // After a failed step the stream is unchanged.
    assert_eq!(x.to_device(&Device::Cpu).unwrap().to_f64_vec(), [2.0; 3]);
}
