//! Means and covariances of images and their labels, in one pass over any number of chunks.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::{Error, Result, centred::centred, check, linalg};

/// The number of rows that are centred and multiplied at a time: enough for an efficient GEMM, with little memory.
const BLOCK: usize = 4_096;

/// The largest number of dimensions of a sample, for which the covariance takes eight terabytes.
const MOST: usize = 1 << 20;

/// The first two moments of samples `x` and of their labels `y`, written as one-hot vectors.
///
/// Every block is centred by its own mean and then merged with the previous ones (Chan, Golub and LeVeque, 1983): two
/// groups with means `m`, `m'` and sums of products `M`, `M'` have the joint sum of products
///
/// ```text
/// M + M' + n n' / (n + n') (m' - m) (m' - m)^T
/// ```
///
/// so nothing cancels, however far the mean is from zero.
///
/// ```
/// use agon_theory::Moments;
/// use ndarray::array;
///
/// let mut moments = Moments::new(2, 2)?;
/// moments.add(array![[0.0, 1.0], [2.0, 1.0]].view(), &[0, 1])?;
/// moments.add(array![[4.0, 1.0]].view(), &[1])?;
/// assert_eq!((moments.n(), moments.mean().to_vec()), (3, vec![2.0, 1.0]));
/// # Ok::<(), agon_theory::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    mean: Array1<f64>,
    /// The sum of `(x - mean) (x - mean)^T`, `[d, d]`, as a lower triangle with zeros above.
    scatter: Array2<f64>,
    /// The sum of `(y - frequencies) (x - mean)^T`, `[classes, d]`.
    label_scatter: Array2<f64>,
    class_counts: Vec<usize>,
    n: usize,
}

impl Moments {
    /// Creates empty moments, for samples of `d` dimensions and labels below `classes`.
    ///
    /// Fails if either is zero, `d` is more than a million, or `classes` is more than 256.
    pub fn new(d: usize, classes: usize) -> Result<Self> {
        check::dimensions("dimensions of a sample", d, 1..=MOST)?;
        check::dimensions("classes", classes, 1..=256)?;
        Ok(Self {
            mean: Array1::zeros(d),
            scatter: Array2::zeros((d, d)),
            label_scatter: Array2::zeros((classes, d)),
            class_counts: vec![0; classes],
            n: 0,
        })
    }

    /// The moments of the rows of `x: [n, d]` and their `n` labels.
    ///
    /// Fails as [`Moments::new`] and [`Moments::add`] do.
    pub fn of(x: ArrayView2<'_, f64>, labels: &[u8], classes: usize) -> Result<Self> {
        let mut moments = Self::new(x.ncols(), classes)?;
        moments.add(x, labels)?;
        Ok(moments)
    }

    /// Adds the rows of `x: [n, d]` and their `n` labels.
    ///
    /// Fails without changing the moments if there are no rows, if shapes do not match, if a value is not finite,
    /// or if a label is not below the number of classes.
    pub fn add(&mut self, x: ArrayView2<'_, f64>, labels: &[u8]) -> Result<()> {
        check::samples_of_width("samples", x, self.d())?;
        check::labels(labels, x.nrows(), self.classes())?;
        for (x, labels) in x.axis_chunks_iter(Axis(0), BLOCK).zip(labels.chunks(BLOCK)) {
            self.merge(x, labels);
        }
        Ok(())
    }

    fn merge(&mut self, x: ArrayView2<'_, f64>, labels: &[u8]) {
        let (mean, centred) = centred(x);
        let mut class_counts = vec![0; self.classes()];
        for (row, &label) in centred.outer_iter().zip(labels) {
            let class = usize::from(label);
            class_counts[class] += 1;
            let mut sum = self.label_scatter.row_mut(class);
            sum += &row;
        }
        linalg::add_lower_dot(&mut self.scatter, centred.t(), centred.view(), 1.0);
        self.shift(mean.view(), &class_counts);
    }

    /// Merges the moments of other samples.
    ///
    /// Fails without changing the moments if the numbers of dimensions or classes differ.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        let sizes = |moments: &Self| [moments.d(), moments.classes()];
        if sizes(self) != sizes(other) {
            let [expected, got] = [sizes(self), sizes(other)].map(|[d, classes]| format!("{d} × {classes}"));
            return Err(Error::shape("dimensions and classes of moments to join", expected, got));
        }
        if other.n > 0 {
            self.scatter += &other.scatter;
            self.label_scatter += &other.label_scatter;
            self.shift(other.mean.view(), &other.class_counts);
        }
        Ok(())
    }

    /// Merges the means and counts of new samples whose scatter has been added, and adds the scatter between the two
    /// means.
    fn shift(&mut self, mean: ArrayView1<'_, f64>, class_counts: &[usize]) {
        let n_new: usize = class_counts.iter().sum();
        let [before, new] = [self.n, n_new].map(|n| n as f64);
        let fraction = new / (before + new);
        let step = (&mean - &self.mean).insert_axis(Axis(1)); // [d, 1]
        let frequency = |count: usize, n: f64| if count == 0 { 0.0 } else { count as f64 / n };
        let label_step = Array2::from_shape_fn((self.classes(), 1), |(class, _)| {
            frequency(class_counts[class], new) - frequency(self.class_counts[class], before)
        });
        linalg::add_lower_dot(&mut self.scatter, step.view(), step.t(), before * fraction);
        general_mat_mul(before * fraction, &label_step, &step.t(), 1.0, &mut self.label_scatter);
        self.mean.scaled_add(fraction, &step.column(0));
        for (count, new) in self.class_counts.iter_mut().zip(class_counts) {
            *count += new;
        }
        self.n += n_new;
    }

    /// The number of samples so far.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The number of dimensions of a sample.
    pub fn d(&self) -> usize {
        self.mean.len()
    }

    /// The number of classes, including those without samples.
    pub fn classes(&self) -> usize {
        self.class_counts.len()
    }

    /// The mean of the samples, `[d]`; zero before the first sample.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// `Sx`, the mean of `(x - mean) (x - mean)^T`, `[d, d]`; divided by `n` and not by `n - 1`.
    ///
    /// Fails before the first sample.
    pub fn covariance(&self) -> Result<Array2<f64>> {
        Ok(linalg::mirrored(&self.scatter / self.some()?))
    }

    /// `Sxy`, the mean of `(x - mean) (y - frequencies)^T` for one-hot labels `y`, `[d, classes]`.
    ///
    /// Fails before the first sample.
    pub fn label_covariance(&self) -> Result<Array2<f64>> {
        Ok(self.label_scatter.t().to_owned() / self.some()?)
    }

    /// The class frequencies, `[classes]`: the mean of the one-hot labels.
    ///
    /// Fails before the first sample.
    pub fn class_frequencies(&self) -> Result<Array1<f64>> {
        let n = self.some()?;
        Ok(self.class_counts.iter().map(|&count| count as f64 / n).collect())
    }

    /// The largest number of roundings of an entry of the label covariance: in the sums of a block and over the blocks.
    pub(crate) fn n_roundings(&self) -> usize {
        self.n.min(BLOCK) + self.n.div_ceil(BLOCK)
    }

    fn some(&self) -> Result<f64> {
        if self.n == 0 {
            return Err(Error::TooFew { what: "moments", expected: 1, got: [0, self.d()] });
        }
        Ok(self.n as f64)
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::gap::largest;
    use crate::noise::Noise;
    use crate::part::{columns, rows as rows_of};

    fn problem(n: usize) -> (Array2<f64>, Vec<u8>) {
        let mut noise = Noise::new(3);
        (noise.normal(n, 4), noise.labels(n, 3))
    }

    fn assert_close(got: &Array2<f64>, expected: &Array2<f64>, tolerance: f64) {
        let worst = largest(&(got - expected));
        assert!(worst <= tolerance, "{worst:e} from {expected}");
    }

    /// The error of means of `n` products of values of magnitude 1: `n` epsilons.
    fn tolerance(n: usize) -> f64 {
        20.0 * n as f64 * f64::EPSILON
    }

    #[test]
    fn moments_agree_with_their_definitions() {
        let (x, labels) = problem(50);
        let moments = Moments::of(x.view(), &labels, 3).unwrap();
        let one_hot =
            Array2::from_shape_fn((50, 3), |(row, class)| f64::from(usize::from(labels[row]) == class));
        let [x, y] = [&x, &one_hot].map(|of| of - &of.mean_axis(Axis(0)).unwrap());
        assert_close(&moments.covariance().unwrap(), &(x.t().dot(&x) / 50.0), tolerance(50));
        assert_close(&moments.label_covariance().unwrap(), &(x.t().dot(&y) / 50.0), tolerance(50));
        let frequencies = moments.class_frequencies().unwrap();
        assert_eq!(frequencies, one_hot.mean_axis(Axis(0)).unwrap());
    }

    #[test]
    fn chunks_of_any_sizes_give_the_moments_of_the_whole() {
        let n = BLOCK + 100;
        let (x, labels) = problem(n);
        let whole = Moments::of(x.view(), &labels, 3).unwrap();
        let mut parts = Moments::new(4, 3).unwrap();
        for rows in [0..1, 1..40, 40..4_000, 4_000..n] {
            parts.add(rows_of(x.view(), rows.clone()), &labels[rows]).unwrap();
        }
        assert_eq!((parts.n(), parts.class_frequencies()), (n, whole.class_frequencies()));
        assert_close(&parts.covariance().unwrap(), &whole.covariance().unwrap(), tolerance(n));
        assert_close(&parts.label_covariance().unwrap(), &whole.label_covariance().unwrap(), tolerance(n));
        assert!((&parts.mean() - &whole.mean()).iter().all(|gap| gap.abs() < tolerance(n)));
    }

    #[test]
    fn joined_moments_are_those_of_the_whole() {
        let n = 300;
        let (x, labels) = problem(n);
        let whole = Moments::of(x.view(), &labels, 3).unwrap();
        let part = |rows: std::ops::Range<usize>| {
            Moments::of(rows_of(x.view(), rows.clone()), &labels[rows], 3).unwrap()
        };
        let mut joined = Moments::new(4, 3).unwrap();
        for rows in [0..7, 7..150, 150..n] {
            joined.join(&part(rows)).unwrap();
        }
        joined.join(&Moments::new(4, 3).unwrap()).unwrap();
        assert_eq!((joined.n(), joined.class_frequencies()), (n, whole.class_frequencies()));
        assert_close(&joined.covariance().unwrap(), &whole.covariance().unwrap(), tolerance(n));
        assert_close(&joined.label_covariance().unwrap(), &whole.label_covariance().unwrap(), tolerance(n));
        let message = joined.join(&Moments::new(4, 2).unwrap()).unwrap_err().to_string();
        assert_eq!(message, "dimensions and classes of moments to join: expected 4 × 3, got 4 × 2");
    }

    #[test]
    fn a_mean_far_from_zero_does_not_degrade_the_covariance() {
        let n = 2 * BLOCK;
        let (x, labels) = problem(n);
        let near = Moments::of(x.view(), &labels, 3).unwrap();
        let shift = 2f64.powi(26);
        let far = Moments::of((&x + shift).view(), &labels, 3).unwrap();
        // Adding the shift rounds each value to half an epsilon of the shift, 2^-27, and the mean of a block has a few
        // such errors; a difference of sums of squares would have an error of an epsilon of the squared shift, 0.5.
        let tolerance = 100.0 * shift * f64::EPSILON;
        assert_close(&far.covariance().unwrap(), &near.covariance().unwrap(), tolerance);
    }

    #[test]
    fn invalid_input_is_refused_without_changing_the_moments() {
        let (mut x, labels) = problem(5);
        let before = Moments::of(x.view(), &labels, 3).unwrap();
        let mut moments = before.clone();
        let complaint = |of: Result<()>| of.unwrap_err().to_string();
        let narrow = moments.add(columns(x.view(), ..3), &labels);
        assert_eq!(complaint(narrow), "samples: expected 4 columns, got 3");
        let none = moments.add(rows_of(x.view(), ..0), &[]);
        assert_eq!(complaint(none), "samples: expected a matrix of at least 1 × 1, got 0 × 4");
        let few = moments.add(x.view(), &labels[1..]);
        assert_eq!(complaint(few), "labels: expected 5, one for each sample, got 4");
        let high = moments.add(x.view(), &[0, 1, 2, 3, 0]);
        assert_eq!(complaint(high), "label: expected a label below 3, got 3 in row 3");
        x[[4, 1]] = f64::INFINITY;
        let infinite = moments.add(x.view(), &labels);
        assert_eq!(complaint(infinite), "samples: expected finite values, got inf in row 4, column 1");
        assert_eq!(moments, before);
        assert!(Moments::new(0, 3).is_err() && Moments::new(4, 0).is_err());
        assert!(Moments::new(4, 3).unwrap().covariance().is_err());
    }
}
