//! Learns XOR with a tape, a model of two layers and Adam: `cargo run --release -p agon --example xor`.
#![allow(clippy::print_stdout, reason = "an example")]

use agon::prelude::*;

fn main() -> agon::Result<()> {
    let inputs = Tensor::from_vec(vec![0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], &[4, 2])?;
    let targets = Tensor::from_vec(vec![0.0f32, 1.0, 1.0, 0.0], &[4, 1])?;

    let init = Stream::new(0, "init");
    let model = Sequential::new()
        .then_with(&init, |stream| Linear::new(2, 8, stream, DType::F32))
        .then(Activation::Tanh)
        .then_with(&init, |stream| Linear::new(8, 1, stream, DType::F32));
    let mut adam = Adam::new(&model.params(), AdamConfig { learning_rate: 0.05, ..AdamConfig::PAPER })?;

    for step in 0..400 {
        // The tape is dropped at the end of the block, so that the optimiser updates the parameters in place.
        let gradients = {
            let tape = Tape::new();
            let outputs = model.forward(&tape.constant(&inputs), Mode::Training { step })?;
            let loss = outputs.mse(&tape.constant(&targets))?;
            if step % 100 == 0 {
                println!("step {step}: loss {:.5}", loss.value().item()?);
            }
            tape.backward(&loss)?
        };
        adam.step(&model.params(), &gradients)?;
    }

    let outputs = model.output(&inputs)?;
    for (input, output) in inputs.matrix::<f32>()?.rows().into_iter().zip(outputs.as_slice::<f32>()?) {
        println!("{} xor {} = {output:.2}", input[0], input[1]);
    }
    Ok(())
}
