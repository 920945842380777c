//! Mean squared error with one-hot labels, for classification by least squares.

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use tensor::gpu::{Argument, Call, Grid};
use tensor::sums::PairwiseSum;
use tensor::{DType, Indices, Kernel, Real, Slice, Storage, Tensor, vector};

use crate::launch::parts::mean_of_parts;
use crate::op::if_needed;
use crate::{Error, Op, Result, Var};

/// `mean((x - one_hot(label))^2)` over rows and classes for `x: [n, c]`, in the accumulator type.
#[derive(Debug, Clone)]
pub struct OneHotMse {
    /// The class of each row, below `c`.
    pub labels: Indices,
}

impl OneHotMse {
    /// Checks that the labels match outputs of this shape.
    fn check(&self, x: &[usize]) -> Result<()> {
        let mismatch =
            |expected: String, got: String| Err(Error::Indices { op: <Self as Op<1>>::NAME, expected, got });
        let &[n, c] = x else {
            let expected = "outputs [rows, classes]";
            return Err(tensor::Error::shape(<Self as Op<1>>::NAME, expected, &[x]).into());
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

impl Kernel<1, 1> for OneHotMse {
    fn name(&self) -> &'static str {
        "one_hot_mse"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match x {
            [_, _] => Ok([vec![]]),
            _ => Err(tensor::Error::shape(self.name(), "outputs [rows, classes]", &[x])),
        }
    }

    fn output_dtypes(&self) -> [Storage; 1] {
        [Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let mut sum = PairwiseSum::default();
        for (row, &label) in x.axis_iter(Axis(0)).zip(self.labels.as_slice()) {
            for (class, &x) in row.iter().enumerate() {
                let target = if class == label as usize { A::one() } else { A::zero() };
                sum.add((x - target) * (x - target));
            }
        }
        [ArrayD::from_elem(IxDyn(&[]), sum.total() / A::of(x.len()))]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [loss]: [&Tensor; 1]) -> tensor::Result<()> {
        let grid = Grid::over(x.len());
        let parts = call.scratch(&[grid.blocks[0] as usize], DType::F32)?;
        let arguments = [
            Argument::Out(&parts),
            Argument::In(x),
            Argument::Indices(&self.labels),
            Argument::Size(x.len()),
            Argument::Size(x.shape()[1]),
        ];
        call.launch("one_hot_mse_parts", grid, &arguments)?;
        mean_of_parts(call, &parts, x.len(), loss)
    }

    /// The term of the label's element is added separately, so that nothing is subtracted from a large sum.
    fn fast(&self, [x]: [Slice<'_>; 1], [loss]: [&mut [f32]; 1]) -> bool {
        let square = |x: &[f32]| vector::sum2(x, x, |x, _| x * x);
        let rows = x.data.chunks_exact(x.shape[1]).zip(self.labels.as_slice());
        let sum: f64 = rows
            .map(|(row, &label)| {
                let (before, rest) = row.split_at(label as usize);
                square(before) + f64::from(rest[0] - 1.0).powi(2) + square(&rest[1..])
            })
            .sum();
        loss[0] = (sum / x.data.len() as f64) as f32;
        true
    }
}

/// `dx = 2 (x - one_hot(label)) dloss / (n c)`
#[derive(Debug, Clone)]
struct OneHotMseGrad<'a> {
    labels: &'a Indices,
}

impl Kernel<2, 1> for OneHotMseGrad<'_> {
    fn name(&self) -> &'static str {
        "one_hot_mse_grad"
    }

    fn shapes(&self, [x, dloss]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        match (x, dloss) {
            ([_, _], []) => Ok([x.to_vec()]),
            _ => Err(tensor::Error::shape(self.name(), "outputs [rows, classes], a scalar", &[x, dloss])),
        }
    }

    fn input_dtypes(&self) -> [Storage; 2] {
        [Storage::Same, Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [x, dloss]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let factor = A::of(2) * dloss[IxDyn(&[])] / A::of(x.len());
        let mut dx = x.to_owned();
        for (mut row, &label) in dx.axis_iter_mut(Axis(0)).zip(self.labels.as_slice()) {
            row[label as usize] -= A::one();
        }
        [dx.mapv(|difference| factor * difference)]
    }

    fn launch(&self, call: Call<'_>, [x, dloss]: [&Tensor; 2], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        let arguments = [
            Argument::Out(dx),
            Argument::In(x),
            Argument::Indices(self.labels),
            Argument::In(dloss),
            Argument::Size(x.len()),
            Argument::Size(x.shape()[1]),
        ];
        call.launch(self.name(), Grid::over(dx.len()), &arguments)
    }

    fn fast(&self, [x, dloss]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        let factor = 2.0 * dloss.data[0] / x.data.len() as f32;
        vector::map(x.data, dx, move |x| factor * x);
        let classes = x.shape[1];
        for (row, &label) in self.labels.as_slice().iter().enumerate() {
            let place = row * classes + label as usize;
            dx[place] = factor * (x.data[place] - 1.0);
        }
        true
    }
}

impl Op<1> for OneHotMse {
    const NAME: &'static str = "one_hot_mse";

    /// The input.
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        self.check(x.shape())?;
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(
        &self,
        x: &Tensor,
        [dloss]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&OneHotMseGrad { labels: &self.labels }, [x, dloss])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// The mean squared error of outputs `[n, c]` with respect to one-hot labels; a scalar in the accumulator type.
    ///
    /// # Errors
    /// Unless there is one label below `c` for each row.
    pub fn one_hot_mse(&self, labels: &Indices) -> Result<Self> {
        let [loss] = self.tape.apply(OneHotMse { labels: labels.clone() }, [self])?;
        Ok(loss)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use tensor::Indices;

    use super::OneHotMse;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, swept, tile, values};

    impl Cases<1> for OneHotMse {
        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_scores(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size((1..5usize).boxed(), 1..6)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(prop_oneof![2..100usize, tile()].boxed(), 64..256)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 2], &[3, 2, 17, 7], |[n, c]| of_size(Just(n).boxed(), c..c + 1))
        }
    }

    fn of_size(rows: BoxedStrategy<usize>, classes: Range<usize>) -> BoxedStrategy<Case<OneHotMse, 1>> {
        (rows, classes)
            .prop_then(|(n, c)| (values(&[n, c]), vec(0..c as u32, n), any::<bool>(), Just(n * c)))
            .prop_map(|(x, mut labels, ends_with_last, reduced)| {
                // Labels are biased towards the extreme case, the last class in the last row.
                if ends_with_last && let Some(last) = labels.last_mut() {
                    *last = x.shape()[1] as u32 - 1;
                }
                let op = OneHotMse { labels: Indices::new(labels) };
                Case { op, inputs: [x], reduced }
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Indices, Tensor};

    use crate::Tape;

    #[test]
    fn the_mean_is_over_rows_and_classes() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec(vec![1.0f32, 0.0, 0.5, 0.5], &[2, 2]).unwrap());
        let loss = x.one_hot_mse(&Indices::new(vec![0, 1])).unwrap();
        assert_eq!(loss.value().item(), Ok(0.125));
        let gradients = tape.backward(&loss).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [0.0, 0.0, 0.25, -0.25]);
    }

    #[test]
    fn the_loss_of_16_bit_outputs_has_32_bits() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[3, 10], DType::F16));
        let loss = x.one_hot_mse(&Indices::new(vec![0, 4, 9])).unwrap();
        assert_eq!((loss.value().dtype(), loss.value().item()), (DType::F32, Ok(f64::from(0.1f32))));
        assert_eq!(tape.backward(&loss).unwrap().of(&x).unwrap().dtype(), DType::F16);
    }

    #[test]
    fn labels_that_do_not_fit_are_an_error_that_names_the_label() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], DType::F32));
        let message = |labels| x.one_hot_mse(&Indices::new(labels)).unwrap_err().to_string();
        assert_eq!(message(vec![0, 3]), "one_hot_mse: expected labels below 3, got label 3");
        assert!(message(vec![0]).contains("1 labels for 2 rows"));
        let row = tape.input(&Tensor::zeros(&[3], DType::F32));
        assert!(row.one_hot_mse(&Indices::new(vec![0])).unwrap_err().to_string().contains("[rows, classes]"));
    }
}
