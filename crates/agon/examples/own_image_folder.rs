//! Trains a convolutional classifier on your own images, one folder per class:
//! `cargo run --release -p agon --example own_image_folder FOLDER`, with images in `FOLDER/CLASS/*.png` or `*.jpg`.
#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;
use std::path::PathBuf;

use agon::data::{Batches, FolderOptions, image_folder, in_order};
use agon::models::{GlobalMaxPool, count_correct};
use agon::prelude::*;

const SIDE: usize = 16;
const EPOCHS: u32 = 15;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("expected a folder with one folder of images per class, got no argument")?;
    let (set, skipped) = image_folder(&folder, &FolderOptions { side: SIDE, colour: true })?;
    for file in skipped {
        println!("skipped {file}");
    }
    println!("{} training and {} test images of {}", set.train.len(), set.test.len(), set.classes.join(", "));

    let random = Stream::new(0, "own_image_folder");
    let model = Sequential::new()
        .then(Unflatten(vec![3, SIDE, SIDE]))
        .then_with(&random, |stream| Conv2d::without_bias([3, 16], 3, 1, 1, stream, DType::F32))
        .then(BatchNorm::new(16, DType::F32))
        .then(Activation::Relu)
        .then(MaxPool::HALVING)
        .then_with(&random, |stream| Conv2d::new([16, 32], 3, 1, 1, stream, DType::F32))
        .then(Activation::Relu)
        .then(GlobalMaxPool)
        .then_with(&random, |stream| Linear::new(32, set.classes.len(), stream, DType::F32));

    let batches = Batches::new(&set.train, set.train.len().min(16), random.child("order"))?;
    let adam = Adam::new(&model.params(), AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER })?;
    let schedule = Schedule::Cosine { steps: u64::from(EPOCHS) * batches.per_epoch() as u64 };
    let mut trainer =
        LossTrainer::new(model.params(), model.buffers(), adam, schedule, |tape, example, mode| {
            let scores = model.forward(&tape.constant(&example.images), mode)?;
            Ok(scores.softmax_cross_entropy(&example.labels)?)
        })?;
    for epoch in 1..=EPOCHS {
        println!("epoch {epoch}: loss {:.3}", trainer.epoch(epoch, batches.all(epoch.into())?)?.loss);
    }

    let mut correct = 0;
    for batch in in_order(&set.test, 64)? {
        let batch = batch?;
        correct += count_correct(&model.output(&batch.images)?, &batch.labels);
    }
    println!("test accuracy {:.1} %", 100.0 * correct as f64 / set.test.len() as f64);
    Ok(())
}
