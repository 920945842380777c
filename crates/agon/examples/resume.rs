//! Stops training, stores its state, and resumes with the same results, bit for bit:
//! `cargo run --release -p agon --example resume`.
#![allow(clippy::print_stdout, reason = "an example")]

use std::path::Path;

use agon::prelude::*;

const STEPS: u64 = 40;

fn model(seed: u64) -> Sequential {
    let init = Stream::new(seed, "init");
    Sequential::new()
        .then_with(&init, |stream| Linear::new(4, 16, stream, DType::F32))
        .then(BatchNorm::new(16, DType::F32))
        .then(Activation::Relu)
        .then_with(&init, |stream| Linear::new(16, 4, stream, DType::F32))
}

/// A trainer that reconstructs its input.
fn trainer(model: &Sequential) -> agon::Result<LossTrainer<'_>> {
    let (adam, schedule) =
        (Adam::new(&model.params(), AdamConfig::PAPER)?, Schedule::Cosine { steps: STEPS });
    LossTrainer::new(model.params(), model.buffers(), adam, schedule, |tape, example, mode| {
        let x = tape.constant(&example.images);
        Ok(model.forward(&x, mode)?.mse(&x)?)
    })
}

/// The batch of a step depends only on the step, as with `agon::data::Batches`.
fn batch(step: u64) -> agon::Result<Example> {
    let mut random = Stream::new(0, "batch").sequence(step);
    let images = Tensor::from_vec((0..32).map(|_| random.uniform() as f32).collect(), &[8, 4])?;
    Ok(Example { images, target: None, labels: Indices::new(vec![]) })
}

fn train(trainer: &mut LossTrainer<'_>, until: u64) -> agon::Result<()> {
    while trainer.steps() < until {
        trainer.step(batch(trainer.steps())?)?;
    }
    Ok(())
}

fn main() -> agon::Result<()> {
    let path = std::env::args_os().nth(1).unwrap_or_else(|| "resume.safetensors".into());
    let path = Path::new(&path);

    let first = model(1);
    let mut whole = trainer(&first)?;
    train(&mut whole, STEPS / 2)?;
    // The state consists of parameters, running statistics, the moments of Adam and the number of steps.
    weights::write(path, &whole.state())?;
    train(&mut whole, STEPS)?;

    let second = model(2);
    let mut resumed = trainer(&second)?;
    let stored = weights::read(path)?;
    resumed.load(|name| stored.get(name).cloned())?;
    println!("{}: resumed at step {}", path.display(), resumed.steps());
    train(&mut resumed, STEPS)?;

    let bits = |trainer: &LossTrainer<'_>| -> Vec<_> {
        trainer.state().into_iter().map(|(name, tensor)| (name, tensor.to_f64_vec())).collect()
    };
    println!("same bits: {}", bits(&resumed) == bits(&whole));
    Ok(())
}
