//! The measures of a latent space and of a trade-off (`book/cre.md`, section 2.5).

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use crate::metric::TradeOff;

/// The standard deviation over the test images below which a latent unit is dead.
const DEAD: f64 = 1e-6;

/// The measures of the latents of a set of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentMeasures {
    /// The number of units that are constant over the images.
    pub dead_units: usize,
    /// The trace of the between-class scatter over that of the total scatter; `None` if all latents are equal.
    pub between_class_share: Option<f64>,
    /// The accuracy of [`NEIGHBOURS`] nearest neighbours, with one half of the images as neighbours of the other; `None` for fewer
    /// than two images.
    pub knn_accuracy: Option<f64>,
    /// The participation ratio `(sum s_i^2)^2 / sum s_i^4` of the singular values of the centred latents, the number of
    /// dimensions in use; 0 if all latents are equal.
    pub participation_ratio: f64,
}

/// The number of neighbours; all of them if there are fewer images.
pub const NEIGHBOURS: usize = 5;

/// The largest number of latent elements in f64 at a time.
const BLOCK: usize = 1 << 24;

/// Measures latents `[n, k]` of images with these classes; `None` if they are empty.
///
/// Latents are in f32, so sums in f64 of a constant unit are exact, and its scatter is exactly zero.
pub fn of_latents(z: ArrayView2<'_, f32>, labels: &[u32]) -> Option<LatentMeasures> {
    let (n, k) = z.dim();
    let latents = Latents::new(z, BLOCK)?;
    let n_classes = labels.iter().max().map_or(0, |&largest| largest as usize + 1);
    let mut sums = vec![vec![0.0; k]; n_classes];
    let mut counts = vec![0usize; n_classes];
    labels.iter().for_each(|&label| counts[label as usize] += 1);
    let mut total: Vec<f64> = Vec::with_capacity(k);
    for columns in latents.column_blocks() {
        let centred = latents.centred(0..n, columns.clone());
        total.extend(centred.columns().into_iter().map(|column| column.dot(&column)));
        for (row, &label) in centred.rows().into_iter().zip(labels) {
            sums[label as usize][columns.clone()].iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
    }
    let scatter: f64 = total.iter().sum();
    let between: f64 = sums
        .iter()
        .zip(&counts)
        .filter(|(_, count)| **count > 0)
        .map(|(sum, &count)| sum.iter().map(|x| x * x).sum::<f64>() / count as f64)
        .sum();

    let differs = scatter > 0.0;
    Some(LatentMeasures {
        dead_units: total.iter().filter(|square| (*square / n as f64).sqrt() < DEAD).count(),
        between_class_share: differs.then(|| between / scatter),
        knn_accuracy: knn_accuracy(z, labels),
        participation_ratio: if differs { scatter * scatter / latents.gram_squares() } else { 0.0 },
    })
}

/// Latents whose blocks are converted to f64 and centred on demand.
struct Latents<'z> {
    z: ArrayView2<'z, f32>,
    mean: Array1<f64>,
    /// The largest number of elements in f64 at a time.
    block: usize,
}

impl<'z> Latents<'z> {
    fn new(z: ArrayView2<'z, f32>, block: usize) -> Option<Self> {
        if z.is_empty() {
            return None;
        }
        let mut latents = Self { z, mean: Array1::zeros(z.ncols()), block };
        let mut mean = Array1::zeros(z.ncols());
        for columns in latents.column_blocks() {
            let block = latents.centred(0..z.nrows(), columns.clone());
            mean.slice_axis_mut(Axis(0), Slice::from(columns)).assign(&block.mean_axis(Axis(0))?);
        }
        latents.mean = mean;
        Some(latents)
    }

    /// Ranges that partition the columns.
    fn column_blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (n, k) = self.z.dim();
        blocks(k, self.block / n)
    }

    fn centred(&self, rows: Range<usize>, columns: Range<usize>) -> Array2<f64> {
        let mean = self.mean.slice_axis(Axis(0), Slice::from(columns.clone()));
        let block = self.z.slice_axis(Axis(0), Slice::from(rows));
        block.slice_axis(Axis(1), Slice::from(columns)).mapv(f64::from) - mean
    }

    /// The sum of the fourth powers of the singular values of the centred latents `Z`: the squared Frobenius norm of `Z^T Z` or
    /// `Z Z^T`, computed in blocks.
    fn gram_squares(&self) -> f64 {
        let (n, k) = self.z.dim();
        let square = |product: Array2<f64>| product.iter().map(|x| x * x).sum::<f64>();
        let mut sum = 0.0;
        if k <= n {
            for left in self.column_blocks() {
                let left = self.centred(0..n, left);
                for right in self.column_blocks() {
                    sum += square(left.t().dot(&self.centred(0..n, right)));
                }
            }
            return sum;
        }
        let rows = || blocks(n, self.block / k);
        for left in rows() {
            let left = self.centred(left, 0..k);
            for right in rows() {
                sum += square(left.dot(&self.centred(right, 0..k).t()));
            }
        }
        sum
    }
}

/// `0..n` in ranges of this size, at least 1.
fn blocks(n: usize, size: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let size = size.max(1);
    (0..n).step_by(size).map(move |start| start..n.min(start + size))
}

/// The accuracy on the second half of the images of nearest neighbours in the first half; ties go to the nearer neighbour.
fn knn_accuracy(z: ArrayView2<'_, f32>, labels: &[u32]) -> Option<f64> {
    let half = z.nrows() / 2;
    if half == 0 {
        return None;
    }
    let gap = |a: f32, b: f32| (f64::from(a) - f64::from(b)).powi(2);
    let (neighbours, queries) = z.split_at(ndarray::Axis(0), half);
    let mut correct = 0usize;
    for (row, &label) in queries.rows().into_iter().zip(&labels[half..]) {
        let mut distances: Vec<(f64, usize)> = neighbours
            .rows()
            .into_iter()
            .enumerate()
            .map(|(index, voter)| (voter.iter().zip(row).map(|(&a, &b)| gap(a, b)).sum(), index))
            .collect();
        let nearest = NEIGHBOURS.min(distances.len());
        let by_distance = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        distances.select_nth_unstable_by(nearest.saturating_sub(1), by_distance);
        distances.truncate(nearest);
        distances.sort_by(by_distance);
        let votes: Vec<u32> = distances.iter().map(|&(_, index)| labels[index]).collect();
        let count = |class: u32| votes.iter().filter(|&&vote| vote == class).count();
        // `max_by_key` keeps the last of equals, so the nearest neighbours come last.
        let winner = votes.iter().rev().max_by_key(|&&class| count(class));
        correct += usize::from(winner == Some(&label));
    }
    Some(correct as f64 / queries.nrows() as f64)
}

/// The measures of the trade-off of a seed over λ, with descriptions.
pub const TRADE_OFFS: [(TradeOff, &str); 8] = [
    (TradeOff::SynergyForReconstruction, "S_r = (MSE(1) - min over lambda of MSE) / MSE(1)"),
    (TradeOff::SynergyForClassification, "S_c = max over lambda of accuracy - accuracy(0)"),
    (TradeOff::CostInMse, "T: (MSE(0) - MSE(1)) / MSE(1)"),
    (TradeOff::CostInAccuracy, "T: accuracy(0) - accuracy(1)"),
    (
        TradeOff::FrontArea,
        "area under the Pareto front of MSE and error rate, scaled by the end points; 1/2 is straight",
    ),
    (
        TradeOff::Hypervolume,
        "share of the rectangle below the mean image's MSE and the error rate 0.9 that is dominated",
    ),
    (TradeOff::HalfWayMse, "the lambda at which half of MSE(0) - MSE(1) is gained"),
    (TradeOff::HalfWayAccuracy, "the lambda at which half of accuracy(0) - accuracy(1) is lost"),
];

/// The measures [`TRADE_OFFS`] of one seed from its test errors and accuracies over ascending λ and the error of the mean
/// image. All are NaN if λ = 0 or λ = 1 was not run or has no finite value; the synergies are also NaN if no λ between them has
/// one.
pub fn trade_off(lambdas: &[f64], mse: &[f64], accuracy: &[f64], of_mean: f64) -> [f64; TRADE_OFFS.len()] {
    let at = |values: &[f64], end: f64| {
        let place = lambdas.iter().position(|&lambda| lambda == end);
        place.and_then(|place| values.get(place)).copied().unwrap_or(f64::NAN)
    };
    let (mse_0, mse_1) = (at(mse, 0.0), at(mse, 1.0));
    let (accuracy_0, accuracy_1) = (at(accuracy, 0.0), at(accuracy, 1.0));
    if [mse_0, mse_1, accuracy_0, accuracy_1].iter().any(|x| !x.is_finite()) {
        return [f64::NAN; TRADE_OFFS.len()];
    }
    let mixed = |values: &[f64]| {
        lambdas.iter().zip(values).any(|(&lambda, value)| 0.0 < lambda && lambda < 1.0 && value.is_finite())
    };
    let of_mixtures = |synergy: f64| if mixed(mse) && mixed(accuracy) { synergy } else { f64::NAN };
    let lowest = mse.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = accuracy.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A difference below rounding error (losses are in f32) cannot scale an axis, and neither can a difference of zero.
    let differ = (mse_0 - mse_1).abs() > f64::from(f32::EPSILON) * mse_0.abs().max(mse_1.abs());
    let spans = differ && accuracy_0 != accuracy_1;
    let of = |is_defined: bool, value: f64| if is_defined { value } else { f64::NAN };
    let scaled = mse.iter().zip(accuracy).map(|(mse, accuracy)| {
        ((mse - mse_1) / (mse_0 - mse_1), (accuracy_0 - accuracy) / (accuracy_0 - accuracy_1))
    });
    let of_chance =
        mse.iter().zip(accuracy).map(|(mse, accuracy)| (mse / of_mean, (1.0 - accuracy) / CHANCE));
    [
        of(mse_1 > 0.0, of_mixtures((mse_1 - lowest) / mse_1)),
        of_mixtures(highest - accuracy_0),
        of(mse_1 > 0.0, (mse_0 - mse_1) / mse_1),
        accuracy_0 - accuracy_1,
        of(spans, front_area(scaled.collect())),
        of(of_mean > 0.0, hypervolume(of_chance.collect())),
        of(differ, half_way(lambdas, mse)),
        half_way(lambdas, accuracy),
    ]
}

/// The error rate of guessing among ten classes.
const CHANCE: f64 = 0.9;

/// The λ at which the linear interpolation is half-way between the first and the last value.
fn half_way(lambdas: &[f64], values: &[f64]) -> f64 {
    let points: Vec<(f64, f64)> =
        lambdas.iter().copied().zip(values.iter().copied()).filter(|(_, y)| y.is_finite()).collect();
    let (first, last) = (points[0].1, points[points.len() - 1].1);
    let gone = |y: f64| (y - first) / (last - first) - 0.5;
    let crossing = points.windows(2).find(|pair| gone(pair[0].1) < 0.0 && gone(pair[1].1) >= 0.0);
    crossing.map_or(f64::NAN, |pair| {
        let (below, above) = (gone(pair[0].1), gone(pair[1].1));
        pair[0].0 + (pair[1].0 - pair[0].0) * below / (below - above)
    })
}

/// The fraction of the unit square that is dominated: above and to the right of some point.
fn hypervolume(points: Vec<(f64, f64)>) -> f64 {
    let front = pareto_front(points.into_iter().filter(|(x, y)| *x < 1.0 && *y < 1.0).collect());
    let right_ends = front.iter().skip(1).map(|point| point.0).chain([1.0]);
    front.iter().zip(right_ends).map(|((x, y), right)| (right - x) * (1.0 - y)).sum()
}

/// The points that no other point dominates, from left to right.
fn pareto_front(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.retain(|(x, y)| x.is_finite() && y.is_finite());
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut front: Vec<(f64, f64)> = vec![];
    for point in points {
        if front.last().is_none_or(|last| point.1 < last.1) {
            front.push(point);
        }
    }
    front
}

/// The area over the unit interval below the straight lines between the Pareto-optimal points.
fn front_area(points: Vec<(f64, f64)>) -> f64 {
    let front = pareto_front(points);
    front.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_latent_that_holds_only_the_class_has_share_one_and_one_dimension() {
        let z = array![[1.0f32, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]];
        let measures = of_latents(z.view(), &[0, 0, 1, 1]).unwrap();
        assert_eq!(measures.dead_units, 1);
        assert!((measures.between_class_share.unwrap() - 1.0).abs() < 1e-12);
        assert!((measures.participation_ratio - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_latent_without_classes_has_share_zero_and_all_its_dimensions() {
        let z = array![[1.0f32, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]];
        let measures = of_latents(z.view(), &[0, 0, 1, 1]).unwrap();
        assert_eq!(measures.dead_units, 0);
        assert!(measures.between_class_share.unwrap().abs() < 1e-12);
        assert!((measures.participation_ratio - 2.0).abs() < 1e-12);
    }

    #[test]
    fn neighbours_vote_and_the_nearer_wins_a_tie() {
        let z = array![[0.0], [0.1], [5.0], [5.1], [0.05], [5.05]];
        // Each query has all three neighbours, two of class 0: one of three queries is classified correctly.
        assert_eq!(knn_accuracy(z.view(), &[0, 0, 1, 1, 0, 1]), Some(1.0 / 3.0));
        // One vote for each class: the nearest decides.
        let z = array![[0.0], [1.0], [2.0], [2.2], [0.1], [1.9]];
        assert_eq!(knn_accuracy(z.view(), &[0, 1, 2, 2, 0, 2]), Some(1.0));
    }

    #[test]
    fn undefined_measures_of_few_or_equal_latents_are_none() {
        assert_eq!(of_latents(ArrayView2::from_shape((0, 3), &[]).unwrap(), &[]), None);
        let same = |n: usize| of_latents(Array2::from_elem((n, 3), 0.3f32).view(), &vec![0; n]).unwrap();
        for n in [1, 2, 3, 1_000, 5_001] {
            let voted = (n > 1).then_some(1.0);
            let expected = LatentMeasures {
                dead_units: 3,
                between_class_share: None,
                knn_accuracy: voted,
                participation_ratio: 0.0,
            };
            assert_eq!(same(n), expected, "{n}");
        }
        let two = of_latents(array![[1.0f32, 2.0], [3.0, 2.0]].view(), &[0, 1]).unwrap();
        assert_eq!((two.knn_accuracy, two.between_class_share), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn latents_in_several_blocks_have_the_measures_of_the_whole() {
        for (n, k, block) in [(30, 60, 100), (60, 30, 500), (60, 30, 1)] {
            let z = Array2::from_shape_fn((n, k), |(row, column)| {
                f32::from(u8::from(row % 2 == 0)) * (column % 3) as f32
            });
            let latents = Latents::new(z.view(), block).unwrap();
            assert!(latents.column_blocks().count() > 1);
            // One direction of variance n (0 + 1 + 4) / 4 k / 3, whatever the block.
            let variance = n as f64 / 4.0 * 5.0 * (k / 3) as f64;
            assert!((latents.gram_squares() / variance.powi(2) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_measures_of_a_known_trade_off_are_correct() {
        let lambdas = [0.0, 0.5, 0.9, 1.0];
        let of = trade_off(&lambdas, &[0.2, 0.1, 0.08, 0.1], &[0.8, 0.85, 0.7, 0.6], 0.4);
        for (index, expected) in [(0, 0.2), (1, 0.05), (2, 1.0), (3, 0.2), (6, 0.25), (7, 0.9)] {
            assert!((of[index] - expected).abs() < 1e-12, "{}: {}", TRADE_OFFS[index].0, of[index]);
        }
        assert!(trade_off(&lambdas, &[f64::NAN; 4], &[0.5; 4], 0.4).iter().all(|x| x.is_nan()));
    }

    #[test]
    fn measures_of_a_trade_off_are_nan_without_end_points_and_synergies_without_a_mixture() {
        let (mse, accuracy) = ([0.2, 0.1], [0.8, 0.6]);
        for lambdas in [[0.4, 0.5], [0.0, 0.5], [0.5, 1.0]] {
            let of = trade_off(&lambdas, &mse, &accuracy, 0.4);
            assert!(of.iter().all(|x| x.is_nan()), "{lambdas:?}: {of:?}");
        }
        assert!(trade_off(&[], &[], &[], 0.4).iter().all(|x| x.is_nan()));
        let of = trade_off(&[0.0, 1.0], &mse, &accuracy, 0.4);
        assert!(of[..2].iter().all(|x| x.is_nan()) && of[2..].iter().all(|x| x.is_finite()), "{of:?}");
        let of = trade_off(&[0.0, 0.5, 1.0], &[0.2, f64::NAN, 0.1], &[0.8, f64::NAN, 0.6], 0.4);
        assert!(of[0].is_nan() && of[1].is_nan() && of[3].is_finite(), "{of:?}");
    }

    #[test]
    fn measures_scaled_by_a_difference_below_rounding_error_are_nan() {
        let lambdas = [0.0, 0.5, 0.9, 1.0];
        let rounded = [0.1, 0.1 + 1e-9, 0.1 - 1e-9, 0.1 + 2e-9];
        for (mse, accuracy) in
            [(rounded, [0.8, 0.85, 0.7, 0.6]), ([0.2, 0.1, 0.08, 0.1], [0.8, 0.85, 0.7, 0.8])]
        {
            assert!(trade_off(&lambdas, &mse, &accuracy, 0.4)[4].is_nan(), "{mse:?}");
        }
        let nothing = trade_off(&lambdas, &[0.0; 4], &[0.8, 0.85, 0.7, 0.6], 0.0);
        assert!([0, 2, 4, 5, 6].iter().all(|&index: &usize| nothing[index].is_nan()), "{nothing:?}");
    }

    #[test]
    fn the_hypervolume_is_the_dominated_fraction_of_the_square() {
        assert_eq!(hypervolume(vec![(0.0, 0.0)]), 1.0);
        assert_eq!(hypervolume(vec![(0.5, 0.5)]), 0.25);
        assert_eq!(hypervolume(vec![(0.25, 0.5), (0.5, 0.25), (0.75, 0.75)]), 0.25 * 0.5 + 0.5 * 0.75);
        assert_eq!(hypervolume(vec![(1.5, 0.0), (f64::NAN, 0.0)]), 0.0);
    }

    #[test]
    fn a_straight_front_has_half_the_area_and_dominated_points_do_not_count() {
        assert!((front_area(vec![(0.0, 1.0), (1.0, 0.0)]) - 0.5).abs() < 1e-12);
        assert!((front_area(vec![(0.0, 1.0), (0.8, 0.9), (0.0, 0.5), (1.0, 0.0)]) - 0.25).abs() < 1e-12);
        assert_eq!(front_area(vec![(0.0, 0.0), (1.0, 0.0), (f64::NAN, 0.0)]), 0.0);
    }
}
