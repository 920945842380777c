//! Writes a model for PyTorch: `cargo run --release -p agon --example load_into_pytorch FOLDER`, then
//! `python crates/agon/examples/load_into_pytorch.py FOLDER` compares the outputs.
#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;
use std::path::PathBuf;

use agon::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("expected a folder, got no argument")?;
    let init = Stream::new(0, "init");
    // The layers have the same indices as in the `nn.Sequential` of load_into_pytorch.py, so that the names match.
    let model = Sequential::new()
        .then_with(&init, |stream| Conv2d::new([1, 4], 3, 1, 1, stream, DType::F32))
        .then(BatchNorm::new(4, DType::F32))
        .then(Activation::Relu)
        .then(MaxPool::HALVING)
        .then(Flatten)
        .then_with(&init, |stream| Linear::new(4 * 4 * 4, 10, stream, DType::F32));
    let mut random = Stream::new(0, "images").sequence(0);
    let images = Tensor::from_vec((0..2 * 64).map(|_| random.uniform() as f32).collect(), &[2, 1, 8, 8])?;
    // One step in training mode, so that the running statistics differ from those of a new model.
    model.forward(&Tape::without_gradients().constant(&images), Mode::Training { step: 0 })?;

    let outputs = model.output(&images)?;
    weights::save(&folder.join("model.safetensors"), model.learned())?;
    weights::write(
        &folder.join("example.safetensors"),
        &[("images".into(), images), ("outputs".into(), outputs)],
    )?;
    for (name, param) in model.learned() {
        println!("{name} {:?}", param.value().shape());
    }
    Ok(())
}
