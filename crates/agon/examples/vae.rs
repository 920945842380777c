//! Trains a variational autoencoder (Kingma and Welling, 2014, arXiv 1312.6114) on the embedded images and writes 16
//! reconstructions of test images: `cargo run --release -p agon --example vae [FILE.png]`.
#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;

use agon::data::{Batches, embedded, in_order, write_png};
use agon::models::init;
use agon::prelude::*;

const PIXELS: usize = 28 * 28;
const LATENT: usize = 8;
const EPOCHS: u32 = 3;

/// An encoder to the mean and log-variance of the latent, and a decoder.
struct Vae {
    encoder: Sequential,
    decoder: Sequential,
    noise: Stream,
}

impl Vae {
    fn new(random: &Stream) -> Self {
        let layers = |part: &str, inputs, outputs| {
            let stream = random.child(part);
            Sequential::new()
                .then_with(&stream, |stream| Linear::new(inputs, 128, stream, DType::F32))
                .then(Activation::Relu)
                .then_with(&stream, |stream| Linear::new(128, outputs, stream, DType::F32))
        };
        let decoder = layers("decoder", LATENT, PIXELS).then(Activation::Tanh);
        Self { encoder: layers("encoder", PIXELS, 2 * LATENT), decoder, noise: random.child("noise") }
    }

    fn params(&self) -> Vec<(String, &Param)> {
        let named = |part: &'static str, layers| {
            Module::params(layers).into_iter().map(move |(name, param)| (format!("{part}.{name}"), param))
        };
        named("encoder", &self.encoder).chain(named("decoder", &self.decoder)).collect()
    }

    /// The negative evidence lower bound, up to a constant, with a Gaussian likelihood of variance 1/2.
    fn loss<'t>(&self, x: &Var<'t>, mode: Mode) -> agon::Result<Var<'t>> {
        let code = self.encoder.forward(x, mode)?;
        let (mean, log_variance) = (code.slice(1, 0, LATENT)?, code.slice(1, LATENT, 2 * LATENT)?);
        let z = match mode {
            Mode::Training { step } => {
                let noise =
                    init::normal(mean.shape(), 1.0, &self.noise.child(&step.to_string()), DType::F32)?;
                let deviation = log_variance.scale(0.5)?.exp()?;
                mean.add(&deviation.mul(&x.tape().constant(&noise.value()))?)?
            }
            _ => mean.clone(),
        };
        let error = self.decoder.forward(&z, mode)?.mse(x)?.scale(PIXELS as f64)?;
        let divergence = mean.square()?.add(&log_variance.exp()?)?.sub(&log_variance)?.add_scalar(-1.0)?;
        Ok(error.add(&divergence.mean()?.scale(0.5 * LATENT as f64)?)?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (set, random) = (embedded::fashion_mnist()?, Stream::new(0, "vae"));
    let vae = Vae::new(&random);
    let batches = Batches::new(&set.train, 100, random.child("order"))?;
    let adam = Adam::new(&vae.params(), AdamConfig::PAPER)?;
    let mut trainer =
        LossTrainer::new(vae.params(), vec![], adam, Schedule::Constant, |tape, example, mode| {
            vae.loss(&tape.constant(&example.images), mode)
        })?;
    for epoch in 1..=EPOCHS {
        println!("epoch {epoch}: loss {:.1}", trainer.epoch(epoch, batches.all(epoch.into())?)?.loss);
    }
    let file = std::env::args().nth(1).unwrap_or("reconstructions.png".into());
    let (tape, test) = (Tape::without_gradients(), in_order(&set.test, 16)?.next().ok_or("no images")??);
    let z = vae.encoder.forward(&tape.constant(&test.images), Mode::Evaluation)?.slice(1, 0, LATENT)?;
    let images = vae.decoder.forward(&z, Mode::Evaluation)?.value().reshape(&[16, 1, 28, 28])?;
    Ok(write_png(file.as_ref(), &images, -1.0..=1.0, 4)?)
}
