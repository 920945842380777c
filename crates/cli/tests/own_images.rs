//! Tests of user-supplied images on the command line: classes are matched by name, and the suggested commands work as
//! printed.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use data::formats::idx;
use image::{Rgb, RgbImage};
use serde_json::Value;

/// A program run in a folder, with no data set but the embedded one.
fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_remove("AGON_DATA")
        .env_remove("XDG_CACHE_HOME")
        .env("HOME", "/dev/null/nonexistent");
    command
}

fn agon(folder: &Path, arguments: &[&str]) -> Output {
    command(env!("CARGO_BIN_EXE_agon"), folder).args(arguments).output().unwrap()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = agon(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(folder, &[arguments, &["--json"]].concat())).unwrap()
}

fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = agon(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(words.iter().all(|word| message.contains(word)), "{arguments:?}: {message}");
}

/// Writes twenty images of 8 x 8 pixels for each of these classes, with a class-dependent bright side.
fn images(folder: &Path, classes: &[(&str, u32)]) {
    for &(class, place) in classes {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..20_u32 {
            let pixel = |x: u32, y: u32| 35 * u32::from(x / 3 == place) + (number * 7 + x * y) % 13;
            let image = RgbImage::from_fn(8, 8, |x, y| Rgb([5 * pixel(x, y) as u8; 3]));
            image.save(folder.join(class).join(format!("{number:02}.png"))).unwrap();
        }
    }
}

/// A training command that reaches high accuracy on these images.
const TRAIN: [&str; 7] = ["train", "--model", "fc-s", "--side", "8", "batch=10", "lambda=0.1"];

fn trained(folder: &Path, more: &[&str]) -> String {
    let printed = printed(folder, &[&TRAIN[..], &["--epochs", "15", "learning_rate=0.01"], more].concat());
    printed.split_whitespace().nth(1).unwrap().trim_end_matches(':').to_owned()
}

#[test]
fn images_of_other_folders_are_evaluated_by_class_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0), ("bee", 1), ("cat", 2)]);
    let key = trained(folder, &["--images", "a"]);
    let eval = |images: &str| json(folder, &["eval", &key, "--side", "8", "--images", images]);
    let own = eval("a");
    assert_eq!(own["as_stored"], true);
    let accuracy = own["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.9, "{own}");

    // A subset of the classes: the names are the same, the label indices differ.
    images(&folder.join("part"), &[("bee", 1), ("cat", 2)]);
    let part = eval("part");
    assert!(part["accuracy"].as_f64().unwrap() > 0.9, "{part}");
    let n = |class: usize| part["classes"][class]["n"].as_u64().unwrap();
    assert_eq!((part["classes"].as_array().unwrap().len(), n(0), n(1), n(2)), (3, 0, 4, 4));
    assert_eq!(part["classes"][2]["class"], "cat");

    // One folder has another name and sorts last.
    images(&folder.join("b"), &[("zebra", 0), ("bee", 1), ("cat", 2)]);
    refused(folder, &["eval", &key, "--side", "8", "--images", "b"], &["`zebra`", "`ant`", "rename"]);
    refused(folder, &["eval", &key, "--data-set", "fashion-mnist-embedded"], &["`Trouser`", "`ant`"]);

    // The same images in the same order: the run keeps its class names.
    std::fs::rename(folder.join("a/ant"), folder.join("a/ants")).unwrap();
    let renamed = eval("a");
    assert_eq!((&renamed["as_stored"], &renamed["classes"][0]["class"]), (&Value::Bool(true), &"ant".into()));
    let again = [&TRAIN[..], &["--epochs", "15", "learning_rate=0.01", "--images", "a"]].concat();
    refused(folder, &again, &["`ants` was `ant`", "--out"]);
}

/// Evaluation needs no training images: there may be fewer than a batch, fewer than labels, or none.
#[test]
fn other_images_may_be_fewer_than_a_batch_or_test_images_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0), ("bee", 1), ("cat", 2)]);
    images(&folder.join("few"), &[("bee", 1), ("cat", 2)]);
    images(&folder.join("alone/test"), &[("bee", 1), ("cat", 2)]);
    // 40 training images, against 32 in the other folder.
    for (model, more) in [("fc-s", &[][..]), ("fc-s", &["learner.labelled=35"]), ("pca-heads", &[])] {
        let train = ["train", "--model", model, "--side", "8", "--images", "a", "--epochs", "1", "batch=40"];
        let printed = printed(folder, &[&train[..], more].concat());
        let key = printed.split_whitespace().nth(1).unwrap().trim_end_matches(':');
        for (images, n) in [("few", 4), ("alone", 20)] {
            let judged = json(folder, &["eval", key, "--side", "8", "--images", images]);
            let n_of = |class: usize| judged["classes"][class]["n"].as_u64().unwrap();
            assert_eq!([n_of(0), n_of(1), n_of(2)], [0, n, n], "{judged}");
        }
    }
}

#[test]
fn images_with_unsupported_sides_are_refused_before_anything_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0), ("bee", 1)]);
    for (model, side, nearest) in
        [("dcae", "7", "--side 8"), ("resnet9", "1", "--side 16"), ("vit-s", "3", "--side 4")]
    {
        let train = ["train", "--model", model, "--side", side, "--images", "a"];
        refused(folder, &train, &[&format!("{model} takes images with sides"), nearest]);
    }
    let deeper = ["train", "--model", "dcae", "--side", "8", "--images", "a", "depth=4"];
    refused(folder, &deeper, &["images with sides divisible by 16", "1 x 8 x 8"]);
    let both = [&TRAIN[..], &["--images", "a", "--data", "."]].concat();
    refused(folder, &both, &["--data", "--images", "give one of them"]);
    assert!(!folder.join("out").exists());
}

/// The memory limit suffices for the program but not for the pixels.
#[test]
fn images_that_do_not_fit_in_memory_are_refused_before_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0), ("bee", 1)]);
    for copy in 20..420 {
        std::fs::copy(folder.join("a/ant/00.png"), folder.join(format!("a/ant/{copy}.png"))).unwrap();
    }
    let script = "ulimit -v 1000000; exec \"$0\" train --images a --side 1024 --colour";
    let output = command("bash", folder).args(["-c", script, env!("CARGO_BIN_EXE_agon")]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("bytes of free memory") && message.contains("smaller side"), "{message}");
}

/// Some learners need their training images for an evaluation on other images, too.
#[test]
fn evaluating_a_run_whose_needed_training_images_are_missing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["a", "b"] {
        images(&folder.join(name), &[("ant", 0), ("bee", if name == "a" { 1 } else { 2 })]);
    }
    let arguments = ["train", "--model", "mlp", "--side", "8", "--images", "a", "--epochs", "1", "batch=10"];
    let printed = printed(folder, &arguments);
    let key = printed.split_whitespace().nth(1).unwrap().trim_end_matches(':');
    // The training images are found where the run recorded them.
    assert_eq!(json(folder, &["eval", key, "--images", "b"])["n"], 8);
    std::fs::rename(folder.join("a"), folder.join("moved")).unwrap();
    refused(folder, &["eval", key, "--images", "b"], &["needs the images it was trained on", "/a;"]);
    refused(folder, &["eval", key], &["/a, which is not there", "--images DIR"]);
    assert_eq!(json(folder, &["eval", key, "--images", "moved"])["as_stored"], true);
}

/// The commands printed after `next:`, without their descriptions.
fn next_commands(printed: &str) -> Vec<String> {
    let is_command = |line: &&str| line.starts_with(env!("CARGO_BIN_EXE_agon"));
    let lines = printed.lines().map(|line| line.trim_start_matches("next:").trim_start()).filter(is_command);
    let commands: Vec<String> =
        lines.map(|line| line.split("   #").next().unwrap().trim_end().to_owned()).collect();
    assert!(commands.len() >= 2, "{printed}");
    commands
}

/// Runs the printed commands in a shell.
fn typed(folder: &Path, printed: &str) {
    for line in next_commands(printed) {
        let output = command("bash", folder).args(["-c", &line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn suggested_commands_repeat_the_given_options() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let own = "it's a \"folder\" of $HOME";
    images(&folder.join(own), &[("ant", 0), ("bee", 1)]);
    let out = "out\nof two lines \u{1b}[31m";
    let trained = printed(
        folder,
        &[&TRAIN[..], &["--images", own, "--colour", "--out", out, "--epochs", "1"]].concat(),
    );
    assert!(!trained.contains('\u{1b}'), "{trained:?}");
    typed(folder, &trained);

    // A published data set in a folder of its name.
    let mnist = folder.join("sets/mnist");
    std::fs::create_dir_all(&mnist).unwrap();
    let pixels = |n: usize| (0..n * 784).map(|at| (at * 31 % 251) as u8).collect::<Vec<u8>>();
    let labels = |n: usize| (0..n).map(|at| (at % 10) as u8).collect::<Vec<u8>>();
    for (split, n) in [("train", 60), ("t10k", 20)] {
        std::fs::write(
            mnist.join(format!("{split}-images-idx3-ubyte")),
            idx::encode([n, 28, 28], &pixels(n)).unwrap(),
        )
        .unwrap();
        std::fs::write(
            mnist.join(format!("{split}-labels-idx1-ubyte")),
            idx::encode([n], &labels(n)).unwrap(),
        )
        .unwrap();
    }
    let arguments =
        ["train", "--model", "fc-s", "--data-set", "mnist", "--data", "sets", "--epochs", "1", "batch=10"];
    let trained = printed(folder, &arguments);
    assert!(next_commands(&trained)[0].ends_with("--data-set mnist --data sets"), "{trained}");
    typed(folder, &trained);
}

/// Folder, side and colour are recorded with a run and in a printed config.
#[test]
fn a_run_and_a_config_record_their_images() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0), ("bee", 1)]);
    let key = trained(folder, &["--images", "a", "--colour"]);
    std::fs::create_dir(folder.join("elsewhere")).unwrap();
    let elsewhere = json(&folder.join("elsewhere"), &["eval", &key, "--out", "../out"]);
    assert_eq!(elsewhere["as_stored"], true);
    let with = ["train", "--images", "a", "--side", "8", "--model", "vit-s", "--epochs", "1"];
    let config = printed(folder, &[&with[..], &["--print-config"]].concat());
    std::fs::write(folder.join("elsewhere/run.toml"), config).unwrap();
    let again = ["train", "--config", "run.toml", "--out", "../out"];
    let [first, second] = [printed(folder, &with), printed(&folder.join("elsewhere"), &again)];
    assert!(second.contains("found in the store"), "{second}");
    assert_eq!(first.lines().next(), second.lines().next());
}

/// Statistics of large images take seconds, in which no epoch ends.
#[test]
fn long_phases_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0), ("bee", 1)]);
    let train = ["train", "--images", "a", "--model", "pca-heads", "--epochs", "1"];
    let output = agon(folder, &train);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("computing statistics of 27 images of 1024 elements each ..."), "{notes}");
    assert!(notes.contains("computing the probes and statistics of the latent ..."), "{notes}");
    // For small images these phases are short, and nothing is printed.
    let output = agon(folder, &[&train[..], &["--side", "8"]].concat());
    assert!(!String::from_utf8(output.stderr).unwrap().contains("..."));
}

#[test]
fn a_small_folder_takes_many_steps_and_few_steps_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0), ("bee", 1), ("cat", 2)]);
    let config = printed(folder, &["train", "--images", "a", "--print-config"]);
    // 48 training images, of which 8 choose the epoch; 350 steps as on the embedded set.
    assert!(config.contains("batch = 8\n") && config.contains("epochs = 70\n"), "{config}");
    let few = ["train", "--images", "a", "--side", "8", "batch=20", "--epochs", "1", "--threads", "1"];
    let output = agon(folder, &few);
    let [text, notes] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(
        notes.contains("40 training images in batches of 20 give 2 steps per epoch, 2 in total"),
        "{notes}"
    );
    assert!(text.contains(" images/s on 1 thread\n"), "{text}");
    let mut limited = command(env!("CARGO_BIN_EXE_agon"), folder);
    let arguments = ["train", "--images", "a", "--side", "8", "--epochs", "1", "--json"];
    let output = limited.args(arguments).env("RAYON_NUM_THREADS", "3").output().unwrap();
    let end = String::from_utf8(output.stdout).unwrap();
    let end: Value = serde_json::from_str(end.lines().last().unwrap()).unwrap();
    assert_eq!(end["threads"], 3);
}

/// Convolutional models take any number of classes; images of another form are answered with options that fit.
#[test]
fn every_model_takes_any_number_of_classes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0), ("bee", 1), ("cat", 2)]);
    for (model, form) in [("cnn-s", "--side 28"), ("cnn-l", "--side 32 --colour")] {
        let train = ["train", "--model", model, "--epochs", "1", "--images", "a"];
        let [wrong, right]: [Vec<&str>; 2] = ["--side 20", form].map(|form| form.split(' ').collect());
        refused(folder, &[&train[..], &wrong].concat(), &[&format!("resize your own with {form}, or")]);
        printed(folder, &[&train[..], &right].concat());
    }
}

#[test]
fn skipped_folders_are_reported_and_a_single_class_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("a"), &[("ant", 0)]);
    std::fs::create_dir_all(folder.join("a/__MACOSX")).unwrap();
    std::fs::create_dir_all(folder.join("a/bee")).unwrap();
    std::fs::write(folder.join("a/bee/1.webp"), "an image").unwrap();
    let one = [&TRAIN[..], &["--images", "a"]].concat();
    refused(folder, &one, &["at least two classes", "__MACOSX", "1 webp", "`1.webp`"]);
    let autoencoder =
        ["train", "--model", "mlpae", "--side", "8", "--images", "a", "--epochs", "1", "batch=10"];
    printed(folder, &autoencoder);
}
