//! Tests that the intervals quoted in README and book are those of the committed verdicts.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use runs::store::{Coordinates, Values, read_results};

/// The pages whose intervals are all rows of a table of verdicts.
const PAGES: [&str; 3] = ["README.md", "book/findings.md", "book/ten-questions.md"];

/// A value with the ends of its interval, and the number of decimals with which each is written.
#[derive(Debug)]
struct Quoted {
    values: [f64; 3],
    decimals: [usize; 3],
}

impl Quoted {
    /// Parses a value and the ends of its interval; `None` if one is not a number.
    fn of(parts: [&str; 3]) -> Option<Self> {
        let mut values = [0.0; 3];
        for (value, part) in values.iter_mut().zip(parts) {
            *value = part.parse().ok()?;
        }
        Some(Self {
            values,
            decimals: parts.map(|part| part.split_once('.').map_or(0, |(_, after)| after.len())),
        })
    }

    /// Whether rounding the effect, or the same effect with the opposite sign, gives what is written.
    fn is(&self, [value, low, high]: [f64; 3]) -> bool {
        [[value, low, high], [-value, -high, -low]].iter().any(|effect| {
            let parts = effect.iter().zip(self.values).zip(self.decimals);
            // Half a unit of the last decimal; the table itself has four digits.
            parts.into_iter().all(|((effect, written), decimals)| {
                (effect - written).abs() <= 0.5001 * 0.1_f64.powi(decimals as i32)
            })
        })
    }
}

/// Everything of the form `1.3 points [0.4, 2.2]` in prose; code blocks are left out.
fn quoted(text: &str) -> Vec<Quoted> {
    let prose: String = text.split("```").step_by(2).collect();
    let is_number = |c: char| c.is_ascii_digit() || "+-.".contains(c);
    let mut found = Vec::new();
    for (at, _) in prose.match_indices('[') {
        let Some((inside, _)) = prose[at + 1..].split_once(']') else { continue };
        let Some((low, high)) = inside.split_once(", ") else { continue };
        // The value is the last number before the bracket, after any other bracket or separator.
        let before = prose[..at].rsplit(['[', ']', '(', '|', ';']).next().unwrap();
        let number = before.rsplit(|c: char| !is_number(c)).find(|part| part.parse::<f64>().is_ok());
        found.extend(number.and_then(|number| Quoted::of([number, low, high])));
    }
    found
}

/// The effects of all rows, and those written in their reasons.
fn effects(file: &Path) -> Vec<[f64; 3]> {
    let table = read_results(file).unwrap();
    let column = |name: &str| match &table.variables[name].values {
        Values::F64(values) => values.clone(),
        other => panic!("{name} is {other:?}"),
    };
    let [effect, low, high] = ["effect", "low", "high"].map(column);
    let mut all: Vec<[f64; 3]> = (0..effect.len()).map(|row| [effect[row], low[row], high[row]]).collect();
    let Coordinates::Texts(reasons) = &table.dimensions["reason"].coordinates else {
        panic!("the reasons are no texts")
    };
    all.extend(reasons.iter().flat_map(|reason| quoted(reason)).map(|quoted| quoted.values));
    all
}

#[test]
fn every_quoted_interval_is_one_of_a_verdict() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tables = fs::read_dir(repository.join("results")).unwrap();
    let tables = tables.map(|profile| profile.unwrap().path().join("verdicts.h5"));
    let effects: Vec<[f64; 3]> = tables.flat_map(|table| effects(&table)).collect();
    let mut count = 0;
    let mut missing = Vec::new();
    for page in PAGES {
        for quoted in quoted(&fs::read_to_string(repository.join(page)).unwrap()) {
            count += 1;
            if !effects.iter().any(|&effect| quoted.is(effect)) {
                missing.push(format!("{page}: {:?}", quoted.values));
            }
        }
    }
    assert!(missing.is_empty(), "no verdict has {missing:#?}");
    assert!(count > 80, "only {count} intervals were found");
}

#[test]
fn an_interval_is_found_with_its_number_and_compared_by_its_digits() {
    let found = quoted(
        "a gain of -0.5 % MSE [-2.5, +1.5], by ridge 1 point [0.4, 2.2]; see [here](there), `x [1, b]`",
    );
    assert_eq!(
        found.iter().map(|quoted| quoted.values).collect::<Vec<_>>(),
        [[-0.5, -2.5, 1.5], [1.0, 0.4, 2.2]]
    );
    assert!(found[0].is([-0.5224, -2.512, 1.4674]) && !found[0].is([-0.5224, -2.512, 1.37]));
    assert!(
        found[0].is([0.5224, -1.4674, 2.512])
            && found[1].is([1.4, 0.41, 2.18])
            && !found[1].is([1.6, 0.41, 2.18])
    );
}
