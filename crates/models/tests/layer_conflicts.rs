//! Tests of the conflict of the two losses in each layer of the encoder.
#![allow(clippy::unwrap_used)]

use agon_models::{AdamConfig, Architecture, Cre, CreTrainer, Mode, vit};
use autograd::{Gradients, Tape};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

fn batch() -> (Tensor, Indices) {
    let mut words = Stream::new(5, "images").sequence(0);
    let pixels = (0..4 * 784).map(|_| 2.0 * words.uniform() - 1.0).collect();
    (Tensor::from_vec(pixels, &[4, 784]).unwrap(), Indices::new(vec![3, 1, 4, 1]))
}

fn model(architecture: Architecture) -> Cre {
    architecture.build(&Stream::new(11, "init"), DType::F64).unwrap()
}

/// The gradients of one loss alone, from one pass.
fn gradients(model: &Cre, lambda: f64) -> Gradients {
    let (images, labels) = batch();
    let tape = Tape::new();
    let losses = model.losses(&tape, &images, &labels, lambda, Mode::Evaluation).unwrap();
    tape.backward(&losses.mse.add(&losses.cross_entropy).unwrap()).unwrap()
}

#[test]
fn the_conflicts_are_those_of_the_two_losses_and_of_every_matrix_and_kernel_of_the_encoder() {
    let cases = [
        (
            Architecture::CnnS { latent_channels: 2, classes: 10 },
            vec!["encoder.0.weight", "encoder.5.weight", "encoder.10.weight"],
        ),
        (
            Architecture::Vit(vit::Config::S),
            vec![
                "encoder.0.weight",
                "encoder.4.attn.qkv.weight",
                "encoder.4.attn.proj.weight",
                "encoder.4.mlp.fc1.weight",
                "encoder.4.mlp.fc2.weight",
            ],
        ),
    ];
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    for (architecture, names) in cases {
        let (model, (images, labels)) = (model(architecture), batch());
        let trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.5).unwrap();
        let conflicts = trainer.layer_conflicts(&images, &labels).unwrap();
        assert!(conflicts.iter().map(|(name, _)| name).eq(&names), "{conflicts:?}");
        let (of_mse, of_cross_entropy) = (gradients(&model, 1.0), gradients(&model, 0.0));
        let params = model.params();
        for (name, conflict) in conflicts {
            let (_, weight) = params.iter().find(|(own, _)| *own == name).unwrap();
            let [x, y] = [&of_mse, &of_cross_entropy].map(|of| of.param(weight).unwrap().to_f64_vec());
            let norms = [dot(&x, &x).sqrt(), dot(&y, &y).sqrt()];
            let (cosine, ratio) = (dot(&x, &y) / (norms[0] * norms[1]), norms[0] / norms[1]);
            // The same sums in the same order: `Split` only adds multiplications by 1 and by 0.
            assert!((conflict.cosine - cosine).abs() < 1e-12, "{name}: {conflict:?}, expected {cosine}");
            assert!(
                (conflict.norm_ratio / ratio - 1.0).abs() < 1e-12,
                "{name}: {conflict:?}, expected {ratio}"
            );
            assert!(conflict.cosine.abs() < 1.0);
        }
    }
}

#[test]
fn measuring_the_conflicts_changes_no_bit_of_the_model_and_of_its_training() {
    let trained = |asks: bool| {
        let (model, (images, labels)) =
            (model(Architecture::CnnS { latent_channels: 2, classes: 10 }), batch());
        let mut trainer = CreTrainer::new(&model, AdamConfig::PAPER, 0.5).unwrap();
        for _ in 0..2 {
            trainer.step((&images, &labels)).unwrap();
            if asks {
                trainer.layer_conflicts(&images, &labels).unwrap();
            }
        }
        let state = trainer.state().into_iter();
        state.map(|(name, tensor)| (name, tensor.to_f64_vec())).collect::<Vec<_>>()
    };
    let asked = trained(true);
    assert!(asked.iter().any(|(name, _)| name.ends_with("running_mean")));
    assert_eq!(asked, trained(false));
}
