//! Checks the gradients of a model against finite differences: `cargo run --release -p agon --example gradcheck_a_model`.
#![allow(clippy::print_stdout, reason = "an example")]

use agon::autograd::Error;
use agon::prelude::*;

fn main() -> agon::Result<()> {
    // The check uses 64 bits, in which finite differences are precise, and smooth activations.
    let init = Stream::new(0, "init");
    let model = Sequential::new()
        .then_with(&init, |stream| Linear::new(3, 5, stream, DType::F64))
        .then(LayerNorm::new(5, DType::F64))
        .then(Activation::Tanh)
        .then_with(&init, |stream| Linear::new(5, 2, stream, DType::F64));
    let x = Tensor::from_vec(vec![0.3, -1.2, 0.7, 2.0, 0.1, -0.4], &[2, 3])?;
    let labels = Indices::new(vec![1, 0]);
    let loss = |x: &Var<'_>| -> agon::Result<f64> {
        Ok(model.forward(x, Mode::Evaluation)?.softmax_cross_entropy(&labels)?.value().item()?)
    };

    // The gradient with respect to the input, for every element.
    let of_model = |error: agon::Error| Error::Op { op: "model", message: error.to_string() };
    let checked = gradcheck(
        |[x]| model.forward(&x, Mode::Evaluation).map_err(of_model)?.softmax_cross_entropy(&labels),
        [&x],
    )?;
    println!("input: {checked:?}");

    // The gradients with respect to the parameters, along one random direction for each parameter.
    let gradients = {
        let tape = Tape::new();
        let scores = model.forward(&tape.constant(&x), Mode::Evaluation)?;
        tape.backward(&scores.softmax_cross_entropy(&labels)?)?
    };
    for (name, param) in model.params() {
        let (value, gradient) = (param.value(), gradients.param(param)?.to_f64_vec());
        let mut random = Stream::new(1, &name).sequence(0);
        let direction: Vec<f64> = gradient.iter().map(|_| 2.0 * random.uniform() - 1.0).collect();
        let at = |step: f64| -> agon::Result<f64> {
            let moved = value.to_f64_vec().iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            param.set(Tensor::from_vec(moved, value.shape())?)?;
            loss(&Tape::without_gradients().constant(&x))
        };
        const STEP: f64 = 1e-4;
        let numeric = (at(STEP)? - at(-STEP)?) / (2.0 * STEP);
        param.set(value.clone())?;
        let analytic: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        println!("{name}: by backward {analytic:.9}, by finite differences {numeric:.9}");
    }
    Ok(())
}
