//! Tests that the patch masks drawn on the emulated device equal those of the CPU.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use autograd::Tape;
use kernels::Setting;
use models::{Mask, MaskedLoss, Masking, Masks, Mode};
use tensor::random::Stream;
use tensor::{Device, Tensor};

const N: usize = 5;

/// The lists of a mask, read by gathering rows whose values are their own indices.
fn lists(mask: &Mask, patches: usize, device: &Device) -> Vec<Vec<f64>> {
    let lists = [&mask.kept, &mask.removed, &mask.restore, &mask.rows];
    let gathered = lists.into_iter().filter(|list| !list.is_empty()).map(|rows| {
        // The indices into restored images are below the number of tokens plus one.
        let t = patches + 2;
        let numbers = (0..N * t).map(|at| (at % t) as f32).collect();
        let numbers = Tensor::from_vec(numbers, &[N, t, 1]).unwrap().to_device(device).unwrap();
        let tape = Tape::without_gradients();
        tape.constant(&numbers).gather_rows(rows).unwrap().value().to_f64_vec()
    });
    gathered.collect()
}

#[test]
fn masks_drawn_on_a_device_equal_those_of_the_cpu() {
    // Random blocks of four words within one image and across two images, and an image with more patches than a block
    // has threads.
    for (patches, ratio) in [(16, 0.5), (9, 0.75), (9, 0.0), (300, 0.25)] {
        let masking = Masking { ratio, loss: MaskedLoss::Removed };
        let masks = Masks::new(masking, 2, patches, Stream::new(1, "mask")).unwrap();
        for setting in Setting::ALL {
            let device = setting.device();
            for mode in [Mode::Training { step: 7 }, Mode::MaskedEvaluation { batch: 3 }] {
                let expected = lists(&masks.of(mode, N).unwrap(), patches, &Device::Cpu);
                let mask = masks.of_on(mode, N, &device).unwrap().unwrap();
                assert_eq!(lists(&mask, patches, &device), expected, "{patches} patches, {ratio}, {mode:?}");
            }
            assert_eq!(masks.of_on(Mode::Evaluation, N, &device).unwrap(), None);
        }
    }
}

/// A replay draws the masks of its own step.
#[test]
fn replays_draw_the_masks_of_their_steps() {
    let masking = Masking { ratio: 0.5, loss: MaskedLoss::Removed };
    let masks = Masks::new(masking, 2, 16, Stream::new(1, "mask")).unwrap();
    let device = Setting::ALL[2].device();
    let Device::Cuda(gpu) = &device else { panic!("an emulated device is not the CPU") };
    let of = |step| Mode::Training { step };
    let (mask, recording) = gpu.record(0, || masks.of_on(of(0), N, &device)).unwrap();
    let mask = mask.unwrap();
    for step in [0, 1, 5] {
        recording.replay(step).unwrap();
        let expected = lists(&masks.of(of(step), N).unwrap(), 16, &Device::Cpu);
        assert_eq!(lists(&mask, 16, &device), expected, "step {step}");
    }
}
