//! Runs the example `plot_from_hdf5`, which `cargo test` has built, on committed results.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_example_draws_a_variable_and_lists_the_names_if_one_is_unknown() {
    let this = env::current_exe().unwrap();
    let program = this.parent().unwrap().with_file_name("examples").join("plot_from_hdf5");
    let file = "../../results/standard/fc-lambda-sweep/fc-lambda-sweep.h5";
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("accuracy.svg");
    let run = |variable: &str, axis: &str| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Command::new(&program).current_dir(root).args([file, variable, axis]).arg(&out).output().unwrap()
    };
    assert!(run("test_accuracy", "lambda").status.success());
    let svg = fs::read_to_string(&out).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("lambda"));
    for (variable, axis) in [("tset_accuracy", "lambda"), ("test_accuracy", "latitude")] {
        let refused = run(variable, axis);
        let message = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && message.contains("expected one of"), "{message}");
    }
}
