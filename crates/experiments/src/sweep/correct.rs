//! The correctness bits of results: which test images each reader classifies correctly, for each run.

use crate::error::Result;
use crate::metric::Metric;
use crate::sweep::collected::{Collected, POINT};
use crate::sweep::curves::Curves;
use crate::sweep::readers::Reader;
use runs::store::{Array, FinishedRun, Values};

/// The axis of the packed bits, least significant first.
const BYTE: &str = "byte";

/// The largest difference between an accuracy and the fraction of its bits: losses and accuracies are stored in 32 bits.
const ROUNDING: f64 = 1e-6;

/// The name of a reader's bits, in runs and in results. A new head is the online head of a run of its own.
fn name(reader: Reader) -> String {
    let reader = if reader == Reader::NewHead { Reader::Online } else { reader };
    format!("correct/{reader}")
}

/// Adds the bits of every reader that some run has; zeros where a run has none.
pub(super) fn collect(collected: &mut Collected<'_>) -> Result<()> {
    let mut all: Vec<(String, Vec<Option<Vec<u8>>>)> = Vec::new();
    for &reader in Reader::ALL.iter().filter(|&&reader| reader != Reader::NewHead) {
        let name = name(reader);
        let mut of_runs = Vec::new();
        collected.each_point(|variant, place| -> Result<()> {
            of_runs.push(collected.run(variant, place).and_then(|run| bits(run, &name)).map(<[u8]>::to_vec));
            Ok(())
        })?;
        if of_runs.iter().any(Option::is_some) {
            all.push((name, of_runs));
        }
    }
    let widths = all.iter().flat_map(|(_, of_runs)| of_runs.iter().flatten().map(Vec::len));
    let Some(width) = widths.max() else { return Ok(()) };
    let bytes: Vec<f64> = (0..width).map(|byte| byte as f64).collect();
    collected.dimension(BYTE, "eight test images, the first in the least significant bit", bytes);
    for (name, of_runs) in all {
        let padded = |bits: Option<Vec<u8>>| {
            let mut bits = bits.unwrap_or_default();
            bits.resize(width, 0);
            bits
        };
        let values = of_runs.into_iter().flat_map(padded).collect();
        let description = "1 for each test image that this reader of the latent classifies correctly";
        collected.add(&name, &[&POINT[..], &[BYTE]].concat(), description, "1", Values::U8(values));
    }
    Ok(())
}

fn bits<'r>(run: &'r FinishedRun, name: &str) -> Option<&'r [u8]> {
    match run.finals.get(name) {
        Some(Array { values: Values::U8(values), .. }) => Some(values),
        _ => None,
    }
}

/// The correctness of a reader at a point, one list of 0 or 1 by image for each seed; `None` for a seed whose bits do not have
/// its accuracy, as for a seed without a run.
pub(super) fn of_point(
    curves: &Curves<'_>,
    (reader, metric): (Reader, Metric),
    point: [usize; 2],
) -> Result<Vec<Option<Vec<f64>>>> {
    let accuracies = curves.by_seed(metric, point)?;
    let Some(bits) = curves.bytes(&name(reader), point) else { return Ok(vec![None; accuracies.len()]) };
    let agree = |bits: &[u8], accuracy: f64| {
        let correct: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
        (f64::from(correct) / curves.n_test as f64 - accuracy).abs() <= ROUNDING
    };
    Ok(bits
        .into_iter()
        .zip(accuracies)
        .map(|(bits, &accuracy)| {
            agree(bits, accuracy).then(|| (0..curves.n_test).map(|image| bit(bits, image)).collect())
        })
        .collect())
}

/// 1 if an image is classified correctly, else 0.
fn bit(bits: &[u8], image: usize) -> f64 {
    f64::from(bits.get(image / 8).map_or(0, |byte| byte >> (image % 8) & 1))
}
