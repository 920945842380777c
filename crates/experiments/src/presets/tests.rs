//! Tests of presets.

use super::*;

const GREY: InputSpec = InputSpec { image: [1, 28, 28], classes: 10 };
const COLOUR: InputSpec = InputSpec { image: [3, 32, 32], classes: 10 };

#[test]
fn every_preset_has_a_unique_name_and_accepts_grey_or_coloured_images() {
    for (place, preset) in ALL.iter().enumerate() {
        assert!(ALL[..place].iter().all(|other| other.name != preset.name), "{}", preset.name);
        let configs = [GREY, COLOUR].map(|input| preset.config(DataConfig::new("set", 100, 10, 10), &input));
        assert!(configs.iter().any(Result::is_ok), "{}", preset.name);
    }
}

#[test]
fn a_preset_that_rejects_the_images_is_refused_with_those_that_accept_them() {
    let cnn_s = ALL.iter().find(|preset| preset.name == "cnn-s").unwrap();
    let message = cnn_s.config(DataConfig::new("cifar10", 1, 1, 1), &COLOUR).unwrap_err().to_string();
    let (expected, others) = message.split_once(", or choose one of ").unwrap();
    assert!(
        expected.contains("1 x 28 x 28") && expected.contains("cifar10 has images of 3 x 32 x 32"),
        "{expected}"
    );
    assert!(expected.contains("those of mnist or fashion-mnist or"), "{expected}");
    let residual = ALL.iter().find(|preset| preset.name == "resnet-ae").unwrap();
    let message = residual.config(DataConfig::new("mnist", 1, 1, 1), &GREY).unwrap_err().to_string();
    let expected = "sides divisible by 32 (nearest to 28 x 28: 32 x 32), mnist has images of 1 x 28 x 28";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("those of cifar10 or cifar100 or"), "{message}");
    assert!(others.contains("cnn-l") && !others.contains("cnn-s"), "{others}");
}

/// A preset trains on images of a side that it accepts; for other sides the error suggests one that it accepts.
#[test]
fn a_preset_trains_on_images_of_any_side_or_suggests_one_that_it_accepts() {
    use ndarray::Array4;

    let origin = data::Origin {
        source: "a test".into(),
        files: vec![],
        selection: "all".into(),
        licence: "none".into(),
    };
    for side in [1, 3, 4, 7, 8, 14, 16] {
        let split = || {
            let pixel = |(n, _, h, w)| ((n * 83 + h * 31 + w * 17) % 256) as u8;
            let images = Array4::from_shape_fn((20, 1, side, side), pixel);
            data::Split::new(images, (0..20).map(|row| row % 2).collect(), 2).unwrap()
        };
        let set = data::Dataset::new("set", &["a", "b"], split(), split(), origin.clone()).unwrap();
        let data = DataConfig::new("set", 20, 0, 20);
        let input = InputSpec { image: [1, side, side], classes: 2 };
        let images = runs::images::Images::of(&data, &set).unwrap();
        for preset in ALL {
            match preset.config(data.clone(), &input) {
                Ok(config) => {
                    let run = runs::run::Run { config, seed: 0 };
                    let timed = run.time(&images, &tensor::Device::Cpu);
                    assert!(timed.is_ok(), "{} at side {side}: {timed:?}", preset.name);
                }
                Err(error) => {
                    let Some([c, other]) = preset.nearest_form(&input) else { continue };
                    let fitting = InputSpec { image: [c, other, other], ..input };
                    assert!(preset.takes(&fitting).is_ok(), "{} at side {other}", preset.name);
                    assert!(error.to_string().contains(&format!("--side {other}")), "{error}");
                }
            }
        }
    }
    let refused = |name: &str, side| {
        let preset = ALL.iter().find(|preset| preset.name == name).unwrap();
        let input = InputSpec { image: [1, side, side], classes: 2 };
        preset.config(DataConfig::new("set", 20, 0, 20), &input).unwrap_err().to_string()
    };
    for (name, side, expected, nearest) in [
        ("resnet9", 7, "sides of at least 16", "--side 16"),
        ("dcae", 7, "sides divisible by 4", "--side 8"),
        ("vit-s", 3, "sides divisible by 4", "--side 4"),
        ("pca-heads", 3, "16 pixels or more", "--side 4"),
        ("cnn-s", 20, "images of 1 x 28 x 28 and 2 classes", "--side 28"),
        ("cnn-l", 20, "images of 3 x 32 x 32 and 2 classes", "--side 32 --colour"),
    ] {
        let message = refused(name, side);
        assert!(message.contains(expected) && message.contains(nearest), "{message}");
    }
}

#[test]
fn a_small_set_takes_as_many_steps_as_a_large_one() {
    let fc_m = ALL.iter().find(|preset| preset.name == "fc-m").unwrap();
    for (n, batch, epochs) in
        [(50_000, 100, 7), (5_000, 100, 7), (1_000, 100, 35), (117, 11, 35), (20, 8, 175)]
    {
        assert_eq!(fc_m.training(n), (batch, epochs), "{n}");
    }
    // One image per batch, and no more epochs than the limit.
    assert_eq!((fc_m.training(1), fc_m.training(0)), ((1, MAX_EPOCHS), (1, MAX_EPOCHS)));
}

#[test]
fn every_number_of_classes_fits_every_preset() {
    for preset in ALL {
        let fits = |classes| {
            let inputs = [GREY, COLOUR].map(|input| InputSpec { classes, ..input });
            inputs.iter().any(|input| preset.takes(input).is_ok())
        };
        assert!([2, 3, 200].into_iter().all(fits), "{}", preset.name);
    }
}

#[test]
fn presets_of_transformers_have_the_paper_s_optimiser() {
    for name in ["vit-s", "vit-m", "vit-l"] {
        let preset = ALL.iter().find(|preset| preset.name == name).unwrap();
        let config = preset.config(DataConfig::new("set", 100, 10, 10), &GREY).unwrap();
        assert_eq!(config.optimiser, AdamConfig::PAPER, "{name}");
    }
}

#[test]
fn the_config_of_the_preset_fc_m_is_a_run_of_the_quick_profile() {
    use crate::profile::Profile;
    let (data, fc_m) =
        (crate::families::fashion(Profile::Standard), crate::families::fc_m(Profile::Standard, &[16]));
    let preset = ALL.iter().find(|preset| preset.name == "fc-m").unwrap().config(data, &GREY).unwrap();
    let expected = fc_m.members[0].learner.with_lambda(LAMBDA);
    assert!(crate::families::lambdas(Profile::Standard).contains(&LAMBDA));
    assert_eq!((preset.learner, preset.batch, preset.epochs), (expected, fc_m.batch, fc_m.epochs));
    assert_eq!((preset.data, preset.optimiser), (fc_m.data[0].clone(), fc_m.optimiser));
}
