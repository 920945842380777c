//! Tests of user sweeps, of comparisons of stored results, and of the reasons why a run is found or recomputed.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use image::{Rgb, RgbImage};
use serde_json::Value;

fn agon(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agon"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("AGON_DATA")
        .env_remove("XDG_CACHE_HOME")
        .env("HOME", "/dev/null/nonexistent")
        .output()
        .unwrap()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = agon(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(folder, &[arguments, &["--json"]].concat())).unwrap()
}

fn refused(folder: &Path, arguments: &[&str], message: &str) {
    let output = agon(folder, arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(text.contains(message), "{arguments:?}: {text}");
}

/// Twenty images of 8 x 8 pixels for each of two classes.
fn images(folder: &Path) {
    for (place, class) in (0..).zip(["ant", "bee"]) {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..20_u32 {
            let pixel = |x: u32, y: u32| 35 * u32::from(x / 4 == place) + (number * 7 + x * y) % 13;
            let image = RgbImage::from_fn(8, 8, |x, y| Rgb([5 * pixel(x, y) as u8; 3]));
            image.save(folder.join(class).join(format!("{number:02}.png"))).unwrap();
        }
    }
}

const SWEEP: [&str; 10] =
    ["sweep", "--model", "fc-s", "--images", "photos", "--side", "8", "--epochs", "2", "lambda=0,0.5"];

#[test]
fn a_sweep_is_measured_drawn_found_again_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("photos"));
    let first = [&SWEEP[..], &["latent=2,4", "--name", "first"]].concat();
    let swept = json(folder, &first);
    let cells = swept["sweep"]["cells"].as_array().unwrap();
    assert_eq!((cells.len(), &swept["sweep"]["seeds"]), (4, &serde_json::json!([0, 1, 2])));
    assert_eq!(cells[1]["values"], serde_json::json!(["0", "4"]));
    let key = cells[0]["keys"][0].as_str().unwrap();
    let accuracy = cells[0]["values_by_seed"]["test_accuracy"][0].as_f64().unwrap();
    assert_eq!(json(folder, &["eval", key])["accuracy"], accuracy);
    // Two differences by lambda and two by latent, of each quantity.
    let differences = swept["sweep"]["differences"].as_array().unwrap();
    let of_accuracy = differences.iter().filter(|of| of["quantity"] == "test_accuracy");
    assert_eq!(of_accuracy.clone().count(), 4);
    assert!(of_accuracy.clone().all(|of| of["n_seeds"] == 3));
    // Bonferroni over four; the level is computed from 0.95, which is a binary number near it.
    let level = |of: &Value| (of["level"].as_f64().unwrap() - 0.9875).abs() < 4.0 * f64::EPSILON;
    assert!(of_accuracy.clone().all(level), "{swept}");
    assert!(of_accuracy.clone().all(|of| of["resampled"] == "seeds and images"), "{swept}");
    let page = std::fs::read_to_string(folder.join("out/sweeps/first/index.html")).unwrap();
    assert!(page.contains("accuracy changes with lambda: 0 → 0.5") && page.contains("latent = 2"));
    assert!(page.contains("--name first") && folder.join("out/sweeps/first/test-accuracy.svg").is_file());
    let csv = std::fs::read_to_string(folder.join("out/sweeps/first/values.csv")).unwrap();
    assert!(csv.starts_with("lambda,latent,seed,key,test_accuracy") && csv.lines().count() == 13, "{csv}");

    // Everything is found; a run of the sweep is one of `agon train`.
    let runs = || json(folder, &["runs"])["runs"].as_array().unwrap().len();
    assert_eq!((json(folder, &first), runs()), (swept.clone(), 12));
    let train = ["train", "--model", "fc-s", "--images", "photos", "--side", "8", "--epochs", "2"];
    let trained = printed(folder, &[&train[..], &["lambda=0", "latent=2"]].concat());
    assert!(trained.contains(key) && trained.contains("found in the store"), "{trained}");

    let second = [&SWEEP[..], &["learning_rate=0.01", "--name", "second", "--seeds", "0,2"]].concat();
    let text = printed(folder, &second);
    assert!(text.contains("lambda = 0, 0.5; 2 seeds") && text.contains("2 of 2"), "{text}");
    assert!(text.contains("lambda: 0 → 0.5") && text.contains("undecided"), "{text}");
    let first_half = [&SWEEP[..], &["--name", "third"]].concat();
    printed(folder, &first_half);
    let compared = json(folder, &["compare", "third", "out/sweeps/second"]);
    assert_eq!(compared["config"][0]["key"], "optimiser.learning_rate");
    assert_eq!(
        (&compared["values"][0]["at"], &compared["values"][0]["n"]),
        (&"lambda = 0".into(), &2.into())
    );
    assert_eq!(compared["only_in_a"], serde_json::json!([]));
    refused(folder, &["compare", "third", key], "got different kinds");
    refused(folder, &["compare", "sweeps/none", "third"], "no file or sweep sweeps/none");

    // Two runs.
    let other = cells[2]["keys"][0].as_str().unwrap();
    let compared = json(folder, &["compare", key, &other[..8]]);
    assert_eq!(compared["config"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&compared["config"][0]["key"], &compared["config"][0]["b"]),
        (&"learner.lambda".into(), &"0.5".into())
    );
    let value = |name: &str| {
        compared["values"].as_array().unwrap().iter().find(|of| of["name"] == name).cloned().unwrap()
    };
    assert_eq!(value("test_accuracy")["a"], accuracy);
    assert!(value("test_accuracy")["interval"].is_array() && value("test_mse")["interval"].is_null());
    assert!(printed(folder, &["compare", key, other]).contains("learner.lambda"));

    // Why the run is found, and why it is recomputed once its images have changed.
    let why = json(folder, &["why", key]);
    assert_eq!((&why["found"], &why["reasons"]), (&true.into(), &serde_json::json!([])));
    let nearest = &why["nearest"][0]["differs"];
    assert_eq!(nearest.as_array().unwrap().len(), 1, "{nearest}");
    std::fs::rename(folder.join("photos/ant/00.png"), folder.join("photos/bee/00x.png")).unwrap();
    let text = printed(folder, &["why", key]);
    assert!(text.contains("recomputed: the images here differ"), "{text}");
    std::fs::rename(folder.join("photos"), folder.join("moved")).unwrap();
    assert!(printed(folder, &["why", key]).contains("the images are missing here"));
    refused(folder, &["why", "zz"], "no run `zz`");
}

#[test]
fn cells_of_several_presets_and_sets_are_distinguished() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"));
    images(&folder.join("b"));
    std::fs::remove_file(folder.join("b/ant/03.png")).unwrap();
    let both = ["sweep", "--model", "fc-s,linear", "--images", "a", "--images", "b", "--side", "8"];
    let swept = json(folder, &[&both[..], &["--epochs", "1", "--seeds", "1"]].concat());
    assert_eq!(swept["sweep"]["varied"], serde_json::json!(["model", "data"]));
    assert_eq!(swept["sweep"]["cells"].as_array().unwrap().len(), 4);
    let name = swept["sweep"]["name"].as_str().unwrap();
    assert!(name.starts_with("fc-s-linear-data-") && folder.join("out/sweeps").join(name).is_dir(), "{name}");
    // The folder of its images is recorded with each run.
    for cell in swept["sweep"]["cells"].as_array().unwrap() {
        let key = cell["keys"][0].as_str().unwrap();
        assert_eq!(json(folder, &["eval", key])["as_stored"], true);
    }
    std::fs::create_dir(folder.join("c")).unwrap();
    std::fs::rename(folder.join("b"), folder.join("c/a")).unwrap();
    refused(folder, &["sweep", "--images", "a", "--images", "c/a"], "two folders of images have the name a");
}

#[test]
fn invalid_arguments_of_a_sweep_are_refused_before_anything_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (arguments, message) in [
        (&["lambda=0,0"][..], "`lambda` has the value 0 twice"),
        (&["lambda=0,1", "lambda=0.5"], "`lambda` is set twice; give all of its values in one argument"),
        (&["lambda=0,0.5", "learner.lambda=1"], "`learner.lambda` is set twice"),
        (&["lambda=0,2"], "`learner.lambda` is 2"),
        (&["lambda=0,x"], "fc-m: `learner.lambda` is \"x\": expected a number from 0 to 1"),
        (&["lamda=0,1"], "did you mean `lambda`?"),
        (&["lambda"], "expected KEY=VALUE,VALUE"),
        (&["seed=1,2"], "give them as `--seeds 1,2`"),
        (&["epochs=1,2", "--epochs", "3"], "`epochs=` and --epochs"),
        (&["--seeds", "0"], "expected a number of seeds"),
        (&["--seeds", "1,1"], "different seeds"),
        (&["--model", "fc-s,fc-s"], "--model has the value fc-s twice"),
        (&["--model", "fcs"], "'fc-s'"),
        (&["--data-set", "mnits"], "did you mean `mnist`?"),
        (&["--name", "../up"], "expected letters"),
        (&["--rounds", "2"], "`--rounds` requires `--engine slurm`"),
        (&["--side", "8"], "--images"),
    ] {
        refused(folder, &[&["sweep"], arguments].concat(), message);
    }
    refused(folder, &["run", "--images", "."], "`--images` requires `--keys`");
    assert!(!folder.join("out").exists());
}

#[test]
fn tasks_of_a_cluster_get_the_paths_of_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("photos"));
    let engine = ["--engine", "slurm", "--dry-run", "--seconds-per-run", "1"];
    let script = printed(folder, &[&SWEEP[..], &engine].concat());
    let images = folder.join("photos").canonicalize().unwrap();
    let arguments = format!(" --images {} --side 8 --task ", images.display());
    assert!(script.contains(&arguments) && script.contains("1 task of 6 runs"), "{script}");
    assert!(!folder.join("out").exists());
}

#[test]
fn results_files_are_compared_array_by_array() {
    use runs::store::{Coordinates, Dimension, Results, Values, Variable, write_results};

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let results = |values: [f64; 3], epochs: u32| {
        let of = |values: Vec<f64>| Variable {
            dimensions: vec!["x".into()],
            description: "values".into(),
            unit: "1".into(),
            values: Values::F64(values),
        };
        let x = Dimension {
            description: "places".into(),
            unit: "1".into(),
            coordinates: Coordinates::Numbers(vec![0.0, 1.0, 2.0]),
        };
        Results {
            title: "made up".into(),
            attributes: [("config".to_owned(), format!("{{\"epochs\":{epochs},\"batch\":1}}"))].into(),
            dimensions: [("x".to_owned(), x)].into(),
            variables: [("moves".to_owned(), of(values.to_vec())), ("stays".to_owned(), of(vec![1.0; 3]))]
                .into(),
            ..Results::default()
        }
    };
    write_results(&folder.join("a.h5"), &results([1.0, 2.0, f64::NAN], 3)).unwrap();
    write_results(&folder.join("b.h5"), &results([1.0, 2.5, f64::NAN], 4)).unwrap();
    let compared = json(folder, &["compare", "a.h5", "b.h5"]);
    assert_eq!((&compared["equal"], compared["values"].as_array().unwrap().len()), (&1.into(), 1));
    let moved = &compared["values"][0];
    assert_eq!((&moved["name"], &moved["change"], &moved["n"]), (&"moves".into(), &0.5.into(), &1.into()));
    assert_eq!(compared["config"][0]["key"], "config.epochs");
    let text = printed(folder, &["compare", "a.h5", "a.h5"]);
    assert!(text.contains("the configs are equal") && text.contains("2 arrays bit-identical"), "{text}");
    std::fs::write(folder.join("b.h5"), "not a results file").unwrap();
    let output = agon(folder, &["compare", "a.h5", "b.h5"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_plan_counts_the_runs_that_lack_their_data() {
    let folder = tempfile::tempdir().unwrap();
    let plan = ["plan", "--profile", "smoke", "--only", "cnn-l-lambda-sweep"];
    let text = printed(folder.path(), &plan);
    assert!(text.contains("3 runs lack their data set, about "), "{text}");
    let planned = json(folder.path(), &plan);
    assert_eq!(planned["seconds"], 0.0);
    assert!(planned["seconds_without_data"].as_f64().unwrap() > 0.0, "{planned}");
}

#[test]
fn a_plan_for_a_gpu_needs_no_gpu_and_states_its_assumptions() {
    let folder = tempfile::tempdir().unwrap();
    let only = ["--only", "cnn-l-lambda-sweep,fc-lambda-sweep"];
    let plan = [&["plan", "--profile", "smoke", "--device", "cuda:0", "--minutes", "30"][..], &only].concat();
    let text = printed(folder.path(), &plan);
    for part in ["30 min on one H200", "30 % of 67 TFLOP/s", "  1. ", "--device cuda:0 --only"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let all = json(folder.path(), &plan);
    assert_eq!(all["runs_left"], 0);
    let seconds = all["seconds"].as_f64().unwrap();
    // A little less than they take.
    let minutes = format!("{}", seconds / 61.0);
    let less =
        [&["plan", "--profile", "smoke", "--device", "cuda:0", "--minutes", &minutes][..], &only].concat();
    let less = json(folder.path(), &less);
    assert!(less["runs_left"].as_u64().unwrap() > 0 && less["seconds"].as_f64().unwrap() < seconds, "{less}");
}

#[test]
fn every_result_is_also_json() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("photos"));
    let swept = json(folder, &[&SWEEP[..], &["--seeds", "1"]].concat());
    let key = swept["sweep"]["cells"][0]["keys"][0].as_str().unwrap();
    assert_eq!(json(folder, &["export", key, "w.safetensors"])["file"], "w.safetensors");
    assert_eq!(json(folder, &["export", key, "--to", "tensorboard", "board"])["epochs"], 2);
    let small =
        r#"families.*.data=[{name = "fashion-mnist-embedded", train = 100, validation = 10, test = 20}]"#;
    let run = ["run", "--profile", "smoke", "--only", "fc-lambda-sweep", "-s", small];
    let ran = json(folder, &run);
    assert!(ran["runs"].as_u64().unwrap() > 0 && ran["runs"] == ran["stored"] && ran["found"] == 0, "{ran}");
    assert_eq!(json(folder, &run)["found"], ran["runs"]);
}
