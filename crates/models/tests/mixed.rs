//! Tests of training in mixed precision: 16-bit activations, and 32-bit parameters, optimisers, norms and losses.
#![allow(clippy::unwrap_used)]

use agon_models::predictive_coding::{self, PredictiveCoding, Relaxation};
use agon_models::recurrent::{self, LossAt, Recurrent};
use agon_models::train::Objective;
use agon_models::{
    AdamConfig, CreTrainer, LossScale, MaskedLoss, Masking, Mixing, Mode, Module, ProbeTrainer, Schedule,
    Sequential, Sgd, SgdConfig, Trainer, dcae, fc, mlp, resnet9, vit,
};
use autograd::{Param, Tape, Var};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

const STEPS: u64 = 8;
const CONFIG: mlp::Config = mlp::Config { inputs: 12, classes: 3, depth: 4 };

/// The results of a training run.
struct Trained {
    losses: Vec<f64>,
    largest_score: f64,
    model: Sequential,
}

/// Trains a perceptron with batch norms on one batch, computing in `dtype`.
fn train(dtype: DType) -> Trained {
    let model = mlp::classifier(&CONFIG, &Stream::new(5, "init"), DType::F32).unwrap();
    let mut words = Stream::new(6, "images").sequence(0);
    let pixels = (0..24 * CONFIG.inputs).map(|_| 2.0 * words.uniform() - 1.0).collect();
    let images = Tensor::from_vec::<f64>(pixels, &[24, CONFIG.inputs]).unwrap().to_dtype(DType::F32);
    let labels = Indices::new((0..24).map(|image| image % 3).collect());

    let config = SgdConfig { learning_rate: 0.5, momentum: 0.9, nesterov: false };
    let mut sgd = Sgd::new(&model.params(), config).unwrap();
    let mut scale = LossScale::new();
    let (mut losses, mut largest_score) = (vec![], 0.0f64);
    for step in 0..STEPS {
        let gradients = {
            let tape = match dtype {
                DType::F32 => Tape::new(),
                _ => Tape::new().mixed(dtype),
            };
            let images = tape.constant(&images).to_dtype(dtype).unwrap();
            let scores = model.forward(&images, Mode::Training { step }).unwrap();
            assert_eq!(scores.value().dtype(), dtype);
            largest_score = scores.value().to_f64_vec().iter().fold(largest_score, |a, b| a.max(b.abs()));
            let loss = scores.softmax_cross_entropy(&labels).unwrap();
            losses.push(loss.value().item().unwrap());
            scale.backward(&tape, &loss).unwrap().expect("a scale of 2^16 suits a loss of about one")
        };
        sgd.step(&model.params(), &gradients, Schedule::Constant.at(step)).unwrap();
    }
    Trained { losses, largest_score, model }
}

/// **Tolerance.** A value has an error of at most half an epsilon for each rounding of it and of its inputs. One pass
/// through three affine layers and two norms rounds the images, four weights and biases of the affine layers, four of
/// the norms, and five results: 14 roundings, and as many in the backward pass of each previous step. Their signs are
/// random, so the error grows like the square root of their number.
///
/// A change of a logit by d changes the cross-entropy of its row by at most `2 (1 - p) d`, where p is the probability
/// of the correct class; the mean of p is at least `exp(-loss)`.
fn allowed(dtype: DType, step: usize, trained: &Trained) -> f64 {
    let roundings = (14 + 28 * step) as f64;
    let of_scores = roundings.sqrt() * dtype.epsilon() / 2.0 * trained.largest_score;
    2.0 * (1.0 - (-trained.losses[step]).exp()) * of_scores
}

#[test]
fn training_in_16_bits_follows_training_in_32() {
    let wide = train(DType::F32);
    let last = wide.losses.len() - 1;
    for dtype in [DType::BF16, DType::F16] {
        let narrow = train(dtype);
        for (step, (narrow, of_wide)) in narrow.losses.iter().zip(&wide.losses).enumerate() {
            let (difference, allowed) = ((narrow - of_wide).abs(), allowed(dtype, step, &wide));
            assert!(difference <= allowed, "{dtype}, step {step}: {narrow} and {of_wide}, allowed {allowed}");
        }
        // The losses differ, so the computation was in 16 bits; the improvement is much larger than the tolerance.
        assert_ne!(narrow.losses, wide.losses);
        assert!(wide.losses[0] - wide.losses[last] > 4.0 * allowed(dtype, last, &wide), "{:?}", wide.losses);
    }
}

#[test]
fn parameters_and_statistics_stay_in_32_bits() {
    let model = train(DType::F16).model;
    for (name, param) in model.params().into_iter().chain(model.buffers()) {
        assert_eq!(param.value().dtype(), DType::F32, "{name}");
    }
}

/// Computes a loss of 16-bit images and checks that every gradient has 32 bits.
fn gradients_arrive(
    params: Vec<(String, &Param)>,
    images: &[usize],
    loss: impl for<'t> Fn(&'t Tape, &Tensor, Mode) -> agon_models::Result<Var<'t>>,
) {
    let mut words = Stream::new(7, "images").sequence(0);
    let pixels = (0..images.iter().product()).map(|_| words.uniform()).collect();
    let images = Tensor::from_vec::<f64>(pixels, images).unwrap();
    for dtype in [DType::BF16, DType::F16] {
        let tape = Tape::new().mixed(dtype);
        let loss = loss(&tape, &images.to_dtype(dtype), Mode::Training { step: 0 }).unwrap();
        assert_eq!(loss.value().dtype(), DType::F32);
        let gradients = LossScale::starting_at(4, 1).unwrap().backward(&tape, &loss).unwrap().unwrap();
        for (name, param) in &params {
            let gradient = gradients.param(param).unwrap();
            assert_eq!((gradient.dtype(), gradient.shape()), (DType::F32, param.value().shape()), "{name}");
        }
    }
}

#[test]
fn every_kind_of_layer_computes_in_16_bits() {
    let (stream, labels) = (Stream::new(1, "init"), Indices::new(vec![0, 1]));

    let masking = Masking { ratio: 0.5, loss: MaskedLoss::Removed };
    let model = vit::cre(&vit::Config { masking, ..vit::Config::S }, &stream, DType::F32).unwrap();
    gradients_arrive(model.params(), &[2, 1, 28, 28], |tape, images, mode| {
        let losses = model.losses(tape, images, &labels, 0.5, mode)?;
        Ok(losses.mse.add(&losses.cross_entropy)?)
    });

    let config = resnet9::Config { channels: 2, widths: [3, 4, 5, 4, 6], classes: 2 };
    let model = resnet9::classifier(&config, &stream, DType::F32).unwrap();
    gradients_arrive(model.params(), &[2, 2, 16, 16], |tape, images, mode| {
        Ok(model.forward(&tape.constant(images), mode)?.softmax_cross_entropy(&labels)?)
    });

    let config = dcae::Config { image: [2, 8, 4], latent: 6, depth: 2 };
    let model = dcae::autoencoder(&config, &stream, DType::F32).unwrap();
    gradients_arrive(model.params(), &[2, 2, 8, 4], |tape, images, mode| {
        let images = tape.constant(images);
        Ok(model.forward(&images, mode)?.mse(&images)?)
    });
}

/// A step of a trainer with this computation type: returns the loss before the step, and whether all parameters stay in
/// 32 bits.
fn step<O: Objective>(trainer: Trainer<O>, dtype: DType) -> f64 {
    let mut trainer = trainer.with_precision(dtype).unwrap();
    let mut words = Stream::new(6, "images").sequence(0);
    let pixels = (0..4 * 12).map(|_| words.uniform() as f32 - 0.5).collect();
    let images = Tensor::from_vec(pixels, &[4, 12]).unwrap();
    let report = trainer.step((images, Indices::new(vec![0, 1, 2, 0]))).unwrap();
    for (name, param) in trainer.params_and_buffers() {
        assert_eq!(param.value().dtype(), DType::F32, "{name}");
    }
    report.loss
}

#[test]
fn every_trainer_computes_in_16_bits_or_returns_an_error() {
    let model = fc::Config { pixels: 12, classes: 3, ..fc::Config::of(fc::Size::M, 4) };
    let (stream, optimiser) = (Stream::new(3, "init"), AdamConfig::PAPER);
    let cre = || fc::cre(&model, &stream, DType::F32).unwrap();
    let narrows = |name: &str, of: &dyn Fn(DType) -> f64| {
        let [wide, narrow] = [DType::F32, DType::BF16].map(of);
        // The error of a mean of squares or of logarithms whose elements have relative errors of a few times 1/256.
        assert!(wide != narrow && (wide - narrow).abs() <= 0.05 * wide, "{name}: {wide} {narrow}");
    };
    for rule in [Mixing::Weighted, Mixing::Surgery, Mixing::Uncertainty] {
        narrows(rule.name(), &|dtype| {
            step(CreTrainer::new(&cre(), optimiser, 0.5).unwrap().mixing(rule).unwrap(), dtype)
        });
    }
    narrows("probe", &|dtype| step(ProbeTrainer::new(&cre(), optimiser).unwrap(), dtype));
    let config = recurrent::Config { model, lambda: 0.5, steps: 2, loss_at: LossAt::EveryStep, optimiser };
    narrows("recurrent", &|dtype| step(Recurrent::trainer(&config, &stream).unwrap(), dtype));

    let relaxation = Relaxation { steps: 2, rate: 0.1 };
    let config =
        predictive_coding::Config { model, lambda: 0.5, output_precision: 1.0, relaxation, optimiser };
    let trainer = || PredictiveCoding::trainer(&config, &stream).unwrap();
    assert!(trainer().with_precision(DType::F32).is_ok());
    let refused = trainer().with_precision(DType::BF16).err().unwrap().to_string();
    assert_eq!(refused, "precision of predictive coding: expected f32, got bf16");
}
