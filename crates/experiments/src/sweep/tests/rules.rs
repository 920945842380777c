//! Tests of the rules of verdicts on made-up results: readers, convergence, and the unit of resampling.

use report::{Conclusion, Verdict};

use super::grid;
use super::made_up::MadeUp;
use crate::claims::ALL;
use crate::profile::Profile;
use runs::store::{Results, Values};

/// The rows of one experiment in the quick profile, with values changed at some places.
fn judged_with(name: &str, change: impl Fn(&mut Results)) -> Vec<Verdict> {
    let experiment = *ALL.iter().find(|one| one.info().name == name).unwrap();
    let mut results = MadeUp::default().results(&grid(experiment, Profile::Standard));
    change(&mut results);
    experiment.verdicts(&results).unwrap()
}

/// Sets a metric to one value at every λ = 0 and to another at every λ = 1, plus differences between seeds.
fn set_ends(results: &mut Results, metric: &str, ends: [f64; 2]) {
    let n_seeds = results.dimensions["seed"].coordinates.len();
    let runs::store::Coordinates::Numbers(lambdas) = results.dimensions["lambda"].coordinates.clone() else {
        panic!("λ is a number")
    };
    let Values::F64(values) = &mut results.variables.get_mut(metric).unwrap().values else {
        panic!("{metric}")
    };
    for (at, value) in values.iter_mut().enumerate().filter(|(_, value)| value.is_finite()) {
        let place = at / n_seeds % lambdas.len();
        let seed = 1e-3 * (at % n_seeds) as f64;
        match lambdas[place] {
            0.0 => *value = ends[0] + seed,
            1.0 => *value = ends[1] + 2.0 * seed,
            _ => {}
        }
    }
}

const ACCURACIES: [&str; 6] = [
    "test_accuracy",
    "ridge_accuracy",
    "knn_probe_accuracy",
    "attentive_accuracy",
    "converged_accuracy",
    "knn_accuracy",
];
const ERRORS: [&str; 3] = ["test_mse", "ridge_mse", "converged_mse"];

#[test]
fn a_latent_lacks_information_only_if_all_readers_agree() {
    let judged = |disagrees: Option<&str>| -> Verdict {
        let rows = judged_with("vit-lambda-sweep", |results| {
            ACCURACIES.iter().for_each(|metric| set_ends(results, metric, [0.8, 0.4]));
            ERRORS.iter().for_each(|metric| set_ends(results, metric, [0.2, 0.1]));
            disagrees.into_iter().for_each(|metric| set_ends(results, metric, [0.8, 0.8]));
        });
        rows.into_iter().find(|row| row.source == "C8").unwrap()
    };
    let agree = judged(None);
    assert_eq!((agree.conclusion, agree.reader.as_str()), (Conclusion::Holds, "all agree"), "{agree:?}");
    let disagree = judged(Some("ridge_accuracy"));
    assert_ne!(disagree.conclusion, Conclusion::Holds, "{disagree:?}");
    assert!(disagree.got.starts_with("trade-off of the readout"), "{disagree:?}");
    assert!(disagree.reader.contains("ridge regression"), "{disagree:?}");
}

#[test]
fn a_reader_that_results_lack_is_left_out() {
    let rows = judged_with("vit-lambda-sweep", |results| {
        for metric in ACCURACIES.iter().skip(1).chain(ERRORS.iter().skip(1)) {
            results.variables.remove(*metric);
        }
    });
    let row = rows.iter().find(|row| row.source == "C8").unwrap();
    assert_eq!(row.reader, "best: online head");
}

#[test]
fn an_end_whose_loss_still_falls_has_not_converged() {
    let judged = |fall: f64| -> Verdict {
        let rows = judged_with("cnn-s-lambda-sweep", |results| {
            let n_epochs = results.dimensions["epoch"].coordinates.len();
            for (end, by_epoch) in
                [("test_mse", "test_mse_by_epoch"), ("test_cross_entropy", "test_cross_entropy_by_epoch")]
            {
                let last = results.variables[end].clone();
                let Values::F64(values) = &last.values else { panic!("{end}") };
                let spread = values.iter().flat_map(|last| {
                    (0..n_epochs)
                        .map(move |epoch| last * (1.0 - fall).powi(epoch as i32 + 1 - n_epochs as i32))
                });
                let dimensions = [&last.dimensions[..], &["epoch".to_owned()]].concat();
                let variable = runs::store::Variable {
                    dimensions,
                    values: Values::F64(spread.collect()),
                    ..last.clone()
                };
                results.variables.insert(by_epoch.into(), variable);
            }
        });
        rows.into_iter().find(|row| row.source == "C8").unwrap()
    };
    assert_eq!(judged(0.5).conclusion, Conclusion::NotConverged);
    assert!(judged(0.5).got.contains("over the last tenth"));
    assert_ne!(judged(0.001).conclusion, Conclusion::NotConverged);
}

/// Bits of correctness with the accuracies that they have.
#[test]
fn intervals_are_over_seeds_and_images_where_every_run_has_its_bits() {
    let rows = |broken: bool| {
        judged_with("cnn-s-lambda-sweep", |results| {
            let accuracy = results.variables["test_accuracy"].clone();
            let Values::F64(values) = &accuracy.values else { panic!("accuracies are numbers") };
            let n_bytes = 1_000 / 8;
            let mut bits = Vec::new();
            let mut exact = Vec::new();
            for value in values {
                let correct = if value.is_finite() { (value * 1_000.0) as usize } else { 0 };
                exact.push(if value.is_finite() { correct as f64 / 1_000.0 } else { *value });
                let byte =
                    |byte: usize| (0..8).map(|bit| u8::from(byte * 8 + bit < correct) << bit).sum::<u8>();
                bits.extend((0..n_bytes).map(byte));
            }
            if broken {
                bits.iter_mut().for_each(|byte| *byte = 0);
            }
            let axis = runs::store::Coordinates::Numbers((0..n_bytes).map(|byte| byte as f64).collect());
            let axis = runs::store::Dimension { coordinates: axis, ..results.dimensions["epoch"].clone() };
            results.dimensions.insert("byte".into(), axis);
            let dimensions = [&accuracy.dimensions[..], &["byte".to_owned()]].concat();
            let stored = runs::store::Variable { dimensions, values: Values::U8(bits), ..accuracy.clone() };
            results.variables.insert("correct/online".into(), stored);
            let accuracy = runs::store::Variable { values: Values::F64(exact), ..accuracy };
            results.variables.insert("test_accuracy".into(), accuracy);
        })
    };
    let of = |rows: Vec<Verdict>| -> Vec<&'static str> {
        let rows = rows.into_iter().filter(|row| row.source == "C1");
        rows.filter_map(|row| row.effect.filter(|effect| effect.unit == "points"))
            .map(|of| of.resampled)
            .collect()
    };
    let both = of(rows(false));
    assert!(!both.is_empty() && both.iter().all(|resampled| *resampled == "seeds and images"), "{both:?}");
    assert!(of(rows(true)).iter().all(|resampled| *resampled == "seeds"));
}
