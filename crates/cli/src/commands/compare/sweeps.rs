//! Compares two sweeps, combination by combination.

use std::collections::BTreeMap;

use super::super::differences::differences;
use super::{Comparison, Moved};
use experiments::preset_sweep::{Swept, SweptCell, paired};

/// The comparison of the combinations that both sweeps have.
pub(super) fn compare(a: &Swept, b: &Swept) -> Comparison {
    let common: Vec<&String> = a.varied.iter().filter(|key| b.varied.contains(key)).collect();
    let mut comparison = Comparison {
        a: format!("{}: {}", a.name, a.title()),
        b: format!("{}: {}", b.name, b.title()),
        config: vec![],
        values: vec![],
        only_in_a: vec![],
        only_in_b: vec![],
        equal: 0,
        shown: usize::MAX,
        note: "differences are paired by seed; the 95 % intervals are not adjusted for multiple comparisons"
            .into(),
    };
    let at = |sweep: &Swept, cell: &SweptCell| {
        let value = |key: &&String| {
            let place = sweep.varied.iter().position(|other| other == *key)?;
            Some(format!("{key} = {}", cell.values[place]))
        };
        common.iter().filter_map(value).collect::<Vec<String>>().join(", ")
    };
    let [of_a, of_b] = [a, b].map(|sweep| {
        let mut cells: BTreeMap<String, Vec<&SweptCell>> = BTreeMap::new();
        for cell in &sweep.cells {
            cells.entry(at(sweep, cell)).or_default().push(cell);
        }
        cells
    });
    for (place, cells) in &of_a {
        let ([one], Some([other])) = (&cells[..], of_b.get(place).map(|cells| &cells[..])) else {
            comparison.only_in_a.extend(cells.iter().map(|cell| cell.label.clone()));
            continue;
        };
        for of in differences(&one.config, &other.config) {
            if !comparison.config.contains(&of) {
                comparison.config.push(of);
            }
        }
        for (quantity, estimate) in paired((a, one), (b, other)) {
            let of = estimate.interval;
            comparison.values.push(Moved {
                name: quantity.with_unit(),
                at: place.clone(),
                a: one.mean(quantity).map(|mean| mean.mean),
                b: other.mean(quantity).map(|mean| mean.mean),
                change: Some(of.mean),
                interval: (of.low.is_finite() && of.high.is_finite()).then_some([of.low, of.high]),
                n: estimate.n_seeds,
            });
        }
    }
    let matched = |place: &String, cells: &[&SweptCell]| {
        cells.len() == 1 && of_a.get(place).is_some_and(|cells| cells.len() == 1)
    };
    for (_, cells) in of_b.iter().filter(|(place, cells)| !matched(place, cells)) {
        comparison.only_in_b.extend(cells.iter().map(|cell| cell.label.clone()));
    }
    comparison
}
