//! Tests of the per-image measures of every latent after the last epoch.

use models::Activation;

use super::*;
use crate::correct::{Reader, correct_of};
use crate::names::{
    ABSENT, ATTENTIVE_ACCURACY, CONVERGED_ACCURACY, CONVERGED_EPOCHS, CONVERGED_MSE, CONVERGED_MSE_ERROR,
    CONVERGED_REACHED, FULL_COSINE, FULL_ENCODER_COSINE, KNN_ACCURACY, ONLINE_MSE_ERROR, PCA_HEADS_ACCURACY,
    PCA_HEADS_MSE, RIDGE_ACCURACY, RIDGE_MSE, RIDGE_MSE_ERROR,
};

fn number(done: &FinishedRun, name: &str) -> f64 {
    match &done.finals[name].values {
        Values::F64(values) => values[0],
        other => panic!("{other:?}"),
    }
}

fn share(correct: &[bool]) -> f64 {
    correct.iter().filter(|&&correct| correct).count() as f64 / correct.len() as f64
}

#[test]
fn every_reader_stores_which_test_images_it_classifies_correctly() {
    let images = images();
    for run in every_kind() {
        let done = computed(&run, &images, None);
        let label = run.label();
        let Some(online) = correct_of(&done, Reader::Online) else {
            assert!(run.config.learner.latent_len([1, 28, 28]).is_none(), "{label}");
            continue;
        };
        assert_eq!(online.len(), 40);
        assert_eq!(Some(&share(&online)), done.epochs[2].scalars.get("test_accuracy"), "{label}");
        for (reader, accuracy) in [(Reader::Ridge, RIDGE_ACCURACY), (Reader::NearestNeighbours, KNN_ACCURACY)]
        {
            let correct = correct_of(&done, reader).unwrap();
            assert_eq!(share(&correct), number(&done, accuracy), "{label}");
        }
        let attentive = correct_of(&done, Reader::Attentive).map(|correct| share(&correct));
        let tokens = run.config.learner.tokens();
        assert_eq!(attentive, tokens.map(|_| number(&done, ATTENTIVE_ACCURACY)), "{label}");
        assert!(number(&done, RIDGE_MSE_ERROR) > 0.0 && number(&done, ONLINE_MSE_ERROR) > 0.0, "{label}");
        assert!(
            !done.finals.keys().any(|name| name.starts_with(ABSENT)),
            "{label}: {:?}",
            done.finals.keys()
        );
    }
}

/// Stored errors are rounded to 32 bits, and losses are sums of 784 terms in 32 bits.
#[test]
fn the_mean_of_the_squared_errors_of_all_test_images_is_the_test_mse() {
    let images = images();
    let done = computed(&run(cre(fc_s(), 0.5)), &images, None);
    for (reader, mse) in
        [(Reader::Online, done.epochs[2].scalars["test_mse"]), (Reader::Ridge, number(&done, RIDGE_MSE))]
    {
        let Values::F32(errors) = &done.finals[reader.errors().unwrap()].values else { panic!("{reader:?}") };
        let mean = errors.iter().map(|&error| f64::from(error)).sum::<f64>() / errors.len() as f64;
        assert_eq!(errors.len(), 40);
        assert!((mean / mse - 1.0).abs() < 784.0 * f64::from(f32::EPSILON), "{reader:?}: {mean} {mse}");
    }
    assert_eq!(Reader::Attentive.errors(), None);
}

#[test]
fn a_pure_autoencoder_is_compared_with_its_heads_on_as_many_principal_components() {
    let images = images();
    let fc::Config { latent, .. } = match fc_s() {
        Architecture::Fc(config) => config,
        other => panic!("{other:?}"),
    };
    for (lambda, is_compared) in [(0.0, false), (0.5, false), (1.0, true)] {
        let done = computed(&run(cre(fc_s(), lambda)), &images, None);
        assert_eq!(done.finals.contains_key(PCA_HEADS_MSE), is_compared, "{lambda}");
        if is_compared {
            let linear =
                fc::Config { latent_activation: Activation::Identity, ..fc::Config::of(Size::S, latent) };
            let heads = run(FrozenProbe::new(Features::Pca, Architecture::Fc(linear)));
            let heads = computed(&heads, &images, None);
            for (name, metric) in [(PCA_HEADS_MSE, "test_mse"), (PCA_HEADS_ACCURACY, "test_accuracy")] {
                assert_eq!(number(&done, name), heads.epochs[2].scalars[metric], "{name}");
            }
        }
    }
}

#[test]
fn encoders_of_mixed_losses_have_full_batch_cosines_with_those_of_permuted_labels() {
    let images = images();
    for (lambda, are_measured) in [(0.0, false), (0.5, true), (1.0, false)] {
        let done = computed(&run(cre(fc_s(), lambda)), &images, None);
        for [own, null] in [FULL_COSINE, FULL_ENCODER_COSINE] {
            let found = done.finals.get(own).zip(done.finals.get(null));
            assert_eq!(found.is_some(), are_measured, "{own} {lambda}");
            if let Some((own, null)) = found {
                let values = [own, null].map(|array| match &array.values {
                    Values::F64(values) => values.clone(),
                    other => panic!("{other:?}"),
                });
                assert_eq!((own.shape.len(), null.shape.as_slice()), (0, [3].as_slice()));
                assert!(values.concat().iter().all(|cosine| cosine.abs() <= 1.0));
                assert!(values[1].iter().all(|cosine| *cosine != values[0][0]));
            }
        }
    }
}

#[test]
fn training_heads_to_convergence_changes_no_other_result() {
    let images = images();
    let trained = run(cre(fc_s(), 0.0));
    let of = Features::Trained { run: Box::new(trained.config.clone()) };
    let heads = run(FrozenProbe::new(of, fc_s()));
    let encoder = computed(&trained, &images, None);
    let refitted = computed(&heads, &images, Some(&encoder));
    assert!(correct_of(&refitted, Reader::Converged).is_none());

    // Training a second set of heads to convergence changes no other result.
    let mut converging = heads;
    let LearnerConfig::FrozenProbe(probe) = &mut converging.config.learner else { unreachable!("it is one") };
    probe.converge = Some(60);
    let converged = computed(&converging, &images, Some(&encoder));
    assert!(refitted.finals.iter().all(|(name, array)| converged.finals[name] == *array));
    let epochs = number(&converged, CONVERGED_EPOCHS);
    assert!(
        (20.0..=60.0).contains(&epochs) && (epochs == 60.0 || number(&converged, CONVERGED_REACHED) == 1.0)
    );
    let correct = correct_of(&converged, Reader::Converged).unwrap();
    assert_eq!(share(&correct), number(&converged, CONVERGED_ACCURACY));
    // Sixty epochs in place of two.
    assert!(number(&converged, CONVERGED_MSE) < converged.epochs[2].scalars["test_mse"]);
    assert!(number(&converged, CONVERGED_MSE_ERROR) > 0.0);
}
