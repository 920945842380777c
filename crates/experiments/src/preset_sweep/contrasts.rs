//! Paired differences between the cells of a sweep.

use serde::{Deserialize, Serialize};

use super::{QUANTITIES, Quantity, SweptCell};
use crate::statistics::estimate::Estimate;
use crate::statistics::rules::{ENOUGH_SEEDS, LEVEL};

/// The difference between two values of one key, with all other keys equal.
///
/// The interval is that of Student's t at the level `1 - 0.05 / m`, with m differences of the same quantity in the sweep
/// (Bonferroni): the probability that any of the m intervals misses its true difference is at most 5 %.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// The name of the quantity.
    pub quantity: String,
    /// The key whose value differs.
    pub key: String,
    /// The value that is subtracted.
    pub from: String,
    /// The value that it is subtracted from.
    pub to: String,
    /// The other keys and their values in words; empty if there are none.
    pub at: String,
    /// The mean of the paired differences, in points for an accuracy.
    pub effect: f64,
    /// The ends of its interval; `None` for one seed, whose interval is unbounded.
    pub interval: Option<[f64; 2]>,
    /// The level of the interval.
    pub level: f64,
    /// The number of pairs.
    pub n_seeds: usize,
    /// The unit of resampling of the standard error.
    pub resampled: String,
}

impl Contrast {
    /// The quantity.
    pub fn quantity(&self) -> Option<&'static Quantity> {
        QUANTITIES.iter().find(|quantity| quantity.name == self.quantity)
    }

    /// Whether there are enough seeds and the interval excludes 0.
    pub fn differs(&self) -> bool {
        self.n_seeds >= ENOUGH_SEEDS && self.interval.is_some_and(|[low, high]| low > 0.0 || high < 0.0)
    }

    /// The difference with its interval and its unit.
    pub fn words(&self) -> String {
        let [effect, interval, unit] = self.parts();
        [effect, interval, unit].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The difference, its interval in brackets, which may be empty, and its unit, which may be empty.
    pub(super) fn parts(&self) -> [String; 3] {
        let unit = self.quantity().map_or("", |quantity| quantity.unit_of_differences);
        let decimals = if unit == "points" { 1 } else { 4 };
        let interval = self
            .interval
            .map_or(String::new(), |[low, high]| format!("[{low:+.decimals$}, {high:+.decimals$}]"));
        [format!("{:+.decimals$}", self.effect), interval, unit.to_owned()]
    }

    /// `lambda: 0 → 0.5 at latent = 8`
    pub fn change(&self) -> String {
        let at = if self.at.is_empty() { String::new() } else { format!(" at {}", self.at) };
        format!("{}: {} → {}{at}", self.key, self.from, self.to)
    }
}

/// Returns the correctness bits of a cell, seed and quantity: whether each test image is classified correctly.
pub(super) type Correct<'a> = &'a dyn Fn(usize, usize, &Quantity) -> Option<Vec<bool>>;

/// Whether two cells have the same test images.
pub(super) type SameImages<'a> = &'a dyn Fn(usize, usize) -> bool;

/// All differences from the first value of each key.
pub(super) fn of(
    varied: &[String],
    cells: &[SweptCell],
    correct: Correct<'_>,
    same_images: SameImages<'_>,
) -> Vec<Contrast> {
    let mut all = vec![];
    for quantity in &QUANTITIES {
        let mut found: Vec<(Contrast, Estimate)> = vec![];
        for (key, name) in varied.iter().enumerate() {
            for (to, cell) in cells.iter().enumerate() {
                // The first cell with the same other values has the first value of this key.
                let agree = |other: &SweptCell| {
                    (0..varied.len()).all(|at| at == key || other.values[at] == cell.values[at])
                };
                let Some(from) = cells.iter().position(agree).filter(|from| *from != to) else { continue };
                let bits = |cell: usize, seed: usize| {
                    same_images(from, to).then(|| correct(cell, seed, quantity)).flatten()
                };
                let Some(estimate) = estimate(quantity, [from, to].map(|at| &cells[at]), &|side, seed| {
                    bits([from, to][side], seed)
                }) else {
                    continue;
                };
                let others = (0..varied.len()).filter(|at| *at != key);
                let at: Vec<String> =
                    others.map(|at| format!("{} = {}", varied[at], cell.values[at])).collect();
                let contrast = Contrast {
                    quantity: quantity.name.into(),
                    key: name.clone(),
                    from: cells[from].values[key].clone(),
                    to: cell.values[key].clone(),
                    at: at.join(", "),
                    effect: quantity.factor * estimate.effect,
                    interval: None,
                    level: LEVEL,
                    n_seeds: estimate.n_seeds,
                    resampled: estimate.resampled().into(),
                };
                found.push((contrast, estimate));
            }
        }
        let level = 1.0 - (1.0 - LEVEL) / found.len().max(1) as f64;
        all.extend(found.into_iter().map(|(contrast, estimate)| {
            let of = estimate.interval(level).times(quantity.factor);
            let interval = (of.low.is_finite() && of.high.is_finite()).then_some([of.low, of.high]);
            Contrast { interval, level, ..contrast }
        }));
    }
    all
}

/// The difference of two cells over the seeds that both have; also over test images if every run has correctness bits.
pub(crate) fn estimate(
    quantity: &Quantity,
    cells: [&SweptCell; 2],
    bits: &dyn Fn(usize, usize) -> Option<Vec<bool>>,
) -> Option<Estimate> {
    let [from, to] = cells.map(|cell| cell.values_by_seed.get(quantity.name));
    let (from, to) = (from?, to?);
    let paired: Vec<(usize, f64)> = from
        .iter()
        .zip(to)
        .enumerate()
        .filter_map(|(seed, (from, to))| Some((seed, (*to)? - (*from)?)))
        .collect();
    if paired.is_empty() {
        return None;
    }
    let by_image: Option<Vec<Vec<f64>>> = paired
        .iter()
        .map(|&(seed, difference)| {
            let (from, to) = (bits(0, seed)?, bits(1, seed)?);
            let of = |(from, to): (&bool, &bool)| f64::from(u8::from(*to)) - f64::from(u8::from(*from));
            let values: Vec<f64> = from.iter().zip(&to).map(of).collect();
            // Bits whose mean is not the difference of the accuracies belong to other images.
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (from.len() == to.len() && (mean - difference).abs() < 1e-6).then_some(values)
        })
        .collect();
    Some(match by_image {
        Some(values) => Estimate::of_seeds_and_images(&values),
        None => Estimate::of_seeds(&paired.iter().map(|(_, difference)| *difference).collect::<Vec<f64>>()),
    })
}
