//! The facts of `book/cre.md` about transformer CREs: A2, A4, A6, A9, A14, learning and exact resuming.
#![allow(clippy::unwrap_used)]

use agon_models::vit::{self, Config, Stack};
use agon_models::{AdamConfig, Cre, CreTrainer, MaskedLoss, Masking, Masks, Mode, Module, Part};
use agon_models::{evaluate, evaluate_masked};
use autograd::{Gradients, Tape, Var};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

/// Images of 2 x 6 x 6 in nine patches; encoder and decoder have different widths and numbers of heads.
const SMALL: Config = Config {
    side: 6,
    channels: 2,
    classes: 3,
    patch: 2,
    encoder: Stack { width: 8, depth: 1, heads: 2 },
    decoder: Stack { width: 4, depth: 1, heads: 1 },
    mlp_ratio: 2,
    masking: Masking { ratio: 0.5, loss: MaskedLoss::Removed },
};
const KEPT: usize = 4;
const TRAINING: Mode = Mode::Training { step: 3 };

fn with(masking: Masking, config: Config) -> Config {
    Config { masking, ..config }
}

fn model(config: &Config, dtype: DType) -> Cre {
    vit::cre(config, &Stream::new(11, "init"), dtype).unwrap()
}

fn batch(config: &Config, n: usize, dtype: DType) -> (Tensor, Indices) {
    let pixels = config.channels * config.side * config.side;
    let mut words = Stream::new(5, "images").sequence(0);
    let values = (0..n * pixels).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let labels = (0..n).map(|row| (row % config.classes) as u32).collect();
    (Tensor::from_vec::<f64>(values, &[n, pixels]).unwrap().to_dtype(dtype), Indices::new(labels))
}

fn item(loss: &Var<'_>) -> f64 {
    loss.value().item().unwrap()
}

#[test]
fn a2_the_latent_is_the_whole_sequence_of_tokens() {
    for (config, tokens) in [(Config::S, 17), (Config::M, 17), (Config::L, 17), (Config::CIFAR10, 65)] {
        let (images, _) = batch(&config, 2, DType::F32);
        let of = model(&config, DType::F32).represent(&images).unwrap();
        assert_eq!(of.z.shape(), [2, tokens * config.encoder.width]);
        assert_eq!((of.reconstruction.shape(), of.logits.shape()), (images.shape(), [2, 10].as_slice()));
    }
    // The decoder's output is 16 patches of 49 values, since 28 / 7 is 4.
    let model = model(&Config::S, DType::F32);
    let tape = Tape::new();
    let z = tape.constant(&Tensor::zeros(&[2, 17, 8], DType::F32));
    let image = model.part(Part::Decoder).forward(&z, Mode::Evaluation).unwrap();
    assert_eq!(image.patchify(7).unwrap().shape(), [2, 16, 49]);
}

#[test]
fn a6_an_untrained_model_is_near_chance() {
    let (images, labels) = batch(&Config::S, 100, DType::F32);
    let of = evaluate(&model(&Config::S, DType::F32), [(images, labels)]).unwrap();
    assert!((2.2..2.6).contains(&of.cross_entropy) && (0.05..=0.2).contains(&of.accuracy), "{of:?}");
}

/// All gradients of the sum of both losses.
fn gradients(model: &Cre, lambda: f64) -> Gradients {
    let (images, labels) = batch(&SMALL, 6, DType::F64);
    let tape = Tape::new();
    let losses = model.losses(&tape, &images, &labels, lambda, TRAINING).unwrap();
    tape.backward(&losses.mse.add(&losses.cross_entropy).unwrap()).unwrap()
}

fn of_part(model: &Cre, part: Part, gradients: &Gradients) -> Vec<f64> {
    let params = model.part(part).params().into_iter();
    params.flat_map(|(_, param)| gradients.param(param).unwrap().to_f64_vec()).collect()
}

#[test]
fn a4_the_encoder_gets_the_mixed_gradient_and_the_heads_those_of_their_own_losses() {
    let model = model(&SMALL, DType::F64);
    let (at_0, at_1) = (gradients(&model, 0.0), gradients(&model, 1.0));
    let [only_ce, only_mse] = [&at_0, &at_1].map(|all| of_part(&model, Part::Encoder, all));
    let size = only_ce.iter().chain(&only_mse).fold(0.0f64, |size, g| size.max(g.abs()));
    for lambda in [0.3, 0.9] {
        let all = gradients(&model, lambda);
        let mixed = only_mse.iter().zip(&only_ce).map(|(mse, ce)| lambda * mse + (1.0 - lambda) * ce);
        for (got, expected) in of_part(&model, Part::Encoder, &all).into_iter().zip(mixed) {
            // About a hundred roundings of values of at most this magnitude.
            assert!((got - expected).abs() < 1e-13 * size.max(1.0), "{got} {expected}");
        }
        for head in [Part::Decoder, Part::Classifier] {
            assert_eq!(of_part(&model, head, &all), of_part(&model, head, &at_0));
        }
    }
}

/// Fact A14 of `book/cre.md`: every parameter of the model, perturbed along a random direction of its own.
#[test]
fn a14_the_gradient_of_every_parameter_agrees_with_finite_differences() {
    const STEP: f64 = 2e-4;
    let (images, labels) = batch(&SMALL, 6, DType::F64);
    for (lambda, loss) in [0.0, 0.3, 1.0].into_iter().flat_map(|l| BOTH_LOSSES.map(|loss| (l, loss))) {
        let model = model(&with(Masking { ratio: 0.5, loss }, SMALL), DType::F64);
        let gradients = gradients(&model, lambda);
        for part in Part::ALL {
            let descended = || {
                let tape = Tape::without_gradients();
                let losses = model.losses(&tape, &images, &labels, lambda, TRAINING).unwrap();
                match part {
                    Part::Encoder => {
                        lambda * item(&losses.mse) + (1.0 - lambda) * item(&losses.cross_entropy)
                    }
                    Part::Decoder => item(&losses.mse),
                    Part::Classifier => item(&losses.cross_entropy),
                }
            };
            for (name, param) in model.part(part).params() {
                let value = param.value();
                let mut words = Stream::new(7, &name).sequence(0);
                let direction: Vec<f64> = (0..value.len()).map(|_| 2.0 * words.uniform() - 1.0).collect();
                let gradient = gradients.param(param).unwrap().to_f64_vec();
                let analytic: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
                // Learned tokens are about 0.02 and followed by a norm, so the step is scaled to the size of the
                // parameter.
                let size = value.to_f64_vec().iter().fold(0.0f64, |size, x| size.max(x.abs()));
                let step = STEP * if size > 0.0 { size } else { 1.0 };
                let at = |steps: f64| {
                    let values = value.to_f64_vec().into_iter().zip(&direction);
                    let moved = values.map(|(value, d)| value + steps * step * d).collect();
                    param.set(Tensor::from_vec(moved, value.shape()).unwrap()).unwrap();
                    descended()
                };
                let numeric = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step);
                param.set(value.clone()).unwrap();
                // Rounding adds 1.5 epsilon over the step, 8e-6 at least, times losses below 3: 1.3e-10.
                let difference = (analytic - numeric).abs();
                let at = format!("{}.{name}, lambda {lambda}, {loss:?}", part.name());
                assert!(difference < 1e-9, "{at}: {analytic} {numeric} differ by {difference:e}");
            }
        }
    }
}

const BOTH_LOSSES: [MaskedLoss; 2] = [MaskedLoss::Removed, MaskedLoss::Whole];

#[test]
fn a9_with_nothing_removed_the_shuffle_changes_nothing() {
    let config = with(Masking { ratio: 0.0, ..SMALL.masking }, SMALL);
    let (images, labels) = batch(&config, 4, DType::F64);
    let model = model(&config, DType::F64);
    let tape = Tape::new();
    let of = |mode| model.losses(&tape, &images, &labels, 0.5, mode).unwrap();
    let (whole, shuffled) = (of(Mode::Evaluation), of(Mode::MaskedEvaluation { batch: 0 }));
    assert_ne!(whole.z_for_decoder.value().to_f64_vec(), shuffled.z_for_decoder.value().to_f64_vec());
    for (one, other) in [(&whole.mse, &shuffled.mse), (&whole.cross_entropy, &shuffled.cross_entropy)] {
        // Sums over nine patches in another order.
        assert!((item(one) - item(other)).abs() < 1e-13, "{} {}", item(one), item(other));
    }
}

#[test]
fn a_removed_patch_reaches_neither_the_latent_nor_the_scores() {
    let model = model(&SMALL, DType::F64);
    let (images, labels) = batch(&SMALL, 2, DType::F64);
    // The first pixel of the first image is in patch 0. Find a step in which patch 0 is removed, and one in which it is
    // not.
    let latents = |step: u64| {
        let mut pixels = images.to_f64_vec();
        pixels[0] += 0.5;
        let changed = Tensor::from_vec(pixels, images.shape()).unwrap();
        [&images, &changed].map(|images| {
            let tape = Tape::new();
            let losses = model.losses(&tape, images, &labels, 0.5, Mode::MaskedEvaluation { batch: step });
            let losses = losses.unwrap();
            assert_eq!(losses.z_for_decoder.shape(), [2, 1 + KEPT, 8]);
            (losses.z_for_decoder.value().to_f64_vec(), losses.logits.value().to_f64_vec())
        })
    };
    let unseen = (0..50).filter(|&step| latents(step)[0] == latents(step)[1]).count();
    // Five of nine patches are removed: in 50 steps, patch 0 is removed 27.8 times on average, with a standard
    // deviation of 3.5.
    assert!((11..45).contains(&unseen), "{unseen}");
}

/// The loss of masked autoencoders, the mean squared error over the removed patches: in training it depends on the
/// setting, in masked evaluation it is always used (`book/cre.md`, section 2.4).
#[test]
fn the_masked_loss_counts_removed_patches_only() {
    let (images, labels) = batch(&SMALL, 3, DType::F64);
    let image_shape = [3, SMALL.channels, SMALL.side, SMALL.side];
    let masks = Masks::new(SMALL.masking, SMALL.patch, 9, Stream::new(11, "init").child("mask")).unwrap();
    let both_modes = [TRAINING, Mode::MaskedEvaluation { batch: 2 }];
    for (loss, mode) in BOTH_LOSSES.into_iter().flat_map(|loss| both_modes.map(|mode| (loss, mode))) {
        let removed = masks.of(mode, 3).unwrap().removed;
        let model = model(&with(Masking { loss, ..SMALL.masking }, SMALL), DType::F64);
        let tape = Tape::new();
        let losses = model.losses(&tape, &images, &labels, 0.5, mode).unwrap();
        let target = tape.constant(&images.reshape(&image_shape).unwrap()).patchify(SMALL.patch).unwrap();
        let predicted = model.part(Part::Decoder).forward(&losses.z_for_decoder, mode).unwrap();
        let predicted = predicted.patchify(SMALL.patch).unwrap().value().to_f64_vec();
        let (patches, values) = (9, target.shape()[2]);
        let error = |image: usize, patch: usize| -> f64 {
            let places = (image * patches + patch) * values..(image * patches + patch + 1) * values;
            let target = target.value().to_f64_vec();
            places.map(|place| (predicted[place] - target[place]).powi(2)).sum::<f64>() / values as f64
        };
        let is_removed = |image: usize, patch: usize| {
            let n_removed = patches - KEPT;
            removed.as_slice()[image * n_removed..][..n_removed].contains(&(patch as u32))
        };
        let all = (0..3).flat_map(|image| (0..patches).map(move |patch| (image, patch)));
        let counted: Vec<f64> = all
            .filter(|&(image, patch)| {
                (loss, mode) == (MaskedLoss::Whole, TRAINING) || is_removed(image, patch)
            })
            .map(|(image, patch)| error(image, patch))
            .collect();
        let expected = counted.iter().sum::<f64>() / counted.len() as f64;
        assert!(
            (item(&losses.mse) - expected).abs() < 1e-14,
            "{loss:?}, {mode:?}: {} {expected}",
            item(&losses.mse)
        );
    }
}

#[test]
fn masked_evaluation_differs_from_the_plain_one_and_is_the_same_each_time() {
    let model = model(&SMALL, DType::F32);
    let batches = || [batch(&SMALL, 4, DType::F32), batch(&SMALL, 2, DType::F32)];
    let masked = evaluate_masked(&model, batches()).unwrap();
    assert_ne!(masked.mse, evaluate(&model, batches()).unwrap().mse);
    assert_eq!(masked, evaluate_masked(&model, batches()).unwrap());
    assert_eq!(masked.n, 6);
    // The same parameters, trained on another loss.
    let whole = self::model(&with(Masking { loss: MaskedLoss::Whole, ..SMALL.masking }, SMALL), DType::F32);
    assert_eq!(masked, evaluate_masked(&whole, batches()).unwrap());
}

#[test]
fn both_losses_decrease_and_a_stored_trainer_resumes_with_the_same_bits() {
    let (images, labels) = batch(&Config::S, 20, DType::F32);
    let adam = AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER };
    for (ratio, loss) in [(0.0, MaskedLoss::Removed), (0.5, MaskedLoss::Removed), (0.5, MaskedLoss::Whole)] {
        let config = with(Masking { ratio, loss }, Config::S);
        let batch = || [(images.clone(), labels.clone())];
        let whole = model(&config, DType::F32);
        let mut trainer = CreTrainer::new(&whole, adam, 0.5).unwrap();
        let first = trainer.epoch(1, batch()).unwrap();
        for epoch in 2..60 {
            trainer.epoch(epoch, batch()).unwrap();
        }
        let state = trainer.state();
        let last = trainer.epoch(60, batch()).unwrap();
        assert!(last.mse < 0.95 * first.mse, "{config:?}: {first:?} {last:?}");
        assert!(last.cross_entropy < 0.8 * first.cross_entropy, "{config:?}: {first:?} {last:?}");

        let other = vit::cre(&config, &Stream::new(11, "init"), DType::F32).unwrap();
        let mut resumed = CreTrainer::new(&other, adam, 0.5).unwrap();
        resumed.load(|name| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone())).unwrap();
        assert_eq!(resumed.epoch(60, batch()).unwrap(), last);
        assert_eq!(evaluate(&other, batch()).unwrap(), evaluate(&whole, batch()).unwrap());
    }
}
