//! Tests of one run from the command line: training, reuse, evaluation, probing, export, and suggestions for misspelt
//! names.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use runs::images::DataConfig;
use runs::learners::RunConfig;
use runs::learners::closed_form::Question;
use serde_json::Value;

/// So few images that a run takes a fraction of a second.
const TINY: [&str; 4] = ["train=200", "validation=20", "data.test=50", "batch=20"];

fn agon(folder: &Path, arguments: &[&str]) -> Output {
    // Data sets of this machine must not be found.
    Command::new(env!("CARGO_BIN_EXE_agon"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("AGON_DATA")
        .env("HOME", "/dev/null/nonexistent")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap()
}

/// Standard output and standard error of a successful command.
fn printed(folder: &Path, arguments: &[&str]) -> [String; 2] {
    let output = agon(folder, arguments);
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", texts[1]);
    assert!(texts.iter().all(|text| !text.contains('\u{1b}')), "colours for a program: {texts:?}");
    texts
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(folder, &[arguments, &["--json"]].concat())[0]).unwrap()
}

fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = agon(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(words.iter().all(|word| message.contains(word)), "{arguments:?}: {message}");
    assert!(message.lines().count() <= 24 && !message.contains("panicked"), "{message}");
}

fn train<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["train", "--model", "fc-s"], arguments, &TINY, &["--epochs", "2"]].concat()
}

#[test]
fn a_run_is_trained_once_and_then_reused_evaluated_probed_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [first, progress] = printed(folder, &train(&["--tensorboard", "board"]));
    assert!(first.contains("finished: 2 of 2 epochs") && first.contains("test: "), "{first}");
    let lines: Vec<&str> = progress.lines().collect();
    assert_eq!(lines.len(), 4, "the run and a line for each epoch: {progress}");
    assert!(lines[1].contains("epoch 0/2 (before training)") && lines[3].contains("epoch 2/2"), "{progress}");

    // The suggested next commands work.
    let next =
        first.lines().find_map(|line| Some(line.strip_prefix("next: ")?.split_once(" eval ")?.1)).unwrap();
    let key = next.split_whitespace().next().unwrap();
    let eval = json(folder, &["eval", &key[..6]]);
    assert_eq!((&eval["as_stored"], &eval["n"]), (&Value::Bool(true), &Value::from(50)));
    let of_classes = eval["classes"].as_array().unwrap().iter().map(|of| of["n"].as_u64().unwrap());
    assert_eq!(of_classes.sum::<u64>(), 50);
    assert!(printed(folder, &["eval", key])[0].contains("Ankle boot"));
    let probe = json(folder, &["probe", key]);
    let value = |name: &str| {
        let found = probe["found"].as_array().unwrap().iter().find(|found| found["name"] == name);
        found.unwrap()["value"].as_f64().unwrap()
    };
    assert!((0.0..=1.0).contains(&value("ridge accuracy")) && value("effective rank") >= 1.0, "{probe}");
    assert!(printed(folder, &["probe", key])[0].contains("5 nearest of the first 25 test images"));
    printed(folder, &["export", key, "model.safetensors"]);
    assert!(
        models::weights::read(&folder.join("model.safetensors")).unwrap().contains_key("encoder.0.weight")
    );
    printed(folder, &["export", key, "--to", "tensorboard", "exported"]);
    let events =
        |of: &str| std::fs::read(folder.join(of).join(key).join("events.out.tfevents.0.agon")).unwrap();
    assert_eq!(events("board"), events("exported"));

    // The second call computes nothing and prints the same JSON.
    let output = printed(folder, &train(&["--json"]));
    let objects: Vec<Value> = output[0].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((objects.len(), output[1].as_str()), (4, ""));
    assert_eq!(objects[3]["found"], true);
    assert_eq!((&objects[3]["key"], &objects[2]["epoch"]), (&Value::from(key), &Value::from(2)));
    assert_eq!(objects[3]["scalars"]["test_accuracy"], eval["accuracy"]);
    assert!(printed(folder, &train(&[]))[0].contains("found in the store"));
}

#[test]
fn a_closed_form_is_neither_evaluated_nor_probed_nor_exported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = DataConfig::new("fashion-mnist-embedded", 60, 0, 10);
    let config = RunConfig::closed_form(data, Question::Front { k: 4 });
    std::fs::write(folder.join("front.toml"), toml::to_string(&config).unwrap()).unwrap();
    let [first, _] = printed(folder, &["train", "--config", "front.toml", "--json"]);
    let end: Value = serde_json::from_str(first.lines().last().unwrap()).unwrap();
    let key = end["key"].as_str().unwrap();
    for command in [&["eval", key][..], &["probe", key], &["export", key, "w.safetensors"]] {
        refused(folder, command, &["is a closed form and has no trained parameters"]);
    }
    assert!(!folder.join("w.safetensors").exists());
}

#[test]
fn without_validation_images_there_are_no_validation_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let with = |n: &str| {
        let n = format!("validation={n}");
        let arguments = [
            "train",
            "--model",
            "fc-s",
            "train=200",
            "data.test=50",
            "batch=20",
            "epochs=1",
            "--json",
            n.as_str(),
        ];
        let output = printed(folder, &arguments)[0].clone();
        let end: Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
        let names: Vec<String> = end["scalars"].as_object().unwrap().keys().cloned().collect();
        (
            names,
            printed(folder, &arguments.map(|word| if word == "--json" { "lambda=0.5" } else { word }))[0]
                .clone(),
        )
    };
    let (names, text) = with("0");
    assert!(names.iter().any(|name| name == "test_accuracy"), "{names:?}");
    assert!(names.iter().all(|name| !name.contains("validation")) && !text.contains("validation"), "{text}");
    let (names, text) = with("20");
    assert!(names.iter().any(|name| name == "validation_accuracy") && text.contains("validation"), "{text}");
}

#[test]
fn a_printed_config_gives_the_same_run_and_can_be_overridden() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [config, _] = printed(folder, &train(&["--print-config", "--seed", "3", "lambda=0.25"]));
    assert!(config.contains("lambda = 0.25") && config.contains("seed = 3"), "{config}");
    std::fs::write(folder.join("run.toml"), &config).unwrap();
    let config_with = |more: &[&str]| {
        printed(folder, &[&["train", "--config", "run.toml", "--print-config"], more].concat())[0].clone()
    };
    assert_eq!(config_with(&[]), config);
    assert!(
        config_with(&[
            "learner.mixing.rule=surgery",
            "rotation={degrees=15, shared=true, turned_target=false}"
        ])
        .contains("surgery")
    );
    assert!(config_with(&["--seed", "4", "latent=3"]).contains("latent = 3"));
    assert!(config_with(&["-s", "latent=3", "--set", "lambda=1"]).contains("latent = 3"));
    // Values of a file override a preset.
    std::fs::write(folder.join("part.toml"), "batch = 25\n").unwrap();
    let [mixed, _] =
        printed(folder, &["train", "--model", "cnn-s", "--config", "part.toml", "--print-config"]);
    assert!(mixed.contains("batch = 25") && mixed.contains("cnn-s"), "{mixed}");
    // The model is built for the transformed images.
    let halved = "[data]\nname = \"fashion-mnist-embedded\"\ntrain = 50\nvalidation = 5\ntest = 5\nchanges = [\"halved\"]\n";
    std::fs::write(folder.join("part.toml"), halved).unwrap();
    let [halved, _] =
        printed(folder, &["train", "--model", "fc-s", "--config", "part.toml", "--print-config"]);
    assert!(halved.contains("pixels = 196"), "{halved}");
}

#[test]
fn an_autoencoder_stores_its_parameters_and_divergence_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mlpae = ["train", "--model", "mlpae", "latent=2", "encoder_depth=2", "decoder_depth=2"];
    let [out, _] = printed(folder, &[&mlpae[..], &TINY, &["--epochs", "1"]].concat());
    let key = out.split_whitespace().nth(1).unwrap().trim_end_matches(':');
    assert_eq!(json(folder, &["eval", key])["as_stored"], true);
    let wild = ["train", "--model", "predictive-coding", "relaxation.rate=10", "steps=100", "--epochs", "1"];
    let diverged = agon(folder, &[&wild[..], &TINY].concat());
    let message = String::from_utf8(diverged.stderr).unwrap();
    assert_eq!(diverged.status.code(), Some(1), "{message}");
    assert!(message.lines().last().unwrap().starts_with("error: "), "{message}");
    // The run finishes with losses above the initial ones.
    let [worse, _] = printed(folder, &train(&["optimiser.learning_rate=10"]));
    assert!(worse.contains("note: the test loss grew from "), "{worse}");
}

#[test]
fn all_commands_count_epochs_alike() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [trained, _] = printed(folder, &train(&[]));
    assert!(trained.contains("finished: 2 of 2 epochs"), "{trained}");
    let runs = json(folder, &["runs"]);
    assert_eq!(runs["runs"][0]["epochs"], 2);
    let key = runs["runs"][0]["key"].as_str().unwrap();
    let [each, _] = printed(folder, &["runs", "--each"]);
    assert_eq!(each.lines().nth(1).unwrap().split_whitespace().nth(2), Some("2"), "{each}");
    assert!(printed(folder, &["export", key, "board", "--to", "tensorboard"])[0].contains(": 2 epochs"));
}

#[test]
fn contradicting_arguments_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [config, _] = printed(folder, &train(&["--print-config"]));
    std::fs::write(folder.join("run.toml"), &config).unwrap();
    let with = |more: &[&'static str]| [&["train", "--config", "run.toml"], more].concat();
    refused(folder, &with(&["--model", "cnn-s"]), &["`--model cnn-s`", "`learner` of run.toml"]);
    refused(folder, &with(&["--data-set", "mnist", "--data", "."]), &["mnist"]);
    let other = config.replace("\"fashion-mnist-embedded\"", "\"mnist\"");
    std::fs::write(folder.join("other.toml"), other).unwrap();
    let embedded = ["train", "--config", "other.toml", "--data-set", "fashion-mnist-embedded"];
    refused(folder, &embedded, &["is for mnist", "fashion-mnist-embedded"]);
    for (settings, words) in [
        (&["lambda=0.5", "learner.lambda=0.7"][..], &["`learner.lambda` is set twice"][..]),
        (&["latent=4", "-s", "latent=8"], &["`learner.model.latent` is set twice"]),
        (&["latent=4", "-s", "latent=4"], &["set twice"]),
        (
            &["rotation={degrees=1, shared=true, turned_target=false}", "rotation.degrees=2"],
            &["one contains the other"],
        ),
        (&["epochs=3"], &["`epochs=`", "--epochs"]),
        (&["hardware=cuda", "--device", "cpu"], &["`hardware=`", "--device"]),
        (&["--data-set", "fashion-mnist-embedded", "data.name=mnist"], &["`data.name=`", "--data-set"]),
        (&["optimiser.learning_rate=1e10"], &["`optimiser.learning_rate` is 10000000000.0", "to 10"]),
        (&["--print-config", "--json"], &["--print-config", "--json"]),
    ] {
        refused(folder, &train(settings), words);
    }
    let whole = r#"data={name="mnist", train=100, validation=10, test=10}"#;
    refused(folder, &["train", "--model", "fc-s", whole], &["mnist"]);
    printed(folder, &train(&[]));
    refused(folder, &["export", "", "x.h5"], &["x.h5 ends in .h5", ".safetensors"]);
    refused(folder, &["export", "", "x.h5", "--to", "tensorboard"], &["folder"]);
    refused(folder, &["report", "-o", "page.pdf"], &["page.pdf", ".html"]);
    refused(folder, &["run", "--keys", "tasks.jsonl", "--only", "cre"], &["--keys", "--only"]);
    refused(folder, &["advise", "--data", ".", "--set", "mnist", "--side", "8"], &["--set", "--side"]);
    assert!(!folder.join("x.h5").exists());
}

/// Learners with an optimiser of their own reject another one.
#[test]
fn settings_of_an_unused_optimiser_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for model in ["recurrent", "predictive-coding"] {
        let with = |setting: &'static str| vec!["train", "--model", model, "--print-config", setting];
        let own = "set `learner.network.optimiser`";
        refused(folder, &with("optimiser.learning_rate=0.5"), &["`optimiser` is not used", own]);
        // A key suffix resolves to the optimiser that is used.
        for setting in ["learning_rate=0.5", "optimiser.learning_rate=0.001"] {
            let [config, _] = printed(folder, &with(setting));
            let rates = config.matches("learning_rate = 0.5").count();
            assert_eq!(rates, usize::from(setting == "learning_rate=0.5"), "{config}");
        }
    }
}

#[test]
fn for_every_misspelt_name_the_nearest_is_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    refused(folder, &["train", "--model", "fcm"], &["'fcm'", "'fc-m'"]);
    refused(folder, &["train", "--data-set", "mnits"], &["did you mean `mnist`", "--images"]);
    refused(folder, &["train", "--data-set", "mnist"], &["--data"]);
    refused(folder, &["train", "--images", "photos"], &["no folder photos"]);
    refused(folder, &train(&["lamda=0.5"]), &["`lamda`", "did you mean `lambda`"]);
    refused(
        folder,
        &train(&["learner.model.latnet=4"]),
        &["`learner.model.latnet`", "did you mean `latent`"],
    );
    refused(folder, &train(&["rotation.degree=15"]), &["did you mean `degrees`"]);
    refused(folder, &train(&["rotation=15"]), &["`rotation` is 15: expected a table"]);
    refused(folder, &train(&["lambda"]), &["KEY=VALUE"]);
    refused(folder, &train(&["epochs=many"]), &["epochs"]);
    refused(folder, &train(&["learner.mixing.rule=surgry"]), &["did you mean `surgery`"]);
    refused(folder, &["train", "--model", "vit-s", "width=16"], &["encoder.width or", "decoder.width"]);
    refused(
        folder,
        &["train", "--model", "cnn-l"],
        &["3 x 32 x 32", "1 x 28 x 28", "cifar10 or cifar100 or svhn", "fc-m"],
    );
    refused(folder, &train(&["pixels=100"]), &["100 pixels", "1 x 28 x 28"]);
    refused(folder, &["train", "data.train=70000"], &["at most 6000"]);
    refused(folder, &train(&["--device", "cuda:0"]), &["cuda:0"]);
    for (setting, words) in [
        ("batch=0", ["`batch` is 0", "from 1"]),
        ("data.train=10", ["`batch` is 100", "at most 10"]),
        ("latent=0", ["`learner.model.latent` is 0", "from 1"]),
        ("latent=99999999999", ["`learner.model.latent` is 99999999999", "65536"]),
        ("latent=-1", ["learner.model.latent", "-1"]),
        ("lambda=2", ["`learner.lambda` is 2", "from 0 to 1"]),
        ("lambda=nan", ["`learner.lambda` is not finite", "from 0 to 1"]),
        ("optimiser.learning_rate=inf", ["`optimiser.learning_rate` is not finite", "to 10"]),
        ("seed=4", ["not part of the config", "`--seed 4`"]),
        ("data.test=0", ["`data.test` is 0", "from 1"]),
        ("learning_rate=-1", ["`optimiser.learning_rate` is -1", "above 0"]),
        ("beta1=2", ["`optimiser.beta1` is 2", "below 1"]),
    ] {
        refused(folder, &["train", "--model", "fc-s", setting], &words);
    }
    let enormous = ["train", "--model", "vit-s", "encoder.width=65536", "encoder.depth=200"];
    refused(folder, &enormous, &["parameters", "GiB", "free"]);
    for option in ["--seed", "--epochs"] {
        refused(folder, &["train", "--model", "fc-s", option, "-1"], &["'-1'", option]);
    }
    assert!(!folder.join("out").exists(), "something was stored for what was refused");
    refused(folder, &["train", "--config", "none.toml"], &["none.toml"]);
    for (text, words) in [
        ("epochs = = 3", &["line 1", "--print-config"][..]),
        ("epochs = 3", &["lacks the key `learner`"]),
        ("epoch = 3", &["did you mean `epochs`"]),
        ("optimiser.epsilon = nan", &["`optimiser.epsilon` is not finite"]),
        ("seed = -1", &["seed"]),
    ] {
        std::fs::write(folder.join("run.toml"), text).unwrap();
        refused(folder, &["train", "--config", "run.toml"], words);
    }
    for command in ["eval", "probe"] {
        refused(folder, &[command, "abcd"], &["no runs in out/runs", "--out"]);
    }
    for seed in ["0", "1"] {
        printed(
            folder,
            &[&["train", "--model", "fc-s", "--seed", seed, "--epochs", "0"], &TINY[..]].concat(),
        );
    }
    refused(folder, &["eval", "xyz"], &["no run `xyz`", "agon runs --each"]);
    refused(folder, &["eval", "", "--test", "0"], &["'0'", "of at least 1"]);
    refused(folder, &["probe", ""], &["2 runs begin with ``"]);
}

#[test]
fn latents_of_very_few_test_images_are_probed_and_undefined_measures_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (n, neighbours) in [
        (1, "not computed: 1 test image cannot be split"),
        (2, "majority vote of the 1 test image in the first half, fewer than the usual 5"),
        (9, "majority vote of the 4 test images in the first half, fewer than the usual 5"),
        (10, "majority vote of the 5 nearest of the first 5 test images, for each of the other 5"),
    ] {
        let test = format!("data.test={n}");
        let of = ["train", "--model", "fc-s", "train=40", "validation=5", "batch=20", "--epochs", "1", &test];
        let trained = &printed(folder, &of)[0];
        let next = trained.lines().find_map(|line| Some(line.split_once(" probe ")?.1)).unwrap_or_default();
        let key =
            next.split_whitespace().next().unwrap_or_else(|| panic!("no probe to type next: {trained}"));
        let text = &printed(folder, &["probe", key])[0];
        assert!(text.contains(neighbours), "{n}: {text}");
        let found = json(folder, &["probe", key])["found"].as_array().unwrap().clone();
        let value = |name: &str| found.iter().find(|found| found["name"] == name).unwrap()["value"].as_f64();
        assert_eq!(value("k-NN accuracy").is_some(), n > 1);
        assert!(!text.contains(" 1 test images"), "{text}");
        for name in ["effective rank", "participation ratio", "between-class fraction", "dead units"] {
            assert_eq!(value(name).is_some(), n > 1, "{n}: {name}");
            let printed = text.lines().find(|line| line.starts_with(name)).unwrap();
            assert_eq!(printed.ends_with(" -  not defined for one image"), n == 1, "{printed}");
        }
        // The first two test images have different classes, so all variance is between classes.
        assert_eq!(
            text.contains("2 test images; 1 by construction, since no class has two images"),
            n == 2,
            "{text}"
        );
        assert!(value("ridge accuracy").is_some() && value("ridge MSE").is_some());
        let spread = ["effective rank", "participation ratio"].map(|name| value(name).unwrap_or(1.0));
        assert!(spread.iter().all(|&value| value > 0.99), "{text}");
    }
}
