//! Fused softmax and cross-entropy with class labels; the probabilities are not stored.

mod fast;

use ndarray::{ArrayD, ArrayView1, ArrayViewD, Axis, IxDyn, Zip};
use tensor::gpu::{Argument, Call, Grid};
use tensor::sums::pairwise;
use tensor::{DType, Indices, Kernel, Real, Slice, Storage, Tensor};

use crate::launch::parts::mean_of_parts;
use crate::op::if_needed;
use crate::{Error, Op, Result, Var};

/// `mean over rows of -log softmax(x)[label]` for logits `[n, c]`, in the accumulator type.
#[derive(Debug, Clone)]
pub struct SoftmaxCrossEntropy {
    /// The class of each row, below `c`.
    pub labels: Indices,
}

/// The maximum `m` and `sum(exp(x - m))`. They are returned separately, because for large logits `m + log(sum)` would
/// lose precision.
fn largest_and_sum<A: Real>(row: ArrayView1<'_, A>) -> (A, A) {
    let largest = row.iter().copied().fold(A::neg_infinity(), A::max);
    (largest, pairwise(row.iter().map(|&x| (x - largest).exp())))
}

/// A grid with one warp per row, limited because the kernels use grid-stride loops.
fn a_warp_for_each_row(rows: usize) -> Grid {
    Grid::over(32 * rows)
}

impl SoftmaxCrossEntropy {
    /// Checks that the labels match logits of this shape.
    fn check(&self, logits: &[usize]) -> Result<()> {
        let mismatch =
            |expected: String, got: String| Err(Error::Indices { op: <Self as Op<1>>::NAME, expected, got });
        let &[n, c] = logits else {
            let expected = "logits [rows, classes]";
            return Err(tensor::Error::shape(<Self as Op<1>>::NAME, expected, &[logits]).into());
        };
        if n == 0 || self.labels.len() != n {
            let got = format!("{} labels for {n} rows", self.labels.len());
            return mismatch("one label for each row, and at least one row".into(), got);
        }
        match self.labels.max() {
            Some(label) if label as usize >= c => {
                mismatch(format!("labels below {c}"), format!("label {label}"))
            }
            _ => Ok(()),
        }
    }
}

impl Kernel<1, 1> for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy"
    }

    fn shapes(&self, [logits]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match logits {
            [_, _] => Ok([vec![]]),
            _ => Err(tensor::Error::shape(self.name(), "logits [rows, classes]", &[logits])),
        }
    }

    fn output_dtypes(&self) -> [Storage; 1] {
        [Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [logits]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let rows = logits.axis_iter(Axis(0)).zip(self.labels.as_slice());
        let losses = rows.map(|(row, &label)| {
            let row = row.into_dimensionality().expect("the shape rule was checked");
            let (largest, sum) = largest_and_sum(row);
            sum.ln() - (row[label as usize] - largest)
        });
        [ArrayD::from_elem(IxDyn(&[]), pairwise(losses) / A::of(self.labels.len()))]
    }

    fn launch(&self, call: Call<'_>, [logits]: [&Tensor; 1], [loss]: [&Tensor; 1]) -> tensor::Result<()> {
        let n = logits.shape()[0];
        let parts = call.scratch(&[n], DType::F32)?;
        let arguments = [
            Argument::Out(&parts),
            Argument::In(logits),
            Argument::Indices(&self.labels),
            Argument::Size(n),
            Argument::Size(logits.shape()[1]),
        ];
        call.launch("softmax_cross_entropy_parts", a_warp_for_each_row(n), &arguments)?;
        mean_of_parts(call, &parts, n, loss)
    }

    fn fast(&self, [logits]: [Slice<'_>; 1], [loss]: [&mut [f32]; 1]) -> bool {
        let sum = fast::sum_of_losses(logits.data, logits.shape[1], self.labels.as_slice());
        loss[0] = (sum / self.labels.len() as f64) as f32;
        true
    }
}

/// `dx = (softmax(x) - one_hot(label)) dloss / n`
#[derive(Debug, Clone)]
struct SoftmaxCrossEntropyGrad<'a> {
    labels: &'a Indices,
}

impl Kernel<2, 1> for SoftmaxCrossEntropyGrad<'_> {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy_grad"
    }

    fn shapes(&self, [logits, dloss]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        match (logits, dloss) {
            ([_, _], []) => Ok([logits.to_vec()]),
            _ => Err(tensor::Error::shape(self.name(), "logits [rows, classes], a scalar", &[logits, dloss])),
        }
    }

    fn input_dtypes(&self) -> [Storage; 2] {
        [Storage::Same, Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [logits, dloss]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let weight = dloss[IxDyn(&[])] / A::of(self.labels.len());
        let mut dx = logits.to_owned();
        for (mut row, &label) in dx.axis_iter_mut(Axis(0)).zip(self.labels.as_slice()) {
            let (largest, sum) =
                largest_and_sum(row.view().into_dimensionality().expect("the shape rule was checked"));
            Zip::from(&mut row).for_each(|x| *x = weight * ((*x - largest).exp() / sum));
            row[label as usize] -= weight;
        }
        [dx]
    }

    fn launch(
        &self,
        call: Call<'_>,
        [logits, dloss]: [&Tensor; 2],
        [dx]: [&Tensor; 1],
    ) -> tensor::Result<()> {
        let [n, c] = [logits.shape()[0], logits.shape()[1]];
        let arguments = [
            Argument::Out(dx),
            Argument::In(logits),
            Argument::Indices(self.labels),
            Argument::In(dloss),
            Argument::Size(n),
            Argument::Size(c),
        ];
        call.launch(self.name(), a_warp_for_each_row(n), &arguments)
    }

    fn fast(&self, [logits, dloss]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        let weight = dloss.data[0] / self.labels.len() as f32;
        fast::gradient(logits.data, dx, logits.shape[1], self.labels.as_slice(), weight);
        true
    }
}

impl Op<1> for SoftmaxCrossEntropy {
    const NAME: &'static str = "softmax_cross_entropy";

    /// The logits.
    type Saved = Tensor;

    fn forward(&self, [logits]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        self.check(logits.shape())?;
        Ok((tensor::run(self, [logits])?, logits.clone()))
    }

    fn backward(
        &self,
        logits: &Tensor,
        [dloss]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&SoftmaxCrossEntropyGrad { labels: &self.labels }, [logits, dloss])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// The mean cross-entropy of logits `[n, c]` with `n` class labels; a scalar in the accumulator type.
    ///
    /// # Errors
    /// Unless there is one label below `c` for each row.
    pub fn softmax_cross_entropy(&self, labels: &Indices) -> Result<Self> {
        let [loss] = self.tape.apply(SoftmaxCrossEntropy { labels: labels.clone() }, [self])?;
        Ok(loss)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use tensor::Indices;

    use super::SoftmaxCrossEntropy;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, swept, tile, values};

    impl Cases<1> for SoftmaxCrossEntropy {
        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_scores(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            prop_oneof![3 => of_size((1..5usize).boxed(), 1..6), 1 => of_size((1..3usize).boxed(), 15..36)]
                .boxed()
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(prop_oneof![64..200usize, tile()].boxed(), 256..1024)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 2], &[3, 2, 17, 7], |[n, c]| of_size(Just(n).boxed(), c..c + 1))
        }
    }

    fn of_size(
        rows: BoxedStrategy<usize>,
        classes: Range<usize>,
    ) -> BoxedStrategy<Case<SoftmaxCrossEntropy, 1>> {
        (rows, classes)
            .prop_then(|(n, c)| (values(&[n, c]), vec(0..c as u32, n), any::<bool>(), Just(n + c)))
            .prop_map(|(logits, mut labels, ends_with_last, reduced)| {
                // Labels are biased towards the extreme case, the last class in the last row.
                if ends_with_last && let Some(last) = labels.last_mut() {
                    *last = logits.shape()[1] as u32 - 1;
                }
                let op = SoftmaxCrossEntropy { labels: Indices::new(labels) };
                Case { op, inputs: [logits], reduced }
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{Indices, Tensor};

    use crate::Tape;

    #[test]
    fn large_logits_neither_overflow_nor_lose_precision() {
        for logits in [[1e4f32, 0.0, -1e4], [-1e4, -1e4, -1e4], [80.0, -80.0, 0.0]] {
            let tape = Tape::new();
            let x = tape.input(&Tensor::from_slice(&logits, &[1, 3]).unwrap());
            let loss = x.softmax_cross_entropy(&Indices::new(vec![0])).unwrap();
            let dx = tape.backward(&loss).unwrap().of(&x).unwrap().to_f64_vec();
            assert!(
                loss.value().item().unwrap().is_finite() && dx.iter().all(|x| x.is_finite()),
                "{logits:?}"
            );
            // The probabilities sum to 1, so the gradient sums to 0 up to three roundings.
            assert!(dx.iter().sum::<f64>().abs() <= 3.0 * f64::from(f32::EPSILON));
        }
    }

    #[test]
    fn rows_of_any_length_and_content_agree_with_the_reference() {
        for (classes, odd) in [15, 16, 17, 40].into_iter().flat_map(|classes| {
            [0.0, 1e4, f32::NEG_INFINITY, f32::INFINITY, f32::NAN].map(|odd| (classes, odd))
        }) {
            for place in [0, classes / 2, classes - 1] {
                let mut logits: Vec<f32> = (0..2 * classes).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
                logits[place] = odd;
                let logits = Tensor::from_vec(logits, &[2, classes]).unwrap();
                let labels = Indices::new(vec![1, 2]);
                let kernel = super::SoftmaxCrossEntropy { labels: labels.clone() };
                let grad = super::SoftmaxCrossEntropyGrad { labels: &labels };
                let one = Tensor::full(1.0, &[], tensor::DType::F32);
                let fast = [
                    tensor::run(&kernel, [&logits]).unwrap()[0].to_f64_vec(),
                    tensor::run(&grad, [&logits, &one]).unwrap()[0].to_f64_vec(),
                ];
                let reference = [
                    tensor::run_reference(&kernel, [&logits]).unwrap()[0].to_f64_vec(),
                    tensor::run_reference(&grad, [&logits, &one]).unwrap()[0].to_f64_vec(),
                ];
                for (fast, reference) in fast.iter().flatten().zip(reference.iter().flatten()) {
                    let same = fast == reference || fast.is_nan() && reference.is_nan();
                    // The sums of exponentials are in different orders, and the losses are up to 1e4.
                    let near = (fast - reference).abs() <= 1e-5 * (1.0 + reference.abs());
                    assert!(same || near, "{classes} classes, {odd} at {place}: {fast} {reference}");
                }
            }
        }
    }

    #[test]
    fn labels_that_do_not_fit_are_an_error_that_names_the_label() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], tensor::DType::F32));
        let message = |labels| x.softmax_cross_entropy(&Indices::new(labels)).unwrap_err().to_string();
        assert_eq!(message(vec![0, 3]), "softmax_cross_entropy: expected labels below 3, got label 3");
        assert!(message(vec![0]).contains("1 labels for 2 rows"));
    }
}
