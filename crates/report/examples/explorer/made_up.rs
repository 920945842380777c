//! An explorer of synthetic values, with all parts that a real one may have or lack.

use agon_report::Explorer;
use agon_report::explorer::{Images, Latents, Linear, Model, Reader, Size, Spread, Trained};

const LAMBDAS: [f64; 7] = [0.0, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0];
const GARMENTS: [&str; 10] = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];
const N_LATENTS: usize = 400;

/// Two data sets. The second has colour images and few λ; the second model of each lacks some parts, the last one most.
pub(crate) fn explorer() -> Explorer {
    let garments = || GARMENTS.map(String::from).to_vec();
    let model =
        |data: &str, family: &str, classes: Vec<String>, lambdas: &[f64], c: usize, ease: f64| Model {
            data: data.into(),
            family: family.into(),
            lambdas: lambdas.to_vec(),
            sizes: [4, 16, 64].map(|k| size(k, c, classes.len(), lambdas, ease)).to_vec(),
            classes,
        };
    let shapes = || (0..6).map(|class| format!("{class} petals")).collect::<Vec<_>>();
    let mut lacking = model("Flowers", "FC-M, identity latent", shapes(), &LAMBDAS[2..3], 3, 1.0);
    lacking.sizes.truncate(1);
    lacking.sizes[0] =
        Size { readers: vec![], linear: vec![], images: None, latents: None, ..lacking.sizes[0].clone() };
    lacking.sizes[0].trained[0].cross_entropy = Spread::MISSING;
    let mut patchy = model("Garments", "CNN-S, ReLU latent", garments(), &LAMBDAS, 1, 0.6);
    patchy.sizes[0] = Size { images: None, latents: None, ..patchy.sizes[0].clone() };
    forget(&mut patchy.sizes[2], 0);
    Explorer {
        lead: "One encoder has two heads, and λ weighs their gradients. Move it from 0, where the encoder is trained \
        by the classifier only, to 1, where it is trained by the decoder only, and see how the latent changes."
            .into(),
        note: "Mean over seeds on the test images; below it the lowest and the highest seed. All values are synthetic."
            .into(),
        models: vec![
            model("Garments", "FC-M, ReLU latent", garments(), &LAMBDAS, 1, 1.0),
            patchy,
            model("Flowers", "CNN-L, identity latent", shapes(), &[0.0, 0.5, 1.0], 3, 1.3),
            lacking,
        ],
    }
}

/// Removes all results at one λ.
fn forget(size: &mut Size, lambda: usize) {
    size.trained[lambda] = Trained::NOTHING;
    size.images.iter_mut().for_each(|images| images.reconstructions[lambda] = None);
    size.latents.iter_mut().for_each(|latents| latents.places[lambda] = None);
}

/// A deterministic pseudo-random value in [0, 1).
fn noise(seed: usize) -> f64 {
    ((seed as f64 * 12.9898).sin() * 43_758.545_3).rem_euclid(1.0)
}

fn around(mean: f64, width: f64, seed: usize) -> Spread {
    Spread { mean, low: mean - width * (0.4 + noise(seed)), high: mean + width * (0.4 + noise(seed + 1)) }
}

fn size(k: usize, c: usize, n_classes: usize, lambdas: &[f64], ease: f64) -> Size {
    let root = (k as f64).sqrt();
    let mse = |lambda: f64| ease * (0.02 + 0.2 / root + 0.16 * (1.0 - lambda).powi(3) / root.sqrt());
    let accuracy = |lambda: f64| 0.92 - 0.1 / k as f64 - ease * (0.1 + 0.5 / root) * lambda.powi(9);
    let trained = |lambda: f64| Trained {
        n: 5,
        mse: around(mse(lambda), 0.004, k),
        cross_entropy: around(0.3 + ease * (0.1 + 1.8 / root) * lambda.powi(9), 0.02, k + 5),
        accuracy: around(accuracy(lambda), 0.008, k + 9),
    };
    let linear = |lambda: f64| Linear {
        lambda,
        mse: ease * (0.05 + 0.24 / root + 0.15 * (1.0 - lambda).powi(6)),
        accuracy: accuracy(lambda) - 0.06 - 0.12 * lambda,
    };
    Size {
        k,
        trained: lambdas.iter().map(|&lambda| trained(lambda)).collect(),
        readers: vec![Reader {
            name: "ridge probe".into(),
            accuracy: lambdas.iter().map(|&lambda| around(accuracy(lambda) - 0.03, 0.01, k + 3)).collect(),
        }],
        linear: lambdas.iter().map(|&lambda| linear(lambda)).collect(),
        images: Some(images(k, c, n_classes, lambdas)),
        latents: Some(latents(k, n_classes, lambdas)),
    }
}

/// One flower per class, blurred where λ is small.
fn images(k: usize, c: usize, n_classes: usize, lambdas: &[f64]) -> Images {
    let side = if c == 1 { 28 } else { 32 };
    let flowers = |blur: f64| -> Vec<u8> {
        let pixel = |class: usize, channel: usize, i: usize| {
            let (y, x) = [i / side, i % side].map(|at| at as f64 / (side - 1) as f64 - 0.5).into();
            let petals = 0.26 + 0.12 * ((class as f64 + 1.0) * y.atan2(x)).cos() * (1.0 - blur);
            let light = 1.0 / (1.0 + ((x.hypot(y) - petals) / (0.01 + 0.12 * blur)).exp());
            (light * [250.0, 190.0 - 18.0 * class as f64, 60.0 + 30.0 * class as f64][channel]).round() as u8
        };
        let channels = (0..n_classes).flat_map(|class| (0..c).map(move |channel| (class, channel)));
        channels
            .flat_map(|(class, channel)| (0..side * side).map(move |i| pixel(class, channel, i)))
            .collect()
    };
    let blur = |lambda: f64| (0.9 - 0.8 * lambda) / (k as f64 / 4.0).powf(0.3);
    Images {
        shape: [c, side, side],
        labels: (0..n_classes).collect(),
        originals: flowers(0.0),
        reconstructions: lambdas.iter().map(|&lambda| Some(flowers(blur(lambda)))).collect(),
    }
}

/// One cloud per class, wider where λ is large.
fn latents(k: usize, n_classes: usize, lambdas: &[f64]) -> Latents {
    let normal = |seed: usize| {
        (-2.0 * (1.0 - noise(seed)).ln()).sqrt() * (std::f64::consts::TAU * noise(seed + 77)).cos()
    };
    let place = |i: usize, lambda: f64| {
        let angle = std::f64::consts::TAU * (i % n_classes) as f64 / n_classes as f64 + lambda;
        let reach = 4.0 - 2.6 * lambda.powi(4);
        let [dx, dy] = [3 * i, 3 * i + 1].map(|seed| normal(seed + k) * (0.35 + 0.5 * lambda));
        [(reach * angle.cos() + dx) as f32, (0.7 * reach * angle.sin() + dy) as f32]
    };
    let what = "The first two principal components of the latent";
    Latents {
        what: what.into(),
        labels: (0..N_LATENTS).map(|i| (i % n_classes) as u8).collect(),
        places: lambdas
            .iter()
            .map(|&lambda| Some((0..N_LATENTS).map(|i| place(i, lambda)).collect()))
            .collect(),
    }
}
