//! Results as printed, and files that are not results.

use std::collections::BTreeMap;

use super::*;
use runs::store::{Dimension, Values, write_results};

fn results() -> Results {
    let dimension =
        |unit: &str, coordinates| Dimension { description: "an axis".into(), unit: unit.into(), coordinates };
    let variable = |dimensions: &[&str], values| Variable {
        dimensions: dimensions.iter().map(|&name| name.into()).collect(),
        description: "measured".into(),
        unit: "1".into(),
        values,
    };
    let models = ["FC-S", "FC-M", "FC-L", "CNN-S", "CNN-L"].map(String::from).to_vec();
    Results {
        title: "a sweep".into(),
        attributes: BTreeMap::from([("config".into(), "é".repeat(200))]),
        provenance: BTreeMap::from([("commit".into(), "0123abc".into())]),
        dimensions: BTreeMap::from([
            ("lambda".into(), dimension("1", Coordinates::Numbers(vec![1.0, 0.0, 0.25]))),
            ("model".into(), dimension("", Coordinates::Texts(models))),
            ("nobody".into(), dimension("1", Coordinates::Numbers(vec![]))),
            ("seed".into(), dimension("1", Coordinates::Integers(vec![u64::MAX, (1 << 53) + 1]))),
        ]),
        variables: BTreeMap::from([
            ("loss".into(), variable(&["lambda"], Values::F64(vec![1.0, f64::NAN, 2.0]))),
            ("labels".into(), variable(&["model"], Values::U32(vec![0, 1, 2, 3, 4]))),
            ("nothing".into(), variable(&["nobody"], Values::F32(vec![]))),
            ("one".into(), variable(&[], Values::F32(vec![0.5]))),
        ]),
    }
}

#[test]
fn axes_are_printed_with_their_range_and_arrays_with_statistics() {
    let text = Inspected::new(&results(), None).unwrap().text();
    let line = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(text.lines().next(), Some("a sweep"));
    assert_eq!(line("lambda"), "lambda 3 0 to 1 1 an axis");
    assert_eq!(line("model"), "model 5 FC-S, FC-M, FC-L, CNN-S, … an axis");
    assert_eq!(line("nobody"), "nobody 0 none 1 an axis");
    assert_eq!(line("seed"), "seed 2 9007199254740993 to 18446744073709551615 1 an axis");
    assert_eq!(line("loss"), "loss lambda 1 1 of 3 1 1.5000 2 measured");
    assert_eq!(line("labels"), "labels model 1 0 0 2 4 measured");
    assert_eq!(line("nothing"), "nothing nobody 1 0 - - - measured");
    assert_eq!(line("one"), "one (scalar) 1 0 0.5000 0.5000 0.5000 measured");
    assert_eq!(line("config"), format!("config {}…", "é".repeat(SHORT)));
    assert_eq!(line("commit"), "commit 0123abc");
}

#[test]
fn json_has_the_same_content_with_null_for_missing_statistics() {
    let json = serde_json::to_value(Inspected::new(&results(), None).unwrap()).unwrap();
    let loss =
        json["variables"].as_array().unwrap().iter().find(|variable| variable["name"] == "loss").unwrap();
    assert_eq!((&loss["nan"], &loss["shape"]), (&1.into(), &serde_json::json!([3])));
    assert_eq!(loss["spread"], serde_json::json!([1.0, 1.5, 2.0]));
    let nothing =
        json["variables"].as_array().unwrap().iter().find(|variable| variable["name"] == "nothing").unwrap();
    assert!(nothing["spread"].is_null());
}

#[test]
fn only_results_files_can_be_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |name: &str| Inspected::of(is_there(&folder.path().join(name))?);
    write_results(&folder.path().join("sweep.h5"), &results()).unwrap();
    let inspected = ask("sweep.h5").unwrap();
    let sha256 = inspected.sha256.clone().unwrap();
    assert!(inspected.text().contains(&format!("verified: SHA-256 {sha256}\n")));
    assert!(Inspected::new(&results(), None).unwrap().text().contains("the file has no checksum"));

    let slip = ask("sweap.h5").unwrap_err();
    assert!(
        matches!(slip, Error::Usage(_)) && slip.to_string().contains("did you mean `sweep.h5`"),
        "{slip}"
    );
    let of_folder = ask("").unwrap_err();
    assert!(of_folder.to_string().contains("is a folder"), "{of_folder}");
    std::fs::write(folder.path().join("text.h5"), "no HDF5 at all").unwrap();
    let message = ask("text.h5").unwrap_err().to_string();
    assert!(
        message.contains("text.h5 cannot be read as results: expected a complete HDF5 file"),
        "{message}"
    );
}

#[test]
fn numbers_are_formatted_with_few_digits() {
    let numbers = [0.0, -3.0, 0.123_456, 1e-7, 123_456.7, f64::INFINITY].map(number);
    assert_eq!(numbers, ["0", "-3", "0.1235", "1.000e-7", "1.235e5", "inf"]);
    assert_eq!(short("first\nsecond"), "first…");
}
