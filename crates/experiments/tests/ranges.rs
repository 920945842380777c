//! Tests that every number of every preset and of every experiment has a range and lies in it.

use agon_experiments::experiment::Planned;
use agon_experiments::presets::{self, InputSpec};
use agon_experiments::{Profile, claims};
use runs::Error;
use runs::images::DataConfig;
use runs::learners::RunConfig;
use serde_json::Value;

/// The config of every preset, and of every run of every experiment and profile.
fn all() -> Vec<RunConfig> {
    let mut all = Vec::new();
    for preset in presets::ALL {
        for image in [[1, 28, 28], [3, 32, 32]] {
            all.extend(
                preset
                    .config(DataConfig::new("set", 60_000, 100, 10), &InputSpec { image, classes: 10 })
                    .ok(),
            );
        }
    }
    for &experiment in claims::ALL {
        for profile in Profile::ALL {
            let runs = Planned::new(experiment, profile, &[]).expect("every profile is a grid").runs;
            all.extend(runs.into_iter().map(|run| run.config));
        }
    }
    all
}

#[test]
fn every_number_of_every_config_has_a_range_and_lies_in_it() {
    let all = all();
    assert!(all.len() > 1_000);
    for config in all {
        config.check().unwrap();
        assert!(config.without_range().is_empty(), "{:?}", config.without_range());
    }
}

#[test]
fn a_number_out_of_its_range_is_refused_with_its_key_and_what_is_expected() {
    let (data, kind) = (DataConfig::new("set", 100, 10, 10), InputSpec { image: [1, 28, 28], classes: 10 });
    let preset = presets::ALL.iter().find(|preset| preset.name == "fc-m").unwrap();
    let config = serde_json::to_value(preset.config(data, &kind).unwrap()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut config = config.clone();
        config["batch"] = 50.into();
        *config.pointer_mut(pointer).unwrap() = value;
        serde_json::from_value::<RunConfig>(config).unwrap().check()
    };
    with("/learner/lambda", 1.0.into()).unwrap();
    for (pointer, value, expected) in [
        ("/batch", 0.into(), "`batch` is 0: expected a number from 1 to 1000000000"),
        ("/batch", 101.into(), "`batch` is 101: expected at most 100, the number of training images"),
        ("/learner/lambda", Value::Null, "`learner.lambda` is not set: expected a number from 0 to 1"),
        ("/learner/lambda", 2.0.into(), "`learner.lambda` is 2.0: expected a number from 0 to 1"),
        ("/learner/model/latent", 0.into(), "`learner.model.latent` is 0: expected a number from 1 to 65536"),
        ("/learner/model/latent", 99_999_999_999u64.into(), "`learner.model.latent` is 99999999999"),
        (
            "/optimiser/learning_rate",
            (-1.0).into(),
            "`optimiser.learning_rate` is -1.0: expected a number above 0 to 10",
        ),
        (
            "/optimiser/learning_rate",
            1e10.into(),
            "`optimiser.learning_rate` is 10000000000.0: expected a number above 0 to 10",
        ),
        ("/optimiser/beta1", 1.0.into(), "`optimiser.beta1` is 1.0: expected a number from 0 and below 1"),
        ("/data/validation", u64::MAX.into(), "`data.validation` is 18446744073709551615"),
    ] {
        let error = with(pointer, value).unwrap_err();
        assert!(matches!(error, Error::Usage(_)));
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
