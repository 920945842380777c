//! The squared errors of test images by reader, as means over groups of images.
//!
//! Results hold the means of [`N_GROUPS`] groups of images instead of all errors, which keeps the file small: the
//! variance over images can be estimated from the variance over groups. Images are assigned to groups at random, since
//! a data set may be sorted by class.

use crate::error::Result;
use crate::metric::Metric;
use crate::sweep::collected::{Collected, POINT};
use crate::sweep::curves::Curves;
use crate::sweep::readers::Reader;
use runs::store::{Array, FinishedRun, Values};
use tensor::random::Stream;

/// The axis of the groups.
const GROUP: &str = "image_group";

/// The number of groups. A variance estimated from them has a relative standard error of sqrt(2 / 99) = 14 %.
const N_GROUPS: usize = 100;

/// The relative difference of a stored error and the mean of its images that rounding explains: losses are sums of at most
/// 3,072 terms in 32 bits.
const ROUNDING: f64 = 3_072.0 * f32::EPSILON as f64;

/// The name of a reader's errors, in runs and in results. A new head is the online head of a run of its own.
fn name(reader: Reader) -> Option<String> {
    match reader {
        Reader::Online | Reader::NewHead => Some("errors/online".into()),
        Reader::Converged | Reader::Ridge => Some(format!("errors/{reader}")),
        Reader::Knn | Reader::Attentive => None,
    }
}

/// Adds the group means of every reader for which at least one run has errors; NaN for runs without them.
pub(super) fn collect(collected: &mut Collected<'_>) -> Result<()> {
    let mut found = false;
    for &reader in Reader::ALL.iter().filter(|&&reader| reader != Reader::NewHead) {
        let Some(name) = name(reader) else { continue };
        let (mut values, mut any) = (Vec::new(), false);
        collected.each_point(|variant, place| -> Result<()> {
            let errors = collected.run(variant, place).and_then(|run| errors(run, &name));
            any |= errors.is_some();
            let mut means = errors.map_or(vec![], group_means);
            means.resize(N_GROUPS, f32::NAN);
            values.extend(means);
            Ok(())
        })?;
        if any {
            let description = "mean squared error of this reader's reconstructions, mean over a random group of test images";
            collected.add(&name, &[&POINT[..], &[GROUP]].concat(), description, "1", Values::F32(values));
            found = true;
        }
    }
    if found {
        let groups: Vec<f64> = (0..N_GROUPS).map(|group| group as f64).collect();
        collected.dimension(
            GROUP,
            "random groups of test images, the same for all runs on a data set",
            groups,
        );
    }
    Ok(())
}

fn errors<'r>(run: &'r FinishedRun, name: &str) -> Option<&'r [f32]> {
    match run.finals.get(name) {
        Some(Array { values: Values::F32(values), .. }) => Some(values),
        _ => None,
    }
}

/// The mean of each group; with fewer images than groups each image is one.
fn group_means(errors: &[f32]) -> Vec<f32> {
    let n_groups = N_GROUPS.min(errors.len());
    let mut sums = vec![0.0; n_groups];
    for (rank, image) in
        Stream::new(0, "groups of test images").permutation(errors.len(), 0).iter().enumerate()
    {
        sums[rank % n_groups] += f64::from(errors[*image as usize]);
    }
    sums.iter().zip(sizes(errors.len(), n_groups)).map(|(sum, size)| (sum / size) as f32).collect()
}

/// The sizes of the groups of `n` images.
fn sizes(n: usize, n_groups: usize) -> impl Iterator<Item = f64> {
    (0..n_groups).map(move |group| (n / n_groups + usize::from(group < n % n_groups)) as f64)
}

/// The group means of a reader's errors at a point, one list for each seed; `None` for a seed whose mean is not the stored
/// error, as for a seed without a run.
pub(super) fn of_point(
    curves: &Curves<'_>,
    (reader, metric): (Reader, Metric),
    point: [usize; 2],
) -> Result<Vec<Option<Vec<f64>>>> {
    let stored = curves.by_seed(metric, point)?;
    let Some(groups) = name(reader).and_then(|name| curves.floats(&name, point)) else {
        return Ok(vec![None; stored.len()]);
    };
    let checked = |(groups, &mse): (&[f32], &f64)| {
        let means: Vec<f64> =
            groups.iter().map(|&mean| f64::from(mean)).filter(|mean| mean.is_finite()).collect();
        let sum: f64 =
            means.iter().zip(sizes(curves.n_test, means.len().max(1))).map(|(mean, size)| mean * size).sum();
        let agrees = (sum / curves.n_test as f64 - mse).abs() <= ROUNDING * mse;
        (agrees && !means.is_empty()).then_some(means)
    };
    Ok(groups.into_iter().zip(stored).map(checked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weighted_mean_of_the_groups_is_the_mean_of_all_images() {
        for n in [7, 100, 250, 1_003] {
            let errors: Vec<f32> = (0..n).map(|image| (image % 13) as f32).collect();
            let means = group_means(&errors);
            assert_eq!(means.len(), n.min(N_GROUPS));
            let sum: f64 =
                means.iter().zip(sizes(n, means.len())).map(|(mean, size)| f64::from(*mean) * size).sum();
            let expected: f64 = errors.iter().map(|&error| f64::from(error)).sum();
            assert!((sum - expected).abs() < 1e-6 * expected, "{n}: {sum} {expected}");
        }
    }
}
