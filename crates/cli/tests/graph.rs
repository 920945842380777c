//! Tests of `agon graph`: a page, a drawing and DOT of one training step, a table without files, and refusals.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

/// The exit code, standard output and standard error of `agon graph` on the embedded images.
fn graph(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    // Data sets of this machine must not be found.
    let output = Command::new(env!("CARGO_BIN_EXE_agon"))
        .arg("graph")
        .args(arguments)
        .current_dir(folder)
        .env_remove("AGON_DATA")
        .env("HOME", "/dev/null/nonexistent")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap();
    let [printed, notes] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), printed, notes)
}

#[test]
fn one_training_step_is_drawn_with_both_heads_and_all_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let step = ["--model", "fc-s", "lambda=0.5", "batch=20"];
    let files = ["--html", "step.html", "--svg", "step.svg", "--dot", "step.dot"];
    let (code, printed, notes) = graph(folder, &[&step[..], &files].concat());
    assert_eq!((code, printed.lines().count()), (Some(0), 3), "{notes}");
    let [html, svg, dot] =
        ["step.html", "step.svg", "step.dot"].map(|file| std::fs::read_to_string(folder.join(file)).unwrap());
    for name in ["split", "mse", "softmax_cross_entropy", "encoder.", "decoder.", "classifier."] {
        assert!([&html, &svg, &dot].iter().all(|text| text.contains(name)), "{name}");
    }
    assert!(html.contains("One training step of") && html.contains("λ = 0.5, batch 20"));
    assert!(printed.contains(&format!("{} edges", dot.matches(" -> ").count())), "{printed}");
    let (code, table, _) = graph(folder, &step);
    assert_eq!(code, Some(0));
    // The table starts with a title, an empty line and a header.
    assert_eq!(table.lines().count(), 3 + dot.matches("label=").count(), "{table}");
    let parameters = table.lines().filter(|line| line.contains(".weight ") || line.contains(".bias "));
    let norms: Vec<f64> =
        parameters.map(|line| line.split_whitespace().last().unwrap().parse().unwrap()).collect();
    assert!(norms.len() >= 6 && norms.iter().all(|norm| *norm > 0.0), "{table}");
}

/// A drawing without its last column, whose last digits may differ between CPUs.
fn without_norms(svg: &str) -> String {
    svg.lines().filter(|line| !line.contains("class=\"norm\"")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_picture_in_the_book_equals_the_drawing_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, notes) =
        graph(folder.path(), &["--model", "fc-s", "lambda=0.5", "batch=32", "--svg", "step.svg"]);
    assert_eq!(code, Some(0), "{notes}");
    let drawn = std::fs::read_to_string(folder.path().join("step.svg")).unwrap();
    let of_the_book = include_str!("../../../book/pictures/step.svg");
    assert!(
        without_norms(&drawn) == without_norms(of_the_book),
        "run `agon graph --model fc-s lambda=0.5 batch=32 --svg book/pictures/step.svg`"
    );
}

#[test]
fn models_that_cannot_be_drawn_are_refused_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&["--model", "fc-q"][..], &["fc-q", "fc-m"][..]),
        (&["lambda=2"], &["`learner.lambda` is 2", "from 0 to 1"]),
        (&["lamda=0.5"], &["did you mean `lambda`"]),
        (&["learner.labelled=100"], &["omit `mixing` and `labelled`"]),
        (&["--model", "predictive-coding"], &["expected a preset of a CRE", "cnn-s"]),
        (&["batch=100000"], &["batch"]),
    ] {
        let (code, _, notes) = graph(folder.path(), arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {notes}");
        assert!(words.iter().all(|word| notes.contains(word)), "{arguments:?}: {notes}");
    }
    let (code, _, notes) = graph(folder.path(), &["--model", "fc-s", "--html", "no/folder/step.html"]);
    assert!(code == Some(1) && notes.contains("no/folder/step.html"), "{notes}");
}
