//! k-nearest-neighbours classifier (Cover and Hart, 1967) for codes.

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::{Result, check};

/// The number of test codes that are compared with a training code while it is in the cache.
const BLOCK: usize = 16;

/// The number of lanes in the sum of a distance, for vectorisation; they are added in a fixed order.
const LANES: usize = 8;

/// A k-nearest-neighbours classifier: the class of a test code is the majority class of the nearest training codes.
#[derive(Debug, Clone, Copy)]
pub struct NearestNeighbours<'a> {
    codes: ArrayView2<'a, f64>,
    labels: &'a [u8],
    neighbours: usize,
}

/// A training code near a test code.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    squared_distance: f64,
    row: usize,
}

impl<'a> NearestNeighbours<'a> {
    /// Creates a classifier from training `codes: [n, k]` and labels, with this number of neighbours, or all if there
    /// are fewer.
    ///
    /// Fails if there are no codes, if the number of labels differs, if a value is not finite, or if `neighbours` is zero.
    pub fn new(codes: ArrayView2<'a, f64>, labels: &'a [u8], neighbours: usize) -> Result<Self> {
        check::samples("training codes", codes, 1)?;
        check::rows("labels", labels.len(), codes.nrows())?;
        check::dimensions("neighbours", neighbours, 1..=usize::MAX)?;
        Ok(Self { codes, labels, neighbours: neighbours.min(codes.nrows()) })
    }

    /// Classifies each row of `codes: [m, k]`.
    ///
    /// Distances are Euclidean. Among equally near codes the first is used, and among classes with equally many
    /// neighbours the one with the nearest neighbour, so results are deterministic.
    ///
    /// Fails if there are no rows, if there are not `k` columns, or if a value is not finite.
    pub fn classify(&self, codes: ArrayView2<'_, f64>) -> Result<Vec<u8>> {
        check::samples_of_width("test codes", codes, self.codes.ncols())?;
        let (trained, codes) = (self.codes.as_standard_layout(), codes.as_standard_layout());
        let mut classes = Vec::with_capacity(codes.nrows());
        for block in codes.axis_chunks_iter(Axis(0), BLOCK) {
            let mut nearest = vec![Vec::with_capacity(self.neighbours + 1); block.nrows()];
            for (row, trained) in trained.outer_iter().enumerate() {
                for (nearest, code) in nearest.iter_mut().zip(block.outer_iter()) {
                    let squared_distance = squared_distance(trained, code);
                    keep(nearest, Neighbour { squared_distance, row }, self.neighbours);
                }
            }
            classes.extend(nearest.iter().map(|nearest| self.vote(nearest)));
        }
        Ok(classes)
    }

    /// Whether each row of `codes: [m, k]` is classified correctly.
    ///
    /// Fails as [`NearestNeighbours::classify`] does, and if there is not one label per row.
    pub fn correct(&self, codes: ArrayView2<'_, f64>, labels: &[u8]) -> Result<Vec<bool>> {
        check::rows("test labels", labels.len(), codes.nrows())?;
        Ok(self.classify(codes)?.iter().zip(labels).map(|(class, label)| class == label).collect())
    }

    /// The most frequent class of the neighbours, which are sorted by distance.
    fn vote(&self, nearest: &[Neighbour]) -> u8 {
        let votes: Vec<u8> = nearest.iter().map(|neighbour| self.labels[neighbour.row]).collect();
        let count = |class: u8| votes.iter().filter(|&&vote| vote == class).count();
        // `max_by_key` returns the last maximum, so the order is reversed to prefer the nearest.
        votes.iter().copied().rev().max_by_key(|&class| count(class)).unwrap_or(0)
    }
}

/// Inserts a neighbour into the sorted list of the `most` nearest.
fn keep(nearest: &mut Vec<Neighbour>, new: Neighbour, most: usize) {
    let full = nearest.len() == most;
    if full && nearest.last().is_some_and(|last| last.squared_distance <= new.squared_distance) {
        return;
    }
    let place = nearest.partition_point(|known| known.squared_distance <= new.squared_distance);
    nearest.insert(place, new);
    nearest.truncate(most);
}

fn squared_distance(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    let (Some(a), Some(b)) = (a.to_slice(), b.to_slice()) else {
        return a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    };
    let mut lanes = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder()).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    for (a, b) in a.zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += (a - b) * (a - b);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::noise::Noise;

    /// The same classification by sorting all distances.
    fn by_sorting(codes: &Array2<f64>, labels: &[u8], k: usize, test: &Array2<f64>) -> Vec<u8> {
        let classify = |code: ArrayView1<'_, f64>| {
            let mut all: Vec<(f64, usize)> = codes
                .outer_iter()
                .enumerate()
                .map(|(row, trained)| ((&trained - &code).mapv(|gap| gap * gap).sum(), row))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let voters: Vec<u8> = all[..k.min(all.len())].iter().map(|&(_, row)| labels[row]).collect();
            let mut best = (0, 0);
            for &class in &voters {
                let votes = voters.iter().filter(|&&vote| vote == class).count();
                if votes > best.0 {
                    best = (votes, class);
                }
            }
            best.1
        };
        test.outer_iter().map(classify).collect()
    }

    #[test]
    fn the_vote_is_that_of_sorted_distances() {
        let mut noise = Noise::new(1);
        for k in [1, 4, 5, 200] {
            // Small integers: many distances are equal, and sums are exact in any order.
            let [codes, test] =
                [150, 37].map(|n| noise.normal(n, 11).mapv(|value| (2.0 * value).round().clamp(-3.0, 3.0)));
            let labels = noise.labels(150, 4);
            let reader = NearestNeighbours::new(codes.view(), &labels, k).unwrap();
            let got = reader.classify(test.view()).unwrap();
            assert_eq!(got, by_sorting(&codes, &labels, k, &test), "{k} neighbours");
        }
    }

    #[test]
    fn of_equally_near_codes_the_first_counts_and_of_equal_votes_the_nearest() {
        let codes = array![[1.0], [-1.0], [2.0], [-2.0]];
        let labels = [3, 5, 5, 3];
        let classes = |neighbours: usize| {
            let reader = NearestNeighbours::new(codes.view(), &labels, neighbours).unwrap();
            reader.classify(array![[0.0], [-0.5]].view()).unwrap()
        };
        assert_eq!(classes(1), [3, 5]);
        assert_eq!(classes(4), [3, 5]);
        let reader = NearestNeighbours::new(codes.view(), &labels, 1).unwrap();
        assert_eq!(reader.correct(array![[0.0], [-0.5]].view(), &[3, 3]).unwrap(), [true, false]);
    }

    #[test]
    fn invalid_codes_are_refused() {
        let codes = array![[1.0, 2.0]];
        let message = |of: Result<NearestNeighbours<'_>>| of.unwrap_err().to_string();
        assert_eq!(
            message(NearestNeighbours::new(codes.view(), &[], 1)),
            "labels: expected 1, one for each sample, got 0"
        );
        assert!(NearestNeighbours::new(codes.view(), &[0], 0).is_err());
        let reader = NearestNeighbours::new(codes.view(), &[0], 5).unwrap();
        assert!(reader.classify(array![[1.0]].view()).is_err());
        assert!(reader.classify(array![[1.0, f64::NAN]].view()).is_err());
        assert!(reader.correct(codes.view(), &[0, 1]).is_err());
    }
}
