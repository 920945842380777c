//! Tests that every learner of the experiments trains on the emulated device as on the CPU. Batches, masks and
//! augmentation are computed on the device, steps are recorded and replayed, and evaluation and the final measurements
//! run there.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kernels::Setting;
use models::fc::{self, Size};
use models::predictive_coding::{self, Relaxation};
use models::recurrent::{self, LossAt};
use models::{AdamConfig, Architecture, Decayed, MaskedLoss, Masking, Mixing, vit};
use runs::images::{DataConfig, Images};
use runs::learners::autoencoding::{self, Masked, Network, Objective};
use runs::learners::classification::{self, ClassificationLoss, Classifier};
use runs::learners::frozen_probe::Features;
use runs::learners::{
    Autoencoding, Classification, Cre, FrozenProbe, LearnerConfig, PredictiveCoding, Recurrent, cre,
};
use runs::subspaces::{Bound, Seen};
use runs::training::{Rotation, Setup, Training};
use tensor::{Device, flops};

/// A large epsilon makes the steps proportional to the gradients. Otherwise, the size of Adam's first steps is the
/// learning rate for any gradient, and a gradient that is zero except for rounding, such as that of a bias before a
/// norm, would change its parameter arbitrarily.
const ADAM: AdamConfig = AdamConfig { learning_rate: 0.1, epsilon: 1.0, ..AdamConfig::PAPER };

/// The images are shared by all tests, so that their principal components are computed once.
static IMAGES: LazyLock<Images> =
    LazyLock::new(|| Images::open(&DataConfig::new("fashion-mnist-embedded", 18, 4, 5), None).unwrap());

fn fc_s() -> fc::Config {
    fc::Config::of(Size::S, 4)
}

/// The scalars of two epochs (training, evaluation, observations and FLOPs), the arrays that are measured at the end,
/// and the parameters.
fn smoke(learner: &LearnerConfig, rotation: Option<Rotation>, device: &Device) -> BTreeMap<String, Vec<f64>> {
    let images = &*IMAGES;
    let setup = Setup {
        images,
        device,
        encoder: None,
        trains: true,
        seed: 3,
        optimiser: ADAM,
        batch: 6,
        epochs: 2,
        rotation,
    };
    let mut found = BTreeMap::new();
    learner.train(&setup, &mut |training| found = measured(training, images)).unwrap();
    assert!(!found.is_empty());
    found
}

fn measured(training: &mut dyn Training, images: &Images) -> BTreeMap<String, Vec<f64>> {
    let mut found = BTreeMap::new();
    for epoch in 1..=2 {
        let (report, flops) = flops::count(|| training.epoch(epoch).unwrap());
        let conflict = [report.conflict.cosine, report.conflict.norm_ratio];
        let losses = [report.loss, report.mse, report.cross_entropy];
        found.insert(format!("epoch {epoch}"), [&losses[..], &conflict].concat());
        found.insert(format!("flops {epoch}"), vec![flops as f64]);
    }
    for (name, split) in [("test", &images.test), ("training images", &images.train)] {
        let evaluation = training.evaluate(split).unwrap();
        found.insert(format!("evaluation on {name}"), vec![evaluation.mse, evaluation.cross_entropy]);
    }
    if let Some(masked) = training.evaluate_masked(&images.test).unwrap() {
        found.insert("masked evaluation".into(), vec![masked.mse, masked.cross_entropy]);
    }
    for (name, value) in training.observe().unwrap() {
        found.insert(name, vec![value]);
    }
    let batch = data::gather(&images.test, (0..5).collect()).unwrap();
    if let Ok(made) = training.represent(&batch.images) {
        assert_eq!(made.z.device(), Device::Cpu);
        found.insert("latents".into(), made.z.to_f64_vec());
    }
    for (name, array) in training.measure_at_end().unwrap() {
        // Arrays of bits, which are not tensors, are skipped: an image near the boundary of two classes may be
        // classified differently.
        if let Some(tensor) = array.to_tensor() {
            found.insert(name, tensor.to_f64_vec());
        }
    }
    found.extend(training.params_and_buffers().into_iter().map(|(name, value)| (name, value.to_f64_vec())));
    found
}

/// Checks that both devices give the same values up to rounding: six steps in f32, each with sums of up to some hundred
/// terms in another order, as in `training.rs`.
fn trains_as_on_the_cpu_with(learner: impl Into<LearnerConfig>, rotation: Option<Rotation>) {
    let learner = learner.into();
    let here = smoke(&learner, rotation, &Device::Cpu);
    let there = smoke(&learner, rotation, &Setting::ALL[2].device());
    let label = learner.label();
    // The Jacobian is discontinuous where rounding moves a value across a kink or changes the maximum of a window.
    let jumps = matches!(learner.architecture(), Some(Architecture::CnnS { .. }));
    assert!(here.keys().eq(there.keys()), "{label}: {:?} {:?}", here.keys(), there.keys());
    for (name, expected) in &here {
        if jumps && name.starts_with("listening/") {
            continue;
        }
        let got = &there[name];
        assert_eq!(got.len(), expected.len(), "{label}: {name}");
        for (got, expected) in got.iter().zip(expected) {
            let is_close = (got - expected).abs() <= 1e-4 * expected.abs().max(1.0);
            assert!(is_close || got.is_nan() && expected.is_nan(), "{label}: {name}: {got} {expected}");
        }
    }
    let moved = here["epoch 1"][0] != here["epoch 2"][0];
    assert!(moved && here["epoch 1"][0].is_finite(), "{label} does not learn");
}

fn trains_as_on_the_cpu(learner: impl Into<LearnerConfig>) {
    trains_as_on_the_cpu_with(learner, None);
}

#[test]
fn a_cre_learns_on_a_device_and_is_observed_there() {
    trains_as_on_the_cpu(cre(Architecture::Fc(fc_s()), 0.5));
    // The heads of this model are compared with heads on principal components.
    trains_as_on_the_cpu(cre(Architecture::Fc(fc_s()), 1.0));
    trains_as_on_the_cpu(cre(Architecture::CnnS { latent_channels: 2, classes: 10 }, 0.5));
}

#[test]
fn a_masked_transformer_draws_its_masks_on_a_device() {
    for loss in [MaskedLoss::Removed, MaskedLoss::Whole] {
        let masking = Masking { ratio: 0.5, loss };
        trains_as_on_the_cpu(cre(Architecture::Vit(vit::Config { masking, ..vit::Config::S }), 0.5));
    }
}

#[test]
fn rotated_images_with_their_own_targets_and_few_labels_are_gathered_on_a_device() {
    trains_as_on_the_cpu_with(cre(Architecture::Fc(fc_s()), 0.5), Some(Rotation::PAPER));
    let rotation = Rotation { turned_target: true, shared: false, ..Rotation::PAPER };
    trains_as_on_the_cpu_with(cre(Architecture::Fc(fc_s()), 0.5), Some(rotation));
    // Each batch has two of five labelled images, so epochs of labelled images end within epochs of the others.
    let few = |labelled| Cre {
        model: Architecture::Fc(fc_s()),
        lambda: Some(0.5),
        mixing: Mixing::Weighted,
        labelled: Some(labelled),
    };
    trains_as_on_the_cpu(few(5));
}

#[test]
fn rules_that_read_gradients_back_learn_on_a_device_step_by_step() {
    for mixing in [Mixing::Surgery, Mixing::Uncertainty] {
        trains_as_on_the_cpu(Cre {
            model: Architecture::Fc(fc_s()),
            lambda: Some(0.5),
            mixing,
            labelled: None,
        });
    }
}

#[test]
fn predictive_coding_and_recurrent_networks_learn_on_a_device() {
    let (model, lambda, optimiser) = (fc_s(), Some(0.5), ADAM);
    let relaxation = Relaxation { steps: 2, rate: 0.01 };
    let network = predictive_coding::Config { model, lambda, output_precision: 1.0, relaxation, optimiser };
    trains_as_on_the_cpu(PredictiveCoding { network });
    for loss_at in [LossAt::EveryStep, LossAt::LastStep] {
        let network = recurrent::Config { model, lambda, steps: 2, loss_at, optimiser };
        trains_as_on_the_cpu(Recurrent { network });
    }
}

#[test]
fn probes_of_a_frozen_encoder_learn_on_a_device_and_converge_there() {
    let model = Architecture::Fc(fc_s());
    trains_as_on_the_cpu(FrozenProbe::new(Features::Pca, model));
    let probe = FrozenProbe::new(Features::Random, model);
    trains_as_on_the_cpu(FrozenProbe { converge: Some(3), ..probe });
}

#[test]
fn classifiers_of_projected_images_learn_on_a_device() {
    let mut task = classification::Task {
        network: Classifier::Mlp { depth: 3 },
        loss: ClassificationLoss::CrossEntropy,
        seen: Seen::Bottom(Bound { place: 1, of: 3 }),
        crop: Some(2),
        weight_decay: 1e-3,
        decayed: Decayed::Weights,
    };
    trains_as_on_the_cpu(Classification { task });
    (task.network, task.loss) = (Classifier::Resnet9 { width_divisor: 32 }, ClassificationLoss::OneHotMse);
    task.crop = None;
    trains_as_on_the_cpu(Classification { task });
}

#[test]
fn autoencoders_and_their_probes_learn_on_a_device() {
    let mlpae = Network::Mlpae { latent: 3, encoder_depth: 3, decoder_depth: 2, sigmoid: true };
    let masked = Some(Masked { patch: 4, drop: 0.5 });
    for (objective, network, masked) in [
        (Objective::Reconstruction, mlpae, None),
        (Objective::Guided { weight: 0.01 }, Network::Dcae { latent: 3, depth: 2 }, masked),
        (Objective::Supervised, mlpae, masked),
    ] {
        let (weight_decay, decayed, spectrum) = (1e-3, Decayed::All, false);
        let task = autoencoding::Task { network, objective, masked, weight_decay, decayed, spectrum };
        trains_as_on_the_cpu(Autoencoding { task });
    }
}
