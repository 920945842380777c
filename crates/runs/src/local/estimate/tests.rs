//! Tests of the estimates, with fixed times in place of measured ones.

use std::collections::BTreeMap;

use models::{AdamConfig, Architecture, fc, fc::Size};

use super::*;
use crate::learners::closed_form::Question;
use crate::learners::cre;
use crate::training::Hardware;

fn run(lambda: f64, epochs: u32) -> Run {
    let data = DataConfig::new("fashion-mnist", 1_000, 0, 100);
    let model = Architecture::Fc(fc::Config::of(Size::S, 4));
    let (optimiser, hardware) = (AdamConfig::PAPER, Hardware::Cpu);
    let learner = cre(model, lambda);
    Run {
        config: RunConfig { data, rotation: None, learner, optimiser, batch: 50, epochs, hardware },
        seed: 0,
    }
}

fn no_data() -> Data {
    Data { open: HashMap::new(), missing: BTreeMap::new() }
}

/// An estimate with fixed times in place of measured ones.
fn estimate(data: &Data) -> Estimate<'_> {
    let mut estimate = Estimate::at(data, Rates::CORE);
    let images = estimate.images(&run(0.5, 1).config.data, FEW_IMAGES).unwrap().unwrap();
    for run in [run(0.5, 1), heads(&images)] {
        estimate.timed(&run, &images).unwrap();
    }
    for timed in estimate.models.values_mut() {
        *timed = Timed { fixed: 1.0, image: 0.1, evaluated: 0.01 };
    }
    estimate
}

fn heads(images: &Images) -> Run {
    let (model, _) = run(1.0, 1).config.learner.heads_at_end(images, 1).unwrap();
    let mut heads = run(1.0, 1);
    heads.config.learner = LearnerConfig::from(FrozenProbe::new(Features::Random, model));
    heads
}

#[track_caller]
fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-9 * expected, "{got} {expected}");
}

#[test]
fn the_time_of_a_run_is_split_into_training_evaluation_heads_and_components() {
    let data = no_data();
    let mut estimate = estimate(&data);
    let n = estimate.models.len();
    // 1,000 / 50 steps of 1 + 50 * 0.1 s, and 100 images of 0.01 s.
    let [training, evaluation] = [120.0, 1.0];
    // 784 pixels: 2 * 1,000 * 784^2 + 10 * 2 * 784^3 FLOP.
    let components = 10_867_118_080.0 / 2e10;
    // A classifier; as the first run on these images, it includes their principal components.
    let first = estimate.parts(&run(0.0, 3)).unwrap();
    close(first.training, 3.0 * training);
    close(first.evaluation, 3.0 * evaluation);
    close(first.closed_forms, components);
    assert_eq!(first.heads, 0.0);
    // PCA heads for as many epochs; the components are already counted.
    let autoencoder = estimate.parts(&run(1.0, 3)).unwrap();
    close(autoencoder.training, 3.0 * training);
    close(autoencoder.heads, 3.0 * (training + evaluation));
    assert_eq!(autoencoder.closed_forms, 0.0);
    // Conflicts over all images take as long as 7/3 epochs.
    close(estimate.seconds(&run(0.5, 3)).unwrap(), (3.0 + 7.0 / 3.0) * (training + evaluation));
    assert_eq!(estimate.models.len(), n);
    close((first + autoencoder).divided(2).total(), (9.0 * 121.0 + components) / 2.0);
    let unknown = DataConfig::new("a set of mine", 10, 0, 10);
    let unknown = Run { config: RunConfig { data: unknown, ..run(0.5, 3).config }, seed: 0 };
    assert_eq!(estimate.seconds(&unknown).unwrap(), 0.0);
}

#[test]
fn the_cost_of_bands_of_large_images_is_that_of_the_gram_matrix_not_of_the_covariance() {
    let data = no_data();
    let question = Question::Bands { shown: 8 };
    let config = RunConfig::closed_form(DataConfig::new("tiny-imagenet", 2_000, 0, 10), question);
    let parts = Estimate::at(&data, Rates::CORE).parts(&Run { config, seed: 0 }).unwrap();
    // 3 * 64 * 64 pixels: a Gram matrix of 2 * 2,000^2 * 12,288 FLOP, and 10 * 2 * 2,000^3 for its eigenvectors.
    close(parts.total(), (98_304_000_000.0 + 160_000_000_000.0) / 2e10);
    assert_eq!(parts.total(), parts.closed_forms);
}

#[test]
fn models_of_a_family_are_scaled_by_their_work_and_the_measurement_of_the_first() {
    let data = no_data();
    let mut estimate = Estimate::at(&data, Rates::CORE);
    let larger = |latent| {
        let mut run = run(0.5, 1);
        run.config.learner = cre(Architecture::Fc(fc::Config::of(Size::S, latent)), 0.5);
        run
    };
    let images = estimate.images(&run(0.5, 1).config.data, FEW_IMAGES).unwrap().unwrap();
    let [small, large] = [4, 400].map(|latent| estimate.timed(&larger(latent), &images).unwrap());
    assert!(large.image > small.image && large.evaluated > small.evaluated && large.fixed > small.fixed);
    assert_eq!(estimate.sources(), [0, 2]);
    // As if a model of this family had taken two and three times the predicted times.
    let learner = serde_json::to_string(&larger(4).config.learner).unwrap();
    let family: String = learner.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    estimate.models.clear();
    estimate.slower.insert(family, [2.0, 3.0]);
    assert_eq!(estimate.timed(&larger(400), &images).unwrap(), large.slower([2.0, 3.0]));
}
