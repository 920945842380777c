//! Tests of steps of several trainers that are replayed by one graph.

use std::sync::Arc;

use data::Augmentation;
use kernels::Setting;
use models::train::{RecordedTrainer, epoch_together};
use models::{AdamConfig, CreTrainer};
use tensor::gpu::Recording;
use tensor::{DType, Device, Error, Tensor};

use super::{batches_of, epoch_of, gpu, model, params, recorded_in, resident, split, trainer};

/// The row of the batch, the settings of three optimisers and the step number are in one region of memory.
#[test]
fn a_replayed_step_needs_one_copy_from_the_cpu() {
    let (gpu, model) = (gpu(Setting::ALL[0]), model());
    let mut trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.3).unwrap();
    trainer.to_device(&Device::Cuda(Arc::clone(&gpu))).unwrap();
    let resident = resident(&gpu, &split(), Augmentation::Rotation { degrees: 15.0, shared: true });
    epoch_of(&mut trainer, &resident, 1);
    let before = gpu.copies_from_cpu();
    epoch_of(&mut trainer, &resident, 2);
    // One more copy is for the order of the epoch.
    assert_eq!(gpu.copies_from_cpu() - before, resident.per_epoch() as u64 + 1);
}

/// The small writes of several trainers share a page, too.
#[test]
fn a_replayed_step_of_several_trainers_needs_one_copy_from_the_cpu() {
    const MEMBERS: usize = 3;
    let (gpu, models) = (gpu(Setting::ALL[0]), [(); MEMBERS].map(|()| model()));
    let mut trainers = models.each_ref().map(|model| trainer(DType::F32, model));
    for trainer in &mut trainers {
        trainer.to_device(&Device::Cuda(Arc::clone(&gpu))).unwrap();
    }
    let sets = [(); MEMBERS].map(|()| resident(&gpu, &split(), Augmentation::None));
    let mut joint = None;
    let copies = [1, 2].map(|epoch| {
        let before = gpu.copies_from_cpu();
        let batches = sets.each_ref().map(|set| batches_of(set, epoch));
        let members = trainers.iter_mut().map(|trainer| trainer as &mut dyn RecordedTrainer);
        let mut members: Vec<_> = members.zip(batches).collect();
        let reports = epoch_together(&mut members, &mut joint, epoch).unwrap();
        assert!(reports.iter().all(|(report, _)| report == &reports[0].0));
        let alone: usize = members.iter().map(|(trainer, _)| trainer.recording().unwrap().len()).sum();
        assert_eq!(joint.as_ref().unwrap().len(), alone);
        gpu.copies_from_cpu() - before
    });
    // The others are for the orders of the epoch.
    assert_eq!(copies[1], (sets[0].per_epoch() + MEMBERS) as u64);
    let alone = model();
    recorded_in(DType::F32, &super::gpu(Setting::ALL[0]), &alone);
    assert!(models.iter().all(|model| params(model) == params(&alone)));

    // Trainers at different steps.
    epoch_of(&mut trainers[0], &sets[0], 3);
    let batches = sets.each_ref().map(|set| batches_of(set, 3));
    let members = trainers.iter_mut().map(|trainer| trainer as &mut dyn RecordedTrainer);
    let mut members: Vec<_> = members.zip(batches).collect();
    let refused = epoch_together(&mut members, &mut joint, 3).unwrap_err().to_string();
    assert!(refused.contains("expected one number of steps so far and in an epoch, got"), "{refused}");
}

#[test]
fn recordings_are_replayed_together_only_if_none_writes_to_memory_of_another() {
    let gpu = gpu(Setting::ALL[0]);
    let device = Device::Cuda(Arc::clone(&gpu));
    let of = |value: f64| Tensor::full(value, &[3], DType::F32).to_device(&device).unwrap();
    let (one, mut first, mut second) = (of(1.0), of(0.0), of(0.0));
    let add = |x: &Tensor, y: &Tensor| tensor::run(&autograd::ops::add::Add, [x, y]).map(|[sum]| sum);
    let count = |counter: &mut Tensor| gpu.record(0, || counter.assign(&add(counter, &one)?)).unwrap().1;
    let [of_first, of_second, again] = [count(&mut first), count(&mut second), count(&mut first)];
    let reads = gpu.record(0, || add(&first, &one)).unwrap().1;

    // Both read `one`.
    let both = Recording::together(&[&of_first, &of_second]).unwrap();
    assert!(both.is_of(&[&of_first, &of_second]));
    assert!(!both.is_of(&[&of_first]) && !both.is_of(&[&of_second, &of_first]));
    assert_eq!(both.len(), of_first.len() + of_second.len());
    both.replay(1).unwrap();
    assert_eq!([&first, &second].map(|x| x.to_f64_vec()[0]), [3.0, 2.0]);

    for shared in [&again, &reads] {
        for pair in [[&of_first, shared], [shared, &of_first]] {
            let refused = Recording::together(&pair).unwrap_err().to_string();
            assert!(refused.contains("expected independent recordings"), "{refused}");
        }
    }
    let elsewhere = super::gpu(Setting::ALL[0]);
    let other = elsewhere.record(0, || Ok::<_, Error>(())).unwrap().1;
    assert!(Recording::together(&[&of_first, &other]).unwrap_err().to_string().contains("several streams"));
    assert!(Recording::together(&[]).is_err());
}
