//! Evaluation of linear codes on held-out samples.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::corruption::Corruption;
use crate::denoising::Denoising;
use crate::evaluation::{correct, one_hot};
use crate::part::{columns, rows};
use crate::{Alignment, Result, check, linalg};

/// The first optimal denoising codes, orthonormal on the training samples, with their least-squares classifier; see
/// [`Denoising::codes`].
///
/// They include the codes of all smaller sizes: the first `k` rows of the encoder give the code of `k` dimensions.
#[derive(Debug, Clone)]
pub struct Codes {
    mean: Array1<f64>,
    frequencies: Array1<f64>,
    /// The encoder, `[k, d]`; the codes of the training samples have mean zero, variance 1 and no correlation.
    encoder: Array2<f64>,
    /// The classifier, `[k, classes]`.
    classifier: Array2<f64>,
}

/// The results of least-squares classifiers for codes of several sizes; see [`Codes::judge`].
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// The squared error of each sample's scores to its one-hot label, `[n, sizes]`.
    pub squared_errors: Array2<f64>,
    /// Whether the prediction of each sample is correct, `[n, sizes]`.
    pub correct: Array2<bool>,
}

impl Denoising {
    /// The first `k` dimensions of the optimal codes under this corruption, for clean samples, as in
    /// [`Denoising::alignment`].
    ///
    /// Fails if the corruption does not apply to these samples, or if `k` is not between 1 and [`Denoising::rank`].
    pub fn codes(&self, corruption: &Corruption, k: usize) -> Result<Codes> {
        check::dimensions("dimensions of the code", k, 1..=self.rank())?;
        Ok(self.codes_of(self.decoded_units(corruption)?, k))
    }

    /// [`Denoising::alignment`], and [`Denoising::codes`] of `k` dimensions, at 4/3 of the cost of the former.
    ///
    /// Fails if either does.
    pub fn alignment_and_codes(&self, corruption: &Corruption, k: usize) -> Result<(Alignment, Codes)> {
        check::dimensions("dimensions of the code", k, 1..=self.rank())?;
        let decoded = self.decoded_units(corruption)?;
        Ok((self.alignment_of(decoded.clone())?, self.codes_of(decoded, k)))
    }

    /// The first `k` of the directions whose decoded codes are the columns of `decoded`; those of the components if it
    /// is `None`.
    pub(crate) fn codes_of(&self, decoded: Option<Array2<f64>>, k: usize) -> Codes {
        let to_unit = self.to_unit();
        let labels = self.label_covariance() * &to_unit; // [r, classes]
        let units = &self.span() * &to_unit; // [r, d]
        let first = |of: ArrayView2<'_, f64>| rows(of, ..k).as_standard_layout().into_owned();
        let (encoder, classifier) = match decoded {
            Some(decoded) => {
                let all = linalg::onto_columns(decoded, Array2::eye(self.rank())); // Q^T
                let directions = first(all.view());
                let [encoder, classifier] =
                    [&units, &labels].map(|of| linalg::dot(directions.view(), of.view()));
                (encoder, classifier)
            }
            None => (first(units.view()), first(labels.view())),
        };
        Codes {
            mean: self.mean().to_owned(),
            frequencies: self.frequencies().to_owned(),
            encoder,
            classifier,
        }
    }
}

impl Codes {
    /// Evaluates the classifiers that use the first dimensions of the code, for each of `sizes`, on samples `x: [n, d]`
    /// with labels. Size 0 is the constant prediction of the class frequencies, which is the baseline of `R^2`.
    ///
    /// Fails if `x` does not have `d` columns, if there is not one label per row below the number of classes, or if a
    /// size is larger than the code.
    pub fn judge(&self, x: ArrayView2<'_, f64>, labels: &[u8], sizes: &[usize]) -> Result<HeldOut> {
        check::samples_of_width("samples", x, self.mean.len())?;
        check::labels(labels, x.nrows(), self.frequencies.len())?;
        for &size in sizes {
            check::dimensions("dimensions of the code", size, 0..=self.encoder.nrows())?;
        }
        let codes = linalg::dot((&x - &self.mean).view(), self.encoder.t());
        let targets = one_hot(labels, self.frequencies.len());
        let mut squared_errors = Array2::zeros((x.nrows(), sizes.len()));
        let mut found = Array2::from_elem((x.nrows(), sizes.len()), false);
        for (place, &size) in sizes.iter().enumerate() {
            let (codes, classifier) = (columns(codes.view(), ..size), rows(self.classifier.view(), ..size));
            let scores = codes.dot(&classifier) + &self.frequencies;
            let gaps = &scores - &targets;
            squared_errors.column_mut(place).assign(&gaps.map_axis(Axis(1), |gap| gap.dot(&gap)));
            found.column_mut(place).assign(&Array1::from(correct(scores.view(), labels)));
        }
        Ok(HeldOut { squared_errors, correct: found })
    }
}

impl HeldOut {
    /// The held-out `R^2` of each size, `1 - (sum of squared errors) / (that of the baseline)`, where `baseline` is the
    /// index of the column of size 0. It may be negative. `None` if the baseline has no error.
    ///
    /// Fails if the index is out of bounds.
    pub fn r2(&self, baseline: usize) -> Result<Option<Array1<f64>>> {
        let n_sizes = self.squared_errors.ncols();
        check::dimensions("index of the baseline", baseline, 0..=n_sizes.saturating_sub(1))?;
        let sums = self.squared_errors.sum_axis(Axis(0));
        let of_baseline = sums.get(baseline).copied().unwrap_or(0.0);
        Ok((of_baseline > 0.0).then(|| 1.0 - sums / of_baseline))
    }

    /// Top-1 accuracy for each size.
    pub fn accuracy(&self) -> Array1<f64> {
        let n = self.correct.nrows().max(1) as f64;
        self.correct.map_axis(Axis(0), |column| column.iter().filter(|&&correct| correct).count() as f64 / n)
    }

    /// Appends the results for other samples, for codes of the same sizes.
    ///
    /// Fails if the numbers of sizes differ.
    pub fn join(self, other: &Self) -> Result<Self> {
        check::samples_of_width("squared errors", other.squared_errors.view(), self.squared_errors.ncols())?;
        let Self { mut squared_errors, correct: mut found } = self;
        let both = [
            squared_errors.append(Axis(0), other.squared_errors.view()),
            found.append(Axis(0), other.correct.view()),
        ];
        match both.into_iter().all(|appended| appended.is_ok()) {
            true => Ok(Self { squared_errors, correct: found }),
            false => {
                Err(crate::Error::shape("samples to join", "the same number of sizes", "another number"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::tests as example;
    use crate::{Moments, Ridge};

    /// On the training samples, `R^2` equals that of the alignment for any corruption.
    #[test]
    fn on_the_training_samples_r2_is_that_of_the_alignment() {
        let (x, labels) = example::problem(300, 2);
        let denoising = Denoising::new(&Moments::of(x.view(), &labels, example::CLASSES).unwrap()).unwrap();
        let sizes: Vec<usize> = (0..=50).collect();
        for corruption in example::corruptions() {
            let codes = denoising.codes(&corruption, 50).unwrap();
            let judged = codes.judge(x.view(), &labels, &sizes).unwrap();
            let (got, expected) =
                (judged.r2(0).unwrap().unwrap(), denoising.alignment(&corruption).unwrap().r2);
            assert_eq!(got[0], 0.0);
            let (alignment, same) = denoising.alignment_and_codes(&corruption, 50).unwrap();
            assert_eq!(alignment, denoising.alignment(&corruption).unwrap());
            assert_eq!(same.judge(x.view(), &labels, &sizes).unwrap(), judged);
            let worst =
                got.iter().skip(1).zip(&expected).fold(0.0f64, |worst, (a, b)| worst.max((a - b).abs()));
            // The tolerance is that between the two computations of the alignment itself.
            assert!(worst < 1e-10, "{corruption:?}: {worst:e}");
        }
    }

    /// With codes of all dimensions, the results are those of least squares from the samples, also on other samples.
    #[test]
    fn codes_of_all_dimensions_are_least_squares_on_other_samples() {
        let (x, labels) = example::problem(500, 3);
        let ((x, other), (labels, labels_of_other)) = (x.view().split_at(Axis(0), 300), labels.split_at(300));
        let moments = Moments::of(x, labels, example::CLASSES).unwrap();
        let denoising = Denoising::new(&moments).unwrap();
        let ridge = Ridge::of_moments(&moments, 0.0).unwrap();
        let expected = ridge.one_hot_mse(other, labels_of_other).unwrap() * example::CLASSES as f64;
        for corruption in example::corruptions() {
            let codes = denoising.codes(&corruption, 50).unwrap();
            let judged = codes.judge(other, labels_of_other, &[0, 50]).unwrap();
            let got = judged.squared_errors.column(1).sum() / 200.0;
            assert!((got - expected).abs() < 1e-8 * expected, "{corruption:?}: {got} {expected}");
            assert_eq!(judged.accuracy()[1], ridge.accuracy(other, labels_of_other).unwrap());
            let [first, second] = [0..90, 90..200].map(|range: std::ops::Range<usize>| {
                codes.judge(rows(other, range.clone()), &labels_of_other[range], &[0, 50]).unwrap()
            });
            let joined = first.join(&second).unwrap();
            assert_eq!(joined.correct, judged.correct);
            // A product of 50 terms may be summed in another order.
            let gap = (&joined.squared_errors - &judged.squared_errors).mapv(f64::abs).sum();
            assert!(gap < 1e-10 * judged.squared_errors.sum());
        }
    }

    /// With many pixels, random labels of a few training samples are explained, but not those of other samples.
    #[test]
    fn random_labels_are_explained_on_training_samples_only() {
        let mut noise = crate::noise::Noise::new(4);
        let (x, labels) = (noise.normal(240, 50), noise.labels(240, 2));
        let ((x, other), (labels, labels_of_other)) = (x.view().split_at(Axis(0), 120), labels.split_at(120));
        let denoising = Denoising::new(&Moments::of(x, labels, 2).unwrap()).unwrap();
        let codes = denoising.codes(&Corruption::None, 50).unwrap();
        let fitted = codes.judge(x, labels, &[0, 50]).unwrap().r2(0).unwrap().unwrap()[1];
        let held_out = codes.judge(other, labels_of_other, &[0, 50]).unwrap().r2(0).unwrap().unwrap()[1];
        // 50 of 119 directions explain labels by chance, with a standard deviation of 0.064.
        assert!((fitted - 50.0 / 119.0).abs() < 4.0 * 0.064 && held_out < 0.0, "{fitted} {held_out}");
    }

    #[test]
    fn invalid_sizes_and_joins_of_different_sizes_are_refused() {
        let (x, labels) = example::problem(60, 5);
        let denoising = Denoising::new(&Moments::of(x.view(), &labels, example::CLASSES).unwrap()).unwrap();
        assert!(
            denoising.codes(&Corruption::None, 0).is_err() && denoising.codes(&Corruption::None, 51).is_err()
        );
        let codes = denoising.codes(&Corruption::None, 3).unwrap();
        assert!(codes.judge(x.view(), &labels, &[4]).is_err());
        let [one, two] = [vec![0], vec![0, 1]].map(|sizes| codes.judge(x.view(), &labels, &sizes).unwrap());
        assert!(one.join(&two).is_err() && two.r2(2).is_err());
    }
}
