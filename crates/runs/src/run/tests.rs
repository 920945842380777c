//! Tests that every kind of run trains, is deterministic, and resumes with identical bits.

use data::{Dataset, Origin, Split};
use models::predictive_coding::{self, Relaxation};
use models::recurrent::{self, LossAt};
use models::{
    AdamConfig, Architecture, Decayed, EpochReport, Evaluation, MaskedLoss, Masking, Mixing, Representation,
    Train, fc, fc::Size, vit,
};
use ndarray::Array4;
use tensor::{Device, Tensor};

use super::Run;
use super::compute::Ended;
use super::keep::Keep;
use crate::Error;
use crate::images::{DataConfig, Images};
use crate::learners::autoencoding::{self, Masked, Network, Objective};
use crate::learners::classification::{self, ClassificationLoss, Classifier};
use crate::learners::closed_form::{Code, Noise, Question};
use crate::learners::frozen_probe::Features;
use crate::learners::{
    Autoencoding, Classification, Cre, FrozenProbe, LearnerConfig, PredictiveCoding, Recurrent, RunConfig,
    cre,
};
use crate::store::{Arrays, FinishedRun, Outcome, Store, Values};
use crate::subspaces::{Bound, Seen};
use crate::training::{Hardware, Rotation, Scalars, Training};

mod readers;

fn images() -> Images {
    let name = "fashion-mnist-embedded";
    Images::open(&DataConfig::new(name, 120, 20, 40), None).unwrap()
}

fn run(learner: impl Into<LearnerConfig>) -> Run {
    let learner = learner.into();
    let data = images().config;
    let hardware = Hardware::Cpu;
    let optimiser = AdamConfig::PAPER;
    Run {
        config: RunConfig { data, rotation: None, learner, optimiser, batch: 20, epochs: 2, hardware },
        seed: 3,
    }
}

fn fc_s() -> Architecture {
    Architecture::Fc(fc::Config::of(Size::S, 4))
}

/// Runs of every kind that depend on no other run.
fn every_kind() -> Vec<Run> {
    let model = fc::Config::of(Size::S, 4);
    let (lambda, optimiser) = (Some(0.5), AdamConfig::PAPER);
    let relaxation = Relaxation { steps: 2, rate: 0.01 };
    let pc = predictive_coding::Config { model, lambda, output_precision: 1.0, relaxation, optimiser };
    let recurrent = recurrent::Config { model, lambda, steps: 2, loss_at: LossAt::EveryStep, optimiser };
    let mixed = |mixing| Cre { model: fc_s(), lambda, mixing, labelled: None }.into();
    let linear = Architecture::Linear { pixels: 784, classes: 10, latent: 3 };
    let flat = Architecture::Fc(fc::Config { encoder: Size::S, ..model });
    let mut runs: Vec<Run> = [
        cre(fc_s(), 0.5),
        cre(Architecture::CnnS { latent_channels: 2, classes: 10 }, 0.5),
        cre(Architecture::Vit(vit::Config::S), 0.5),
        cre(linear, 0.5),
        mixed(Mixing::Surgery),
        mixed(Mixing::Uncertainty),
        Cre { model: fc_s(), lambda, mixing: Mixing::Weighted, labelled: Some(30) }.into(),
        PredictiveCoding { network: pc }.into(),
        Recurrent { network: recurrent }.into(),
        FrozenProbe::new(Features::Pca, flat).into(),
        FrozenProbe::new(Features::Random, flat).into(),
    ]
    .map(|learner: LearnerConfig| run(learner))
    .into();
    let mut turned = run(cre(fc_s(), 0.5));
    turned.config.rotation = Some(Rotation::PAPER);
    runs.push(turned);
    let mut seen = classification::Task {
        network: Classifier::Mlp { depth: 3 },
        loss: ClassificationLoss::CrossEntropy,
        seen: Seen::Bottom(Bound { place: 1, of: 3 }),
        crop: Some(2),
        weight_decay: 1e-3,
        decayed: Decayed::Weights,
    };
    runs.push(run(Classification { task: seen }));
    (seen.network, seen.loss) = (Classifier::Resnet9 { width_divisor: 32 }, ClassificationLoss::OneHotMse);
    runs.push(run(Classification { task: seen }));
    let network = Network::Mlpae { latent: 3, encoder_depth: 3, decoder_depth: 2, sigmoid: true };
    let masked = Some(Masked { patch: 4, drop: 0.5 });
    for objective in [Objective::Reconstruction, Objective::Guided { weight: 0.01 }, Objective::Supervised] {
        let task = autoencoding::Task {
            network,
            objective,
            masked,
            weight_decay: 1e-3,
            spectrum: false,
            decayed: Decayed::All,
        };
        runs.push(run(Autoencoding { task }));
    }
    runs
}

fn computed(run: &Run, images: &Images, needed: Option<&FinishedRun>) -> FinishedRun {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let spec = run.spec(images);
    run.compute(images, needed, &Device::Cpu, store.run(&spec).unwrap(), Keep::EveryParameter, |_| ())
        .unwrap()
}

/// The four test metrics with masked input (`book/cre.md`), whose MSE counts removed patches only.
#[test]
fn a_run_that_removes_patches_in_training_has_the_four_masked_test_metrics_after_every_epoch() {
    const NAMES: [&str; 4] =
        ["test_masked_loss", "test_masked_mse", "test_masked_cross_entropy", "test_masked_accuracy"];
    let images = images();
    let of = |ratio: f64, loss: MaskedLoss| {
        let model = Architecture::Vit(vit::Config { masking: Masking { ratio, loss }, ..vit::Config::S });
        computed(&run(cre(model, 0.25)), &images, None)
    };
    let [removed, whole] = [MaskedLoss::Removed, MaskedLoss::Whole].map(|loss| of(0.5, loss));
    for done in [&removed, &whole] {
        assert_eq!(done.epochs.len(), 3);
        for epoch in &done.epochs {
            let [loss, mse, cross_entropy, accuracy] = NAMES.map(|name| epoch.scalars[name]);
            assert_eq!(loss, 0.25 * mse + 0.75 * cross_entropy);
            assert!(mse != epoch.scalars["test_mse"] && (0.0..=1.0).contains(&accuracy));
        }
    }
    // Before training both have the same parameters; the masked loss counted in training does not matter.
    for name in NAMES {
        assert_eq!(removed.epochs[0].scalars[name], whole.epochs[0].scalars[name], "{name}");
    }
    let none_removed = of(0.0, MaskedLoss::Removed);
    assert!(
        none_removed.epochs.iter().all(|epoch| NAMES.iter().all(|name| !epoch.scalars.contains_key(*name)))
    );
}

#[test]
fn every_kind_of_run_has_finite_losses_and_is_deterministic() {
    let images = images();
    for run in every_kind() {
        let [first, second] = [(); 2].map(|()| computed(&run, &images, None));
        assert_eq!(first.outcome, Outcome::Finished, "{}", run.label());
        assert_eq!(first.finals, second.finals, "{}", run.label());
        for (a, b) in first.epochs.iter().zip(&second.epochs) {
            assert_eq!(a.difference(b), None, "{}", run.label());
            assert!(
                a.scalars["test_cross_entropy"].is_finite() && a.scalars["flops"] > 0.0,
                "{}",
                run.label()
            );
            let reconstructs = !matches!(run.config.learner, LearnerConfig::Classification(_));
            assert_eq!(a.scalars.contains_key("test_mse"), reconstructs, "{}", run.label());
        }
    }
}

#[test]
fn every_kind_of_run_resumes_from_its_state_with_identical_bits() {
    let images = images();
    for run in every_kind() {
        let evaluated = |training: &mut dyn Training| training.evaluate(&images.test).unwrap();
        let through = |training: &mut dyn Training| -> Result<_, Ended> {
            training.epoch(1).unwrap();
            let state = training.trainer().state();
            training.epoch(2).unwrap();
            Ok((state, evaluated(training)))
        };
        let Ok((state, expected)) = run.learn(&images, None, &Device::Cpu, true, through) else {
            panic!("{} does not learn", run.label())
        };
        let resumed = |training: &mut dyn Training| -> Result<_, Ended> {
            let stored = |name: &str| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone());
            training.trainer_mut().load(&stored).unwrap();
            training.epoch(2).unwrap();
            Ok(evaluated(training))
        };
        let Ok(got) = run.learn(&images, None, &Device::Cpu, true, resumed) else {
            panic!("{} does not go on", run.label())
        };
        // A metric that a learner does not have is NaN both times.
        assert_eq!(format!("{got:?}"), format!("{expected:?}"), "{}", run.label());
    }
}

#[test]
fn evaluating_the_stored_parameters_of_every_kind_of_run_gives_the_stored_metrics() {
    let images = images();
    for run in every_kind() {
        let done = computed(&run, &images, None);
        let evaluated = run.evaluate_per_class(&done, &images, &images.test).unwrap();
        let stored = |name: &str| done.epochs.last().unwrap().scalars.get(name).copied();
        let number = |x: f64| Some(x).filter(|x| !x.is_nan());
        assert_eq!(number(evaluated.whole.mse), stored("test_mse"), "{}", run.label());
        assert_eq!(number(evaluated.whole.cross_entropy), stored("test_cross_entropy"), "{}", run.label());
        assert_eq!(number(evaluated.whole.accuracy), stored("test_accuracy"), "{}", run.label());
        // The means over classes, weighted by class size, equal the mean over all images.
        let classes = evaluated.classes.iter().flatten();
        let right: f64 = classes.clone().map(|of| of.accuracy * of.n as f64).sum();
        assert_eq!(classes.map(|of| of.n).sum::<usize>(), 40, "{}", run.label());
        assert!((right / 40.0 - evaluated.whole.accuracy).abs() < 1e-12, "{}", run.label());
        // Missing parameters are an error; the initial values are not used instead.
        let mut bare = done;
        bare.finals.retain(|name, _| !name.starts_with("parameters/"));
        assert!(
            run.lacks_parameters(&bare, Keep::EveryParameter)
                && run.evaluate_per_class(&bare, &images, &images.test).is_err()
        );
    }
}

#[test]
fn a_frozen_probe_uses_the_encoder_of_the_run_it_depends_on() {
    let images = images();
    let trained = run(cre(fc_s(), 0.0));
    let of = Features::Trained { run: Box::new(trained.config.clone()) };
    let heads = run(FrozenProbe::new(of, fc_s()));
    assert_eq!(heads.needs(), Some(trained.clone()));
    let encoder = computed(&trained, &images, None);
    let refitted = computed(&heads, &images, Some(&encoder));
    let weight = |done: &FinishedRun, name: &str| done.finals[&format!("parameters/{name}")].clone();
    assert_eq!(weight(&refitted, "encoder.0.weight"), weight(&encoder, "encoder.0.weight"));
    assert_ne!(weight(&refitted, "decoder.0.weight"), weight(&encoder, "decoder.0.weight"));
    assert_eq!(refitted.finals["test_latent"], encoder.finals["test_latent"]);

    // The stored encoder alone gives the same heads, and does not count as all parameters.
    let mut alone = encoder;
    alone.finals.retain(|name, _| !name.starts_with("parameters/") || Keep::Encoder.includes(&name[11..]));
    assert!(!alone.finals.contains_key("parameters/decoder.0.weight"));
    assert_eq!(computed(&heads, &images, Some(&alone)).finals, refitted.finals);
    assert!(trained.lacks_parameters(&alone, Keep::EveryParameter));
    assert!(!trained.lacks_parameters(&alone, Keep::Encoder));
}

#[test]
fn a_run_that_its_model_refuses_ends_as_failed_with_the_reason() {
    let done =
        computed(&run(cre(Architecture::CnnS { latent_channels: 0, classes: 10 }, 0.5)), &images(), None);
    let Outcome::Failed { reason } = done.outcome else { panic!("{:?}", done.outcome) };
    assert!(reason.contains("latent_channels"), "{reason}");
    assert_eq!(done.finals, Arrays::new());
}

#[test]
fn a_run_whose_loss_explodes_ends_as_diverged() {
    let mut run = run(cre(fc_s(), 0.5));
    run.config.optimiser.learning_rate = 1e30;
    let done = computed(&run, &images(), None);
    let Outcome::Diverged { reason, .. } = done.outcome else { panic!("{:?}", done.outcome) };
    assert!(reason.ends_with(" (λ = 0.5)"), "{reason}");
}

#[test]
fn a_diverging_classifier_reports_no_lambda() {
    let mut run = every_kind().into_iter().find(|run| run.config.learner.lambda().is_none()).unwrap();
    // Batch norm keeps the losses of large parameters finite; this learning rate overflows f32.
    run.config.optimiser.learning_rate = 1e300;
    let done = computed(&run, &images(), None);
    let Outcome::Diverged { reason, .. } = done.outcome else { panic!("{:?}", done.outcome) };
    assert!(!reason.contains('λ'), "{reason}");
}

/// A probe on principal components of images so large that their covariance takes 32 TiB.
#[test]
fn a_run_that_does_not_fit_in_memory_fails_before_it_starts_and_stays_unfinished_afterwards() {
    const SIDE: usize = 1024;
    let split = |n: usize| {
        let pixels = Array4::from_shape_fn((n, 1, SIDE, SIDE), |(image, _, row, _)| (image + row) as u8);
        Split::new(pixels, (0..n).map(|image| (image % 2) as u8).collect(), 2).unwrap()
    };
    let origin =
        Origin { source: "made".into(), files: vec![], selection: "all".into(), licence: "none".into() };
    let set = Dataset::new("made", &["a", "b"], split(2), split(1), origin).unwrap();
    let data = DataConfig::new("made", 2, 0, 1);
    let images = Images::of(&data, &set).unwrap();
    let model = Architecture::Linear { pixels: SIDE * SIDE, classes: 2, latent: 1 };
    let probe = |of| {
        let mut run = run(FrozenProbe::new(of, model));
        (run.config.data, run.config.batch, run.config.epochs) = (data.clone(), 2, 0);
        run
    };
    let run = probe(Features::Pca);
    let Outcome::Failed { reason } = computed(&run, &images, None).outcome else { panic!("it fits") };
    assert!(reason.contains(" GiB of memory, "), "{reason}");

    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let spec = run.spec(&images);
    let mut begun = store.run(&spec).unwrap();
    begun.record_without_checkpoint(0, [("test_mse".to_owned(), 0.5)].into(), 1.0).unwrap();
    let again = run.compute(&images, None, &Device::Cpu, begun, Keep::EveryParameter, |_| ());
    assert!(matches!(again, Err(Error::Usage(_))), "{again:?}");
    assert_eq!(store.run(&spec).unwrap().epochs().len(), 1);
}

/// A learner that cannot be trained or observed, and whose representation of images is a given function.
pub(super) struct Untrained<R>(pub(super) R);

impl<R: Fn(&Tensor) -> crate::Result<Representation>> Training for Untrained<R> {
    fn trainer(&self) -> &dyn Train {
        unreachable!("nothing is trained")
    }

    fn trainer_mut(&mut self) -> &mut dyn Train {
        unreachable!("nothing is trained")
    }

    fn epoch(&mut self, _: u32) -> models::Result<EpochReport> {
        unreachable!("nothing is trained")
    }

    fn evaluate(&self, split: &Split) -> crate::Result<Evaluation> {
        Ok(Evaluation { mse: 0.5, cross_entropy: 1.0, accuracy: 0.25, n: split.len() })
    }

    fn represent(&self, images: &Tensor) -> crate::Result<Representation> {
        (self.0)(images)
    }

    fn observe(&self) -> crate::Result<Scalars> {
        Err(Error::Usage("no memory is free".into()))
    }
}

#[test]
fn a_failing_observation_is_skipped_and_the_epoch_is_recorded() {
    let run = run(cre(fc_s(), 0.5));
    let unobserved = Untrained(|_: &Tensor| Err(Error::Missing("representation".into())));
    let Ok(scalars) = run.evaluated(&unobserved, &images(), 0, None) else { panic!("the epoch is lost") };
    assert_eq!(scalars["test_mse"], 0.5);
    assert!(scalars.keys().all(|name| name.starts_with("test_") || name.starts_with("validation_")));
}

#[test]
fn closed_forms_are_runs_without_epochs() {
    let images = images();
    let ask = |question| Run { config: RunConfig::closed_form(images.config.clone(), question), seed: 0 };
    let numbers = |done: &FinishedRun, name: &str| match &done.finals[name].values {
        Values::F64(values) => values.clone(),
        other => panic!("{other:?}"),
    };
    let done = computed(&ask(Question::Front { k: 4 }), &images, None);
    assert_eq!((done.outcome.clone(), done.epochs.len()), (Outcome::Finished, 1));
    let excess = numbers(&done, "excess_mse");
    assert!(excess.iter().all(|excess| *excess > -1e-12) && excess.last() == Some(&0.0), "{excess:?}");
    let alignment = |noise| {
        numbers(
            &computed(&ask(Question::Alignment { noise, code: Code::default() }), &images, None),
            "alignment",
        )
    };
    let clean = alignment(Noise::None);
    assert!((clean.last().unwrap() - 100.0).abs() < 1e-9);
    // Gaussian noise changes no subspace (LBR claim 8); masks do.
    let gap = |noise| {
        clean.iter().zip(alignment(noise)).fold(0.0f64, |most, (a, b)| {
            most.max(if a.is_finite() && b.is_finite() { (a - b).abs() } else { f64::INFINITY })
        })
    };
    assert!(gap(Noise::Isotropic { deviation: 1.0 }) < 1e-6);
    assert!(gap(Noise::Mask { patch: 1, drop: 0.5 }) > 0.1);
}
