//! Arrays of runs over a coordinate, such as the code size.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::metric::ArrayMetric;
use crate::sweep::collected::{Collected, POINT};
use crate::sweep::recorded::Along;
use runs::store::{Array, FinishedRun, Values};

/// The arrays of a task alignment by code size.
pub const ALIGNMENT: Along = Along {
    coordinate: ("k", "dimensions of the code"),
    arrays: &[
        (ArrayMetric::Alignment, "square root of the R2 of a probe of the code over that of all pixels", "%"),
        (ArrayMetric::Explained, "R2 of a probe of the code over that of all pixels", "1"),
        (
            ArrayMetric::Angle,
            "largest principal angle to the subspace of as many principal components",
            "degree",
        ),
        (ArrayMetric::NullAlignment, "the alignment of permuted labels: square root of k over the rank", "%"),
        (ArrayMetric::AdjustedAlignment, "the alignment by adjusted R2", "%"),
        (ArrayMetric::AlignmentLow, "lower end of the alignment's 95 % interval, jackknife over images", "%"),
        (ArrayMetric::AlignmentHigh, "upper end of the same", "%"),
        (ArrayMetric::HeldOutR2, "R2 of a probe on the one-hot labels of test images", "1"),
        (ArrayMetric::HeldOutAccuracy, "test accuracy of that probe", "1"),
        (ArrayMetric::HeldOutGain, "change of R2 on test images by the noise", "1"),
        (ArrayMetric::HeldOutGainError, "standard error of that change over test images", "1"),
        (
            ArrayMetric::AngleNull,
            "largest principal angle between as many principal components of two halves of the images",
            "degree",
        ),
    ],
};

/// Adds the arrays over all values of the coordinate in any run; NaN where a run has no value.
pub(super) fn collect(collected: &mut Collected<'_>, along: Along) -> Result<()> {
    let (coordinate, description) = along.coordinate;
    // The bits of non-negative floating-point numbers have the order of the numbers.
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    collected.each_point(|variant, place| -> Result<()> {
        if let Some(values) = collected.run(variant, place).and_then(|done| numbers(done, coordinate)) {
            places.extend(values.iter().map(|value| (value.to_bits(), 0)));
        }
        Ok(())
    })?;
    places.values_mut().enumerate().for_each(|(index, place)| *place = index);
    let coordinates: Vec<f64> = places.keys().map(|&bits| f64::from_bits(bits)).collect();
    for (name, description, unit) in along.arrays {
        let mut all = Vec::new();
        collected.each_point(|variant, place| -> Result<()> {
            let mut row = vec![f64::NAN; coordinates.len()];
            if let Some(done) = collected.run(variant, place)
                && let (Some(at), Some(values)) = (numbers(done, coordinate), numbers(done, name.as_str()))
            {
                at.iter().zip(values).for_each(|(at, value)| row[places[&at.to_bits()]] = *value);
            }
            all.extend(row);
            Ok(())
        })?;
        collected.add(
            name.as_str(),
            &[&POINT[..], &[coordinate]].concat(),
            description,
            unit,
            Values::F64(all),
        );
    }
    collected.dimension(coordinate, description, coordinates);
    Ok(())
}

fn numbers<'r>(done: &'r FinishedRun, name: &str) -> Option<&'r [f64]> {
    match done.finals.get(name) {
        Some(Array { values: Values::F64(values), .. }) => Some(values),
        _ => None,
    }
}
