//! Tests that experiments that were not run and the smoke profile get no verdict.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use runs::store::{Results, Values, read_results};

const SMALL: &str =
    r#"families.*.data=[{name = "fashion-mnist-embedded", train = 100, validation = 20, test = 40}]"#;

/// The lines of the verdicts of a smoke run, and the results of the first experiment.
fn smoke(out: &Path, only: &[&str], settings: &[&str]) -> (Vec<String>, Results) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agon"));
    command.args(["reproduce", "--profile", "smoke", "--jobs", "2", "--out"]).arg(out);
    for name in only {
        command.args(["--only", name]);
    }
    for setting in settings {
        command.args(["-s", setting]);
    }
    let output = command.env_remove("AGON_DATA").env("HOME", "/dev/null/nonexistent").output().unwrap();
    assert!(output.status.success(), "{settings:?}: {}", String::from_utf8_lossy(&output.stderr));
    let verdicts = std::fs::read_to_string(out.join("smoke/verdicts.csv")).unwrap();
    let file = out.join("smoke").join(only[0]).join(format!("{}.h5", only[0]));
    (verdicts.lines().skip(1).map(str::to_owned).collect(), read_results(&file).unwrap())
}

#[test]
fn a_sweep_without_its_end_points_has_no_trade_off() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [SMALL, "lambdas=[0.4, 0.5]", "seeds=[0, 1, 2]"];
    let (verdicts, results) = smoke(folder.path(), &["fc-lambda-sweep"], &settings);
    for line in verdicts.iter().filter(|line| line.contains("MSE(0)") || line.contains("S_r")) {
        // Latent sizes missing from the smoke grid are named first.
        let named = ["the grid has no λ = 0 and no λ = 1", "the grid has no latent size k = 64"];
        assert!(named.iter().any(|missing| line.contains(missing)) && line.contains(",not run,"), "{line}");
    }
    assert!(verdicts.iter().filter(|line| line.contains(",not run,")).count() >= 8, "{verdicts:?}");
    let decided = |line: &&String| line.contains(",holds,") || line.contains(",does not hold,");
    assert_eq!(verdicts.iter().find(decided), None);
    for (name, _) in experiments::measures::TRADE_OFFS {
        let Values::F64(values) = &results.variables[name.as_str()].values else {
            panic!("{name} is no array of f64")
        };
        assert!(values.iter().all(|value| value.is_nan()), "{name}: {values:?}");
    }
}

#[test]
fn the_smoke_profile_decides_no_claim_and_checks_exact_facts() {
    let folder = tempfile::tempdir().unwrap();
    let only = ["fc-lambda-sweep", "linear-cre", "linear-optimum", "pca-images"];
    let (verdicts, _) = smoke(folder.path(), &only[..1], &[SMALL, "seeds=[0, 1, 2]"]);
    let (others, _) = smoke(folder.path(), &only[1..], &[]);
    let verdicts = [verdicts, others].concat();
    let count = |end: &str| verdicts.iter().filter(|line| line.contains(end)).count();
    assert_eq!((count(",holds,"), count(",does not hold,")), (0, 0), "{verdicts:#?}");
    assert!(count(",undecided,") > 8 && count(",exact,") > 3, "{verdicts:#?}");
    // After few steps the verdict is undecided, not missing.
    for source in ["A5,", "T13,"] {
        let line = verdicts.iter().find(|line| line.starts_with(source)).unwrap();
        assert!(line.contains(",undecided,"), "{line}");
    }
}
