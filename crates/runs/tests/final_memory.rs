//! Tests that the memory of the final measures grows neither with the square of the number of pixels nor with the size
//! of the whole data set.
//!
//! This is the only test in its file, since it measures the memory of the whole process.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use agon_runs::images::{DataConfig, Images};
use agon_runs::learners::{RunConfig, cre};
use agon_runs::run::Run;
use agon_runs::run::keep::Keep;
use agon_runs::store::{Outcome, Store};
use agon_runs::training::Hardware;
use data::{Dataset, Origin, Split};
use models::{AdamConfig, Architecture};
use ndarray::Array4;
use peak_alloc::PeakAlloc;
use tensor::Device;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Colour images of 64 x 64, as many as the probes are fitted to.
const SIDE: usize = 64;
const D: usize = 3 * SIDE * SIDE;
const N: usize = 2_000;

/// All pixels of the training images in f64, with and without their mean, would take 393 MB. A block of 4,096 pixels
/// takes 131 MB, with and without its mean. A batch of 500 images in f32 takes 25 MB, of which the tensor allocator
/// holds up to six times as much: images, results, intermediates.
const BOUND: usize = 131_072_000 + 6 * 500 * D * 4;

fn split(n: usize) -> Split {
    // A fixed pattern with 251 distinct images per class.
    let pixel = |(image, channel, y, x): (usize, usize, usize, usize)| {
        ((image * 7919 + channel * 31 + y * y * 17 + x * 5 + image % 2 * x) % 251) as u8
    };
    let labels = (0..n).map(|image| (image % 2) as u8).collect();
    Split::new(Array4::from_shape_fn((n, 3, SIDE, SIDE), pixel), labels, 2).unwrap()
}

#[test]
fn probing_large_colour_images_needs_little_memory() {
    let origin =
        Origin { source: "made".into(), files: vec![], selection: "all".into(), licence: "none".into() };
    let set = Dataset::new("made", &["a", "b"], split(N + 1), split(30), origin).unwrap();
    let data = DataConfig::new("made", N, 1, 30);
    let images = Images::of(&data, &set).unwrap();
    drop(set);
    let model = Architecture::Linear { pixels: D, classes: 2, latent: 4 };
    let config = RunConfig {
        data,
        rotation: None,
        learner: cre(model, 0.5),
        optimiser: AdamConfig::PAPER,
        batch: 10,
        epochs: 0,
        hardware: Hardware::Cpu,
    };
    let run = Run { config, seed: 0 };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let of_run = store.run(&run.spec(&images)).unwrap();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = run.compute(&images, None, &Device::Cpu, of_run, Keep::WhatIsReread, |_| ()).unwrap();
    let taken = MEMORY.peak_usage() - before;
    assert_eq!(done.outcome, Outcome::Finished);
    assert!(done.finals.contains_key("probes/ridge_mse"), "{:?}", done.finals.keys());
    assert!(taken < BOUND, "{} MiB", taken >> 20);
}
