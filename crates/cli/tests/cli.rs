//! Tests of the command line: exit codes, messages for bad input, and a smoke run from end to end.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

fn agon(arguments: &[&str]) -> Output {
    // Data sets of this machine must not be found.
    Command::new(env!("CARGO_BIN_EXE_agon"))
        .args(arguments)
        .env_remove("AGON_DATA")
        .env("HOME", "/dev/null/nonexistent")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap()
}

fn refused(arguments: &[&str], code: i32, words: &[&str]) {
    let output = agon(arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(words.iter().all(|word| message.contains(word)), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn unknown_names_are_refused_with_exit_code_2_and_the_nearest_name() {
    refused(&["reproduce", "--profile", "quikc"], 2, &["quikc", "did you mean `quick`"]);
    refused(&["reproduce", "--only", "fc-lamda-sweep"], 2, &["did you mean `fc-lambda-sweep`"]);
    refused(&["reproduce", "--profile", "smoke", "-s", "seed=[3]"], 2, &["`seed`", "did you mean `seeds`"]);
    refused(&["reproduce", "--profile", "smoke", "-s", "families.*.epoch=3"], 2, &["did you mean `epochs`"]);
    refused(&["reproduce", "--profile", "smoke", "-s", "families.*.epochs=many"], 2, &["epochs"]);
    refused(&["reproduce", "--device", "cuda:0"], 2, &["cuda:0", "`cpu`"]);
    refused(&["reproduce", "--device", "tpu"], 2, &["tpu"]);
    refused(&["frobnicate"], 2, &["frobnicate"]);
    refused(&["docter"], 2, &["'doctor'"]);
    refused(&["data", "verify", "mnits"], 2, &["did you mean `mnist`"]);
    refused(&["data", "verify"], 2, &["NAME"]);
    refused(&["completions", "bsh"], 2, &["'bash'"]);
    refused(&["inspect", "tests/cly.rs"], 2, &["did you mean `cli.rs`"]);
    refused(&["inspect", "/dev/null"], 2, &["/dev/null", "not a regular file"]);
    refused(&["inspect", "tests/cli.rs"], 1, &["tests/cli.rs", "a complete HDF5 file"]);
    refused(
        &["export", "0123", "w.safetensors", "--out", "/dev/null/nonexistent"],
        2,
        &["/dev/null/nonexistent", "--out"],
    );
}

#[test]
fn invalid_values_are_refused_with_exit_code_2_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let smoke =
        ["reproduce", "--profile", "smoke", "--only", "fc-lambda-sweep", "--out", out.to_str().unwrap()];
    for (more, words) in [
        (["-s", "lambdas=[]"], ["`lambdas`", "empty"]),
        (["-s", "lambdas=[0, 2]"], ["`learner.lambda` is 2", "from 0 to 1"]),
        (["-s", "lambdas=[1, 0]"], ["0 after 1", "ascending"]),
        (
            ["-s", "families.*.members.*.learner.lambda=1"],
            ["`families.0.members.0.learner`", "which `lambdas` sets for every run"],
        ),
        (["-s", "seeds=[]"], ["`seeds`", "empty"]),
        (["-s", "seeds=[3, 3]"], ["`seeds`", "3 twice"]),
        (["-s", "families.*.data=[]"], ["`families.0.data`", "empty"]),
        (["-s", "families.*.batch=0"], ["`batch` is 0", "from 1"]),
        (["-s", "families.*.optimiser.learning_rate=-1"], ["`optimiser.learning_rate` is -1", "above 0"]),
        (["--jobs", "0"], ["--jobs", "at least 1"]),
        (["--jobs", "-1"], ["--jobs", "at least 1"]),
        (["--together", "0"], ["--together", "at least 1"]),
        (["--together", "2"], ["`--together` requires a GPU", "`--jobs`"]),
        (["--data", "/dev/null/nonexistent"], ["/dev/null/nonexistent", "no such folder"]),
        (["--rounds", "2"], ["`--rounds`", "--engine slurm"]),
        (["--seconds-per-run", "0"], ["--seconds-per-run", "above 0"]),
    ] {
        refused(&[&smoke[..], &more].concat(), 2, &words);
    }
    assert!(!out.exists());
}

fn printed(arguments: &[&str]) -> String {
    let output = agon(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "colours for a program: {text}");
    text
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&printed(&[arguments, &["--json"]].concat())).unwrap()
}

#[test]
fn text_and_json_lists_have_the_same_entries() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("out");
    let missing = missing.to_str().unwrap();
    for arguments in [&["list"][..], &["data", "list"]] {
        let text = printed(arguments);
        let entries = json(arguments);
        assert!(!entries.as_array().unwrap().is_empty());
        for entry in entries.as_array().unwrap() {
            assert!(text.contains(entry["name"].as_str().unwrap()), "{entry}");
        }
    }
    assert_eq!(json(&["runs", "--out", missing])["runs"], serde_json::json!([]));
    let verified = json(&["data", "verify", "fashion-mnist-embedded"]);
    assert_eq!(
        (&verified[0]["verdict"], &verified[0]["train"]["images"]),
        (&"published".into(), &6_000.into())
    );
    let plan = ["plan", "--profile", "smoke", "--only", "fc-lambda-sweep", "--out", missing];
    let planned = json(&plan);
    assert_eq!(planned["experiments"][0]["name"], "fc-lambda-sweep");
    assert!(
        planned["experiments"][0]["runs"].as_u64().unwrap() > 0 && planned["seconds"].as_f64().unwrap() > 0.0
    );
    assert!(printed(&plan).contains("of training"));
}

#[test]
fn an_unwritable_folder_fails_the_doctor_and_all_other_checks_are_printed() {
    let output = agon(&["doctor", "--out", "/dev/null/here"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("problem  results folder") && text.contains("ok       HDF5"), "{text}");
}

#[test]
fn the_embedded_set_is_verified() {
    let text = printed(&["data", "verify", "fashion-mnist-embedded"]);
    assert!(
        text.contains("6000 images of 1 x 28 x 28") && text.contains("embedded in this program"),
        "{text}"
    );
}

#[test]
fn an_unwritable_folder_is_a_failure_that_names_it() {
    refused(&["reproduce", "--profile", "smoke", "--out", "/dev/null/here"], 1, &["/dev/null/here"]);
}

#[test]
fn missing_data_are_reported_as_not_run_with_the_searched_folders() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = ["reproduce", "--profile", "smoke", "--only", "cnn-l-lambda-sweep", "--out"];
    let output = agon(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--data"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("not run") && printed.contains("CIFAR-10"), "{printed}");
}

#[test]
fn a_truncated_data_file_is_a_failure_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let sets = folder.path().join("mnist");
    std::fs::create_dir(&sets).unwrap();
    for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
        std::fs::write(sets.join(name), [0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 28, 1, 2, 3]).unwrap();
    }
    for name in ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"] {
        std::fs::write(sets.join(name), [0, 0, 8, 1, 0, 0, 0, 1, 5]).unwrap();
    }
    let data = r#"families.*.data=[{name = "mnist", train = 100, validation = 10, test = 10}]"#;
    let (out, sets) = (folder.path().join("out"), folder.path().to_str().unwrap().to_owned());
    let out = out.to_str().unwrap();
    let only = "fc-lambda-sweep";
    let arguments =
        ["reproduce", "--profile", "smoke", "--only", only, "--out", out, "--data", &sets, "-s", data];
    refused(&arguments, 1, &["train-images-idx3-ubyte"]);
}

fn smoke(out: &Path, jobs: &str) -> Output {
    let small =
        r#"families.*.data=[{name = "fashion-mnist-embedded", train = 300, validation = 50, test = 100}]"#;
    let (only, out) = ("fc-lambda-sweep", out.to_str().unwrap());
    let smoke =
        ["reproduce", "--profile", "smoke", "--only", only, "--out", out, "--jobs", jobs, "-s", small];
    agon(&[&smoke[..], &["--keep-parameters"]].concat())
}

#[test]
fn a_smoke_run_writes_all_outputs_and_a_second_one_computes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let first = smoke(&out, "2");
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(String::from_utf8_lossy(&first.stdout).contains("images/s"));
    let sweep = out.join("smoke/fc-lambda-sweep");
    for name in ["fc-lambda-sweep.h5", "fc-trade-off-0.svg", "fc-trade-off-0.png", "fc-latent-0.png"] {
        assert!(sweep.join(name).is_file(), "{name} is missing");
    }
    let page = std::fs::read_to_string(out.join("smoke/index.html")).unwrap();
    assert!(page.contains("fc-lambda-sweep") && page.contains("undecided"));

    // The stored runs and results can be listed, inspected and exported.
    let (out_text, file) = (out.to_str().unwrap(), folder.path().join("w.safetensors"));
    let runs = json(&["runs", "--out", out_text]);
    let run = &runs["runs"][0];
    assert_eq!((&run["state"], &run["data"]), (&"finished".into(), &"fashion-mnist-embedded".into()));
    let key = run["key"].as_str().unwrap();
    assert!(printed(&["runs", "--each", "--out", out_text]).contains(key));
    printed(&["export", key, file.to_str().unwrap(), "--out", out_text]);
    assert!(models::weights::read(&file).unwrap().contains_key("encoder.0.weight"));
    let results = json(&["inspect", sweep.join("fc-lambda-sweep.h5").to_str().unwrap()]);
    assert!(results["dimensions"].as_array().unwrap().iter().any(|axis| axis["name"] == "lambda"));

    let svg = std::fs::read(sweep.join("fc-trade-off-0.svg")).unwrap();
    let second = smoke(&out, "1");
    assert_eq!(second.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&second.stdout).contains("images/s"), "runs were computed twice");
    assert_eq!(svg, std::fs::read(sweep.join("fc-trade-off-0.svg")).unwrap());

    // Figures can be redrawn from stored results without data.
    std::fs::remove_file(sweep.join("fc-trade-off-0.svg")).unwrap();
    let drawn = agon(&["draw", "--profile", "smoke", "--out", out.to_str().unwrap()]);
    assert_eq!(drawn.status.code(), Some(0), "{}", String::from_utf8_lossy(&drawn.stderr));
    assert_eq!(svg, std::fs::read(sweep.join("fc-trade-off-0.svg")).unwrap());

    // Another folder and another number of jobs give the same bits.
    let other = folder.path().join("other");
    smoke(&other, "1");
    assert_eq!(svg, std::fs::read(other.join("smoke/fc-lambda-sweep/fc-trade-off-0.svg")).unwrap());
}

#[test]
fn a_foreign_or_truncated_results_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.h5");
    for bytes in [&b"not an HDF5 file"[..], &[0x89, b'H', b'D', b'F', 0x0d, 0x0a, 0x1a, 0x0a, 1, 2]] {
        std::fs::write(&file, bytes).unwrap();
        let message = runs::store::read_results(&file).unwrap_err().to_string();
        assert!(message.contains("results.h5"), "{message}");
    }
}
