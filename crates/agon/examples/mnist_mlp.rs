//! Trains a classifier on the embedded images, a subset of Fashion-MNIST:
//! `cargo run --release -p agon --example mnist_mlp`.
#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;

use agon::data::{Batches, embedded, in_order};
use agon::models::count_correct;
use agon::prelude::*;

const EPOCHS: u32 = 4;
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let set = embedded::fashion_mnist()?;
    let random = Stream::new(0, "mnist_mlp");
    let model = Sequential::new()
        .then_with(&random, |stream| Linear::new(28 * 28, 128, stream, DType::F32))
        .then(Activation::Relu)
        .then_with(&random, |stream| Linear::new(128, set.classes.len(), stream, DType::F32));

    // ANCHOR: train
    let batches = Batches::new(&set.train, BATCH, random.child("order"))?;
    let steps = u64::from(EPOCHS) * batches.per_epoch() as u64;
    let adam = Adam::new(&model.params(), AdamConfig { learning_rate: 5e-3, ..AdamConfig::PAPER })?;
    let schedule = Schedule::OneCycle { steps };
    let mut trainer =
        LossTrainer::new(model.params(), model.buffers(), adam, schedule, |tape, example, mode| {
            let scores = model.forward(&tape.constant(&example.images), mode)?;
            Ok(scores.softmax_cross_entropy(&example.labels)?)
        })?;

    for epoch in 1..=EPOCHS {
        println!("epoch {epoch}: loss {:.3}", trainer.epoch(epoch, batches.all(epoch.into())?)?.loss);
    }
    // ANCHOR_END: train

    let mut correct = 0;
    for batch in in_order(&set.test, 250)? {
        let batch = batch?;
        correct += count_correct(&model.output(&batch.images)?, &batch.labels);
    }
    println!("test accuracy {:.1} %", 100.0 * correct as f64 / set.test.len() as f64);
    Ok(())
}
