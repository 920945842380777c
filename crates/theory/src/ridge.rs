//! Ridge regression (Hoerl and Kennard, 1970) in closed form, as a linear probe of representations.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::centred::centred;
use crate::evaluation::{accuracy, correct, one_hot};
use crate::{Moments, Result, check, linalg};

/// `y = mean_y + (x - mean_x) W`, with the `W: [d, m]` that minimises
///
/// ```text
/// mean |y - prediction|^2 + penalty * (tr Sx / d) * |W|^2
/// W = (Sx + penalty * (tr Sx / d) I)^-1 Sxy
/// ```
///
/// The intercept is not penalised. The penalty is relative to `tr Sx / d`, the mean eigenvalue of the covariance, so
/// its effect does not depend on the scale of the representation. It costs one `d × d` factorisation, also for `n < d`.
#[derive(Debug, Clone)]
pub struct Ridge {
    mean_x: Array1<f64>,
    mean_y: Array1<f64>,
    weight: Array2<f64>,
}

/// Inputs with a factored covariance, for ridge regressions with any number of targets. Many target columns, such as
/// pixels, can thus be fitted in blocks.
#[derive(Debug, Clone)]
pub struct RidgeInputs {
    mean: Array1<f64>,
    /// The centred inputs, `[n, d]`.
    x: Array2<f64>,
    /// `L` with `L L^T = Sx + penalty * (tr Sx / d) I`.
    factor: Array2<f64>,
}

impl RidgeInputs {
    /// Factors the covariance of `x: [n, d]`.
    ///
    /// Fails as [`Ridge::fit`] does.
    pub fn new(x: ArrayView2<'_, f64>, penalty: f64) -> Result<Self> {
        check::samples("inputs", x, 1)?;
        let n = x.nrows() as f64;
        let (mean, x) = centred(x);
        let factor = factored(x.t().dot(&x) / n, penalty)?;
        Ok(Self { mean, x, factor })
    }

    /// Fits the targets `y: [n, m]`.
    ///
    /// Fails if the number of rows of `y` differs, or if a value is not finite.
    pub fn fit(&self, y: ArrayView2<'_, f64>) -> Result<Ridge> {
        check::samples("targets", y, 1)?;
        check::rows("targets", y.nrows(), self.x.nrows())?;
        let (mean_y, y) = centred(y);
        let cross = self.x.t().dot(&y) / self.x.nrows() as f64;
        let weight = linalg::solve_factored(self.factor.view(), cross)?;
        Ok(Ridge { mean_x: self.mean.clone(), mean_y, weight })
    }
}

impl Ridge {
    /// Fits `y: [n, m]` to `x: [n, d]`.
    ///
    /// Fails if there are no rows, if the numbers of rows differ, if a value is not finite, if the penalty is negative
    /// or not finite, or if the columns of `x` are linearly dependent and there is no penalty.
    pub fn fit(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, penalty: f64) -> Result<Self> {
        RidgeInputs::new(x, penalty)?.fit(y)
    }

    /// Fits one-hot labels to `x: [n, d]`.
    ///
    /// Fails as [`Ridge::fit`] does, and if there is not one label per row, below `classes`.
    pub fn fit_classes(x: ArrayView2<'_, f64>, labels: &[u8], classes: usize, penalty: f64) -> Result<Self> {
        Self::of_moments(&Moments::of(x, labels, classes)?, penalty)
    }

    /// Fits one-hot labels from the moments of samples.
    ///
    /// Fails as [`Ridge::fit`] does.
    pub fn of_moments(moments: &Moments, penalty: f64) -> Result<Self> {
        let factor = factored(moments.covariance()?, penalty)?;
        Ok(Self {
            mean_x: moments.mean().to_owned(),
            mean_y: moments.class_frequencies()?,
            weight: linalg::solve_factored(factor.view(), moments.label_covariance()?)?,
        })
    }

    /// `W`, `[d, m]`.
    pub fn weight(&self) -> ArrayView2<'_, f64> {
        self.weight.view()
    }

    /// The prediction for the mean input, `[m]`.
    pub fn mean_target(&self) -> ArrayView1<'_, f64> {
        self.mean_y.view()
    }

    /// The predictions `[n, m]` for `x: [n, d]`.
    ///
    /// Fails if `x` has no rows, does not have `d` columns, or has values that are not finite.
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        check::samples_of_width("inputs", x, self.mean_x.len())?;
        Ok((&x - &self.mean_x).dot(&self.weight) + &self.mean_y)
    }

    /// Top-1 accuracy on `x: [n, d]`: the fraction of rows whose highest prediction is that of the label.
    ///
    /// Fails as [`Ridge::predict`] does, and if there is not one label for each row, below `m`.
    pub fn accuracy(&self, x: ArrayView2<'_, f64>, labels: &[u8]) -> Result<f64> {
        check::labels(labels, x.nrows(), self.mean_y.len())?;
        Ok(accuracy(self.predict(x)?.view(), labels))
    }

    /// For each row of `x: [n, d]`, whether the highest prediction is that of the label; [`Ridge::accuracy`] is the
    /// mean.
    ///
    /// Fails as [`Ridge::accuracy`] does.
    pub fn correct(&self, x: ArrayView2<'_, f64>, labels: &[u8]) -> Result<Vec<bool>> {
        check::labels(labels, x.nrows(), self.mean_y.len())?;
        Ok(correct(self.predict(x)?.view(), labels))
    }

    /// The mean squared error of the predictions for `x: [n, d]` with targets `y: [n, m]`.
    ///
    /// Fails as [`Ridge::predict`] does, and if the shape of `y` does not match or a value is not finite.
    pub fn mse(&self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
        let mut sum = 0.0;
        self.add_squared_errors(x, y, &mut sum)?;
        Ok(sum / y.len() as f64)
    }

    /// The squared errors of the predictions for each row of `x: [n, d]`, whose targets are `y: [n, m]`, summed over columns.
    ///
    /// Fails as [`Ridge::mse`] does.
    pub fn squared_errors(&self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
        check::samples_of_width("targets", y, self.mean_y.len())?;
        check::rows("targets", y.nrows(), x.nrows())?;
        let gaps = self.predict(x)? - y;
        Ok(gaps.map_axis(Axis(1), |row| row.dot(&row)))
    }

    /// Adds the squared errors of the predictions for `x: [n, d]`, whose targets are `y: [n, m]`, to a sum one by one,
    /// so that blocks of rows give the same bits as all rows at once.
    ///
    /// Fails as [`Ridge::mse`] does.
    pub fn add_squared_errors(
        &self,
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        sum: &mut f64,
    ) -> Result<()> {
        check::samples_of_width("targets", y, self.mean_y.len())?;
        check::rows("targets", y.nrows(), x.nrows())?;
        let predictions = self.predict(x)?;
        for (prediction, target) in predictions.iter().zip(y) {
            *sum += (prediction - target) * (prediction - target);
        }
        Ok(())
    }

    /// The mean squared error with one-hot labels as targets.
    ///
    /// Fails as [`Ridge::accuracy`] does.
    pub fn one_hot_mse(&self, x: ArrayView2<'_, f64>, labels: &[u8]) -> Result<f64> {
        check::labels(labels, x.nrows(), self.mean_y.len())?;
        self.mse(x, one_hot(labels, self.mean_y.len()).view())
    }
}

/// The Cholesky factor of the covariance with the penalty on its diagonal.
fn factored(mut covariance: Array2<f64>, penalty: f64) -> Result<Array2<f64>> {
    if !(penalty >= 0.0 && penalty.is_finite()) {
        return Err(crate::Error::out_of_range("penalty", "at least 0 and finite", penalty));
    }
    let mean_eigenvalue = covariance.diag().mean().expect("inputs have at least one column");
    // If the inputs are constant, any positive scale gives a weight of zero.
    let scale = if mean_eigenvalue > 0.0 { mean_eigenvalue } else { 1.0 };
    covariance.diag_mut().mapv_inplace(|variance| variance + penalty * scale);
    let hint = "use a penalty above 0 if columns are linearly dependent";
    linalg::factor_positive("covariance of the inputs", hint, covariance.view())
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array, concatenate};

    use super::*;
    use crate::gap::largest;
    use crate::noise::Noise;
    use crate::part::{self, rows};

    fn assert_close(got: ArrayView2<'_, f64>, expected: ArrayView2<'_, f64>, tolerance: f64) {
        let worst = largest(&(&got - &expected));
        assert!(worst <= tolerance, "{worst:e}");
    }

    /// The tolerance for sums of 40 products of values of magnitude 1; the covariance of 40 normal samples is far from
    /// singular.
    const TOLERANCE: f64 = 40.0 * 100.0 * f64::EPSILON;

    #[test]
    fn an_affine_map_is_recovered() {
        let x = Noise::new(1).normal(40, 3) + 5.0;
        let map = array![[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]];
        let y = x.dot(&map) + array![7.0, -7.0];
        let ridge = Ridge::fit(x.view(), y.view(), 0.0).unwrap();
        assert_close(ridge.weight(), map.view(), TOLERANCE);
        assert_close(ridge.predict(x.view()).unwrap().view(), y.view(), 10.0 * TOLERANCE);
        assert!(ridge.mse(x.view(), y.view()).unwrap() < TOLERANCE);
    }

    #[test]
    fn the_gradient_of_the_penalised_error_is_zero() {
        let mut noise = Noise::new(2);
        let [x, y] = [3, 2].map(|columns| noise.normal(40, columns));
        let penalty = 0.3;
        let ridge = Ridge::fit(x.view(), y.view(), penalty).unwrap();
        let residual = ridge.predict(x.view()).unwrap() - &y;
        let centred = &x - &x.mean_axis(Axis(0)).unwrap();
        let scale = centred.mapv(|value| value * value).sum() / 40.0 / 3.0;
        let gradient = centred.t().dot(&residual) / 40.0 + penalty * scale * &ridge.weight();
        assert_close(gradient.view(), Array2::zeros((3, 2)).view(), TOLERANCE);
        assert!(residual.mean_axis(Axis(0)).unwrap().iter().all(|mean| mean.abs() < TOLERANCE));
    }

    #[test]
    fn predictions_are_invariant_to_the_scale_of_the_inputs() {
        let mut noise = Noise::new(3);
        let [x, y] = [3, 2].map(|columns| noise.normal(40, columns));
        let predictions = [1.0, 1e-3, 1e3].map(|scale| {
            let x = scale * &x;
            Ridge::fit(x.view(), y.view(), 0.1).unwrap().predict(x.view()).unwrap()
        });
        for scaled in &predictions[1..] {
            assert_close(scaled.view(), predictions[0].view(), TOLERANCE);
        }
    }

    #[test]
    fn classes_are_fitted_as_one_hot_targets() {
        let mut noise = Noise::new(4);
        let labels = noise.labels(40, 3);
        let x = noise.normal(40, 3) + 2.0 * one_hot(&labels, 3);
        let of_classes = Ridge::fit_classes(x.view(), &labels, 3, 0.01).unwrap();
        let of_targets = Ridge::fit(x.view(), one_hot(&labels, 3).view(), 0.01).unwrap();
        assert_close(of_classes.weight(), of_targets.weight(), TOLERANCE);
        assert!(
            (&of_classes.mean_target() - &of_targets.mean_target()).iter().all(|gap| gap.abs() < TOLERANCE)
        );
        let by_hand = of_targets.mse(x.view(), one_hot(&labels, 3).view()).unwrap();
        assert!((of_classes.one_hot_mse(x.view(), &labels).unwrap() - by_hand).abs() < TOLERANCE);
        let accuracy = of_classes.accuracy(x.view(), &labels).unwrap();
        assert!(accuracy > 0.7);
        let correct = of_classes.correct(x.view(), &labels).unwrap();
        assert_eq!(correct.iter().filter(|&&correct| correct).count() as f64 / 40.0, accuracy);
    }

    #[test]
    fn targets_may_come_in_blocks_of_columns_and_tests_in_blocks_of_rows() {
        let mut noise = Noise::new(6);
        let [x, y] = [12, 700].map(|columns| noise.normal(90, columns));
        let whole = Ridge::fit(x.view(), y.view(), 0.1).unwrap();
        let inputs = RidgeInputs::new(x.view(), 0.1).unwrap();
        let mut by_columns = 0.0;
        for start in (0..700).step_by(300) {
            let of_block = part::columns(y.view(), start..700.min(start + 300));
            let fitted = inputs.fit(of_block).unwrap();
            let expected = part::columns(whole.weight(), start..700.min(start + 300));
            assert_close(fitted.weight(), expected, TOLERANCE);
            fitted.add_squared_errors(x.view(), of_block, &mut by_columns).unwrap();
        }
        let mse = whole.mse(x.view(), y.view()).unwrap();
        assert!((by_columns / y.len() as f64 - mse).abs() < TOLERANCE);
        let by_rows = whole.squared_errors(x.view(), y.view()).unwrap();
        assert!((by_rows.len(), (by_rows.sum() / y.len() as f64 - mse).abs() < TOLERANCE) == (90, true));
        // Blocks of rows give the same bits: each row is computed independently, and the sum is continued.
        let mut by_rows = 0.0;
        for start in (0..90).step_by(32) {
            let [x, y] = [&x, &y].map(|of| rows(of.view(), start..90.min(start + 32)));
            whole.add_squared_errors(x, y, &mut by_rows).unwrap();
        }
        assert_eq!(by_rows / y.len() as f64, mse);
    }

    #[test]
    fn constant_inputs_predict_the_mean() {
        let same = Array2::from_elem((6, 2), 0.1);
        let ridge = Ridge::fit_classes(same.view(), &[0, 1, 1, 1, 0, 1], 2, 1e-3).unwrap();
        let shares = ridge.predict(array![[5.0, 5.0]].view()).unwrap();
        assert_eq!(shares, array![[2.0 / 6.0, 4.0 / 6.0]]);
        assert_eq!(ridge.accuracy(same.view(), &[0, 1, 1, 1, 0, 1]).unwrap(), 4.0 / 6.0);
    }

    #[test]
    fn constant_columns_need_a_penalty_and_invalid_input_is_refused() {
        let mut x = Noise::new(5).normal(6, 2);
        x.column_mut(1).fill(0.1);
        let y = Array2::ones((6, 1));
        let complaint = |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, penalty| {
            Ridge::fit(x, y, penalty).map(|_| ()).unwrap_err().to_string()
        };
        let singular = "covariance of the inputs: expected a positive definite 2 × 2 matrix, got one that is \
             singular or indefinite; use a penalty above 0 if columns are linearly dependent";
        assert_eq!(complaint(x.view(), y.view(), 0.0), singular);
        for seed in 0..20 {
            let column = Noise::new(seed).normal(6, 1);
            let twins = concatenate![Axis(1), column, column];
            assert_eq!(complaint(twins.view(), y.view(), 0.0), singular);
        }
        assert!(Ridge::fit(x.view(), y.view(), 1e-6).is_ok());
        let few = complaint(x.view(), rows(y.view(), 1..), 1.0);
        assert_eq!(few, "targets: expected 6, one for each sample, got 5");
        assert_eq!(complaint(x.view(), y.view(), -1.0), "penalty: expected at least 0 and finite, got -1");
        assert!(Ridge::fit(rows(x.view(), ..0), rows(y.view(), ..0), 1.0).is_err());
        assert!(Ridge::fit_classes(x.view(), &[0; 6], 0, 1.0).is_err());
    }
}
