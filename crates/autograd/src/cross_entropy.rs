//! Cross-entropy with ignored labels, class weights and label smoothing (Szegedy et al., 2016, arXiv 1512.00567),
//! composed of simpler operations.

use tensor::{Indices, Tensor};

use crate::{Error, Result, Var};

/// The settings of a cross-entropy of logits `[n, c]` to `n` class labels; by default it equals
/// [`Var::softmax_cross_entropy`], which is faster.
///
/// With weights `w`, smoothing `s` and `p` the softmax of a row with the label `y`, the loss is the sum over the rows that
/// are not ignored of `-(1 - s) w_y ln p_y - s / c sum_j w_j ln p_j`, divided by the sum of their `w_y`, as in PyTorch.
///
/// ```
/// use agon_autograd::{CrossEntropy, Tape};
/// use tensor::{Indices, Tensor};
///
/// let tape = Tape::new();
/// let logits = tape.input(&Tensor::from_vec(vec![2.0f32, -1.0, 0.5, 0.5], &[2, 2])?);
/// let settings = CrossEntropy { ignored: Some(9), label_smoothing: 0.1, ..CrossEntropy::default() };
/// let loss = settings.loss(&logits, &Indices::new(vec![0, 9]))?;
/// assert_eq!(tape.backward(&loss)?.of(&logits)?.to_f64_vec()[2..], [0.0, 0.0]);
/// # Ok::<(), agon_autograd::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CrossEntropy<'a> {
    /// The label of rows that are excluded from the loss; it need not be a valid class.
    pub ignored: Option<u32>,
    /// A positive weight for each class; 1 by default.
    pub class_weights: Option<&'a [f64]>,
    /// The fraction of each target that is spread evenly over all classes, in [0, 1).
    pub label_smoothing: f64,
}

const NAME: &str = "cross_entropy";

impl CrossEntropy<'_> {
    /// The loss of `logits` `[n, c]`, a scalar in the accumulator type of the logits.
    ///
    /// The targets are prepared on the CPU, so a recorded step cannot use this loss.
    ///
    /// [`Error::Op`] unless there is one label for each row, each label is below `c` or ignored, and at least one is
    /// not ignored; or for a setting outside of its range. [`tensor::Error::Elsewhere`] for labels on a GPU.
    pub fn loss<'t>(&self, logits: &Var<'t>, labels: &Indices) -> Result<Var<'t>> {
        let refused = |message: String| Error::Op { op: NAME, message };
        let &[n, c] = logits.shape() else {
            return Err(refused(format!("expected logits [n, c], got shape {:?}", logits.shape())));
        };
        let labels = labels.try_as_slice()?;
        if labels.len() != n {
            return Err(refused(format!("expected {n} labels, one for each row, got {}", labels.len())));
        }
        let smoothing = self.label_smoothing;
        if !(0.0..1.0).contains(&smoothing) {
            return Err(refused(format!("expected a label smoothing in [0, 1), got {smoothing}")));
        }
        let ones = vec![1.0; c];
        let weights = self.class_weights.unwrap_or(&ones);
        if weights.len() != c || !weights.iter().all(|weight| weight.is_finite() && *weight > 0.0) {
            return Err(refused(format!("expected {c} positive class weights, got {weights:?}")));
        }
        let (mut targets, mut total) = (vec![0.0; n * c], 0.0);
        for (row, (&label, target)) in labels.iter().zip(targets.chunks_exact_mut(c.max(1))).enumerate() {
            if Some(label) == self.ignored {
                continue;
            }
            let class = label as usize;
            if class >= c {
                return Err(refused(format!("expected labels below {c}, got {label} for row {row}")));
            }
            target
                .iter_mut()
                .zip(weights)
                .for_each(|(target, weight)| *target = smoothing / c as f64 * weight);
            target[class] += (1.0 - smoothing) * weights[class];
            total += weights[class];
        }
        if total == 0.0 {
            return Err(refused("expected at least one label that is not ignored, got none".into()));
        }
        let tape = logits.tape();
        let dtype = logits.value().dtype().accumulator();
        let on_device = |tensor: Tensor| tensor.to_dtype(dtype).to_device(&logits.value().device());
        let counted: Vec<bool> = targets.iter().map(|&target| target != 0.0).collect();
        let targets = tape.constant(&on_device(Tensor::from_vec(targets, &[n, c])?)?);
        let zero = tape.constant(&logits.value().scalar_like(0.0, dtype)?);
        // A class with probability 0 and target 0 would give `0 * infinity`.
        let ln_p = logits.to_dtype(dtype)?.log_softmax()?.select(&counted, &zero)?;
        ln_p.mul(&targets)?.sum()?.scale(-1.0 / total)
    }
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;
    use crate::{Tape, gradcheck};

    const WEIGHTS: [f64; 3] = [0.5, 2.0, 1.25];

    fn logits() -> Tensor {
        Tensor::from_vec(vec![0.3, -1.2, 0.7, 2.0, 0.1, -0.4, 0.0, 0.6, -0.9], &[3, 3]).unwrap()
    }

    fn loss(settings: CrossEntropy<'_>, logits: &Tensor, labels: &[u32]) -> Result<f64> {
        let tape = Tape::without_gradients();
        Ok(settings.loss(&tape.constant(logits), &labels.into())?.value().item()?)
    }

    #[test]
    fn without_settings_it_is_the_softmax_cross_entropy() {
        for dtype in DType::ALL {
            let x = logits().to_dtype(dtype);
            let tape = Tape::without_gradients();
            let plain = tape.constant(&x).softmax_cross_entropy(&Indices::new(vec![2, 0, 1])).unwrap();
            let own = loss(CrossEntropy::default(), &x, &[2, 0, 1]).unwrap();
            // About ten roundings of values of magnitude 1, in the accumulator type.
            assert!((own - plain.value().item().unwrap()).abs() <= 20.0 * dtype.accumulator().epsilon());
        }
    }

    #[test]
    fn all_settings_together_follow_the_formula() {
        let settings = CrossEntropy { ignored: Some(7), class_weights: Some(&WEIGHTS), label_smoothing: 0.2 };
        let (x, labels) = (logits(), [1, 7, 0]);
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, &label) in x.to_f64_vec().chunks_exact(3).zip(&labels).filter(|(_, label)| **label != 7) {
            let ln_sum = row.iter().map(|x| x.exp()).sum::<f64>().ln();
            let ln_p: Vec<f64> = row.iter().map(|x| x - ln_sum).collect();
            let smooth: f64 = ln_p.iter().zip(WEIGHTS).map(|(ln_p, weight)| weight * ln_p).sum();
            let y = label as usize;
            sum -= 0.8 * WEIGHTS[y] * ln_p[y] + 0.2 / 3.0 * smooth;
            total += WEIGHTS[y];
        }
        assert!((loss(settings, &x, &labels).unwrap() - sum / total).abs() < 1e-14);
        let checked = gradcheck(|[x]| settings.loss(&x, &Indices::from(&labels[..])), [&x]).unwrap();
        // Derivatives with respect to the ignored row are zero, so they are not resolved.
        assert_eq!((checked.elements, checked.resolved), (9, 6));
    }

    #[test]
    fn a_logit_of_minus_infinity_of_a_class_that_is_no_target_gives_no_nan() {
        let x = Tensor::from_vec(vec![1.0, f64::NEG_INFINITY], &[1, 2]).unwrap();
        assert_eq!(loss(CrossEntropy::default(), &x, &[0]), Ok(0.0));
    }

    #[test]
    fn labels_and_settings_that_do_not_fit_are_errors() {
        let plain = CrossEntropy::default();
        let message = |settings, labels: &[u32]| loss(settings, &logits(), labels).unwrap_err().to_string();
        assert_eq!(message(plain, &[0, 3, 1]), "cross_entropy: expected labels below 3, got 3 for row 1");
        assert_eq!(message(plain, &[0, 1]), "cross_entropy: expected 3 labels, one for each row, got 2");
        let ignored = CrossEntropy { ignored: Some(0), ..plain };
        assert_eq!(
            message(ignored, &[0; 3]),
            "cross_entropy: expected at least one label that is not ignored, got none"
        );
        for label_smoothing in [-0.1, 1.0, f64::NAN] {
            assert!(loss(CrossEntropy { label_smoothing, ..plain }, &logits(), &[0; 3]).is_err());
        }
        for class_weights in [&[1.0, 1.0][..], &[1.0, 0.0, 1.0], &[1.0, f64::INFINITY, 1.0]] {
            let settings = CrossEntropy { class_weights: Some(class_weights), ..plain };
            assert!(loss(settings, &logits(), &[0; 3]).is_err());
        }
        assert!(loss(plain, &Tensor::zeros(&[3], DType::F32), &[0; 3]).is_err());
        assert!(loss(plain, &Tensor::zeros(&[0, 0], DType::F32), &[]).is_err());
    }
}
