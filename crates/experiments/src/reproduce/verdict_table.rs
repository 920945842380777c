//! The verdicts as labelled columns of a results file, beside the CSV with the same columns.

use std::path::Path;

use report::{Conclusion, Effect, Kind, Verdict, table};

use crate::claim_id::ClaimId;
use crate::claims;
use crate::error::Result;
use runs::store::{Coordinates, Dimension, Results, Values, Variable, read_results};

/// The name of the table in the folder of a profile.
pub(super) const FILE: &str = "verdicts.h5";

/// Numeric columns over the rows: name, description, and the value, NaN where there is none.
type Column = (&'static str, &'static str, fn(&Effect) -> f64);

const NUMBERS: [Column; 4] = [
    ("effect", "the contrast that decides the verdict, in the unit of its row", |effect| effect.value),
    ("low", "lower end of its interval", |effect| effect.low),
    ("high", "upper end of its interval", |effect| effect.high),
    ("margin", "what the claim needs the interval to be beyond", |effect| effect.margin),
];

/// The table as results: a numeric column is a variable over `row`, a text column an axis with one text for each row.
pub(super) fn columns(rows: &[Verdict]) -> Results {
    let mut results = Results { title: "Verdicts".into(), ..Results::default() };
    let mut axis = |name: &str, description: &str, coordinates| {
        let dimension = Dimension { description: description.into(), unit: String::new(), coordinates };
        results.dimensions.insert(name.into(), dimension);
    };
    axis(
        "row",
        "verdicts, in the order of the page",
        Coordinates::Integers((0..rows.len() as u64).collect()),
    );
    let texts: Vec<[String; table::COLUMNS.len()]> = rows.iter().map(table::columns).collect();
    for (place, name) in table::COLUMNS.iter().enumerate().filter(|(_, name)| !is_number(name)) {
        let column = texts.iter().map(|row| row[place].clone()).collect();
        axis(&name.replace(' ', "_"), "one text for each row", Coordinates::Texts(column));
    }
    let mut number = |name: &str, description: &str, values| {
        let (dimensions, unit) = (vec!["row".to_owned()], "1".to_owned());
        let variable = Variable { dimensions, description: description.into(), unit, values };
        results.variables.insert(name.into(), variable);
    };
    for (name, description, value) in NUMBERS {
        let of = |row: &Verdict| row.effect.as_ref().map_or(f64::NAN, value);
        number(name, description, Values::F64(rows.iter().map(of).collect()));
    }
    let counts =
        |count: fn(&Verdict) -> usize| Values::U64(rows.iter().map(|row| count(row) as u64).collect());
    number("n_seeds", "seeds behind it, or cases where nothing is trained", counts(|row| row.n));
    number("n_images", "test images behind it", counts(|row| row.n_images));
    results
}

/// The rows of the table in a folder that are not made from results: fact A13, and missing data sets.
///
/// # Errors
/// If there is a table and it cannot be read.
pub(super) fn of_runs(folder: &Path) -> Result<Vec<Verdict>> {
    let file = folder.join(FILE);
    if !file.exists() {
        return Ok(vec![]);
    }
    let mut rows = rows(&read_results(&file)?);
    let is_experiment = |name: &str| claims::ALL.iter().any(|one| one.info().name == name);
    rows.retain(|row| row.source == ClaimId::A13.to_string() || is_experiment(&row.source));
    Ok(rows)
}

/// The rows of a table without their effects; a missing column is empty.
fn rows(results: &Results) -> Vec<Verdict> {
    let texts = |name: &str| match results.dimensions.get(name).map(|dimension| &dimension.coordinates) {
        Some(Coordinates::Texts(texts)) => texts.as_slice(),
        _ => &[],
    };
    let counts = |name: &str| match results.variables.get(name).map(|variable| &variable.values) {
        Some(Values::U64(counts)) => counts.as_slice(),
        _ => &[],
    };
    let row = |at: usize| {
        let text = |name: &str| texts(name).get(at).cloned().unwrap_or_default();
        let count = |name: &str| counts(name).get(at).map_or(0, |&n| n as usize);
        let [kind, conclusion] = [text("kind"), text("verdict")];
        let kinds = [Kind::Claim, Kind::Guard, Kind::Exact];
        Verdict {
            source: text("claim_id"),
            claim: text("title"),
            data: text("data_set"),
            model: text("model"),
            reader: text("reader"),
            kind: kinds.into_iter().find(|one| one.words() == kind).unwrap_or_default(),
            expected: text("expected"),
            got: text("reason"),
            effect: None,
            tests: vec![],
            n: count("n_seeds"),
            n_images: count("n_images"),
            same_as: Some(text("same_runs_as")).filter(|name| !name.is_empty()),
            conclusion: Conclusion::ALL.into_iter().find(|one| one.words() == conclusion).unwrap_or_default(),
        }
    };
    (0..texts("claim_id").len()).map(row).collect()
}

/// Whether a column of the CSV is one of numbers.
fn is_number(name: &str) -> bool {
    ["n seeds", "n images"].contains(&name) || NUMBERS.iter().any(|(number, ..)| *number == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runs::store::write_results;

    #[test]
    fn every_column_of_the_csv_is_read_back() {
        let effect = Effect {
            quantity: "gap".into(),
            value: 1.0,
            low: 0.5,
            high: f64::INFINITY,
            margin: 0.0,
            unit: "points".into(),
            resampled: "seeds",
        };
        let one = Verdict { source: "C8".into(), effect: Some(effect), n: 3, ..Verdict::default() };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("verdicts.h5");
        let not_run =
            Verdict { source: "pca-images".into(), got: "not here".into(), n: 2, ..Verdict::default() };
        write_results(&file, &columns(&[one, Verdict::default(), not_run.clone()])).unwrap();
        assert_eq!(of_runs(folder.path()).unwrap(), [not_run]);
        let read = read_results(&file).unwrap();
        for name in table::COLUMNS {
            let name = name.replace(' ', "_");
            assert!(read.dimensions.contains_key(&name) || read.variables.contains_key(&name), "{name}");
        }
        assert_eq!(read.variables["n_seeds"].values, Values::U64(vec![3, 0, 2]));
        assert_eq!(
            read.dimensions["claim_id"].coordinates,
            Coordinates::Texts(vec!["C8".into(), String::new(), "pca-images".into()])
        );
    }
}
