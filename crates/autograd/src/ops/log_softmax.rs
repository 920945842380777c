//! The logarithm of the softmax over the last axis.

use ndarray::{ArrayD, ArrayViewD, Axis, Zip};
use tensor::gpu::Call;
use tensor::sums::pairwise;
use tensor::{Kernel, Real, Slice, Tensor, each_isa, math, rows};

use super::softmax::{each_block_of_rows, for_each_row, largest, launch_rows, row_length};
use crate::op::run_if;
use crate::{Op, Result, Var};

/// `x - ln sum(e^x)` over the last axis. It is finite even where the softmax underflows to zero.
#[derive(Debug, Clone, Copy)]
pub struct LogSoftmax;

each_isa! {
    /// Computes the log-softmax of each row.
    fn log_softmax_of_rows(x: &[f32], y: &mut [f32], columns: usize) {
        for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
            let most = rows::largest(x);
            let ln_sum = rows::sum(x, x, |x, _| math::exp(x - most)).ln();
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - most) - ln_sum);
        }
    }

    /// `dx = dy - softmax(x) sum(dy)` for each row.
    fn gradient_of_rows(x: &[f32], dy: &[f32], dx: &mut [f32], columns: usize) {
        let inputs = x.chunks_exact(columns).zip(dy.chunks_exact(columns));
        for ((x, dy), dx) in inputs.zip(dx.chunks_exact_mut(columns)) {
            let most = rows::largest(x);
            dx.iter_mut().zip(x).for_each(|(dx, &x)| *dx = math::exp(x - most));
            let sum = rows::sum(dx, dx, |exponential, _| exponential);
            let of_dy = rows::sum(dy, dy, |dy, _| dy);
            dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx = dy - *dx / sum * of_dy);
        }
    }
}

impl Kernel<1, 1> for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        row_length("log_softmax", x).map(|_| [x.to_vec()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let mut y = x.to_owned();
        for_each_row(&mut y, |mut row| {
            let most = largest(&row);
            let ln_sum = pairwise(row.iter().map(|&x| (x - most).exp())).ln();
            // The maximum is subtracted first: adding it to `ln_sum` would lose precision for large scores.
            row.mapv_inplace(|x| (x - most) - ln_sum);
        });
        [y]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        launch_rows(call, "log_softmax", inputs, y)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let columns = x.shape[x.shape.len() - 1];
        each_block_of_rows([x.data; 2], y, columns, |x, _, y| log_softmax_of_rows(x, y, columns));
        true
    }
}

/// `dx = dy - softmax(x) sum(dy)` for each row.
#[derive(Debug, Clone, Copy)]
struct LogSoftmaxGrad;

impl Kernel<2, 1> for LogSoftmaxGrad {
    fn name(&self) -> &'static str {
        "log_softmax_grad"
    }

    fn shapes(&self, [x, dy]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if x != dy {
            return Err(tensor::Error::shape("log_softmax_grad", "two equal shapes", &[x, dy]));
        }
        row_length("log_softmax_grad", x).map(|_| [x.to_vec()])
    }

    fn reference<A: Real>(&self, [x, dy]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let mut dx = dy.to_owned();
        let mut of_x = x.lanes(Axis(x.ndim() - 1)).into_iter();
        for_each_row(&mut dx, |mut dx| {
            let x = of_x.next().expect("as many rows");
            let most = largest(x);
            let sum = pairwise(x.iter().map(|&x| (x - most).exp()));
            let of_dy = pairwise(dx.iter().copied());
            Zip::from(&mut dx).and(&x).for_each(|dx, &x| *dx -= (x - most).exp() / sum * of_dy);
        });
        [dx]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        launch_rows(call, "log_softmax_grad", inputs, dx)
    }

    fn fast(&self, [x, dy]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        let columns = x.shape[x.shape.len() - 1];
        each_block_of_rows([x.data, dy.data], dx, columns, |x, dy, dx| gradient_of_rows(x, dy, dx, columns));
        true
    }
}

impl Op<1> for LogSoftmax {
    const NAME: &'static str = "log_softmax";

    /// The input: an output rounded to 16 bits would give less precise probabilities.
    type Saved = Tensor;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        Ok((tensor::run(self, [x])?, x.clone()))
    }

    fn backward(&self, x: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &LogSoftmaxGrad, [x, dy])?])
    }
}

impl<'t> Var<'t> {
    /// The logarithm of the softmax over the last axis, in the same shape.
    ///
    /// # Errors
    /// If there is no last axis or it is empty.
    pub fn log_softmax(&self) -> Result<Self> {
        let [y] = self.tape.apply(LogSoftmax, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::LogSoftmax;
    use crate::ops::softmax::cases;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};

    impl Cases<1> for LogSoftmax {
        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            cases::cases(LogSoftmax)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            cases::long_cases(LogSoftmax)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            cases::all_sizes(LogSoftmax)
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn a_vanishing_probability_has_a_finite_logarithm() {
        for dtype in DType::ALL {
            let tape = Tape::new();
            let x = Tensor::from_vec(vec![0.0, -1e4, 0.0, 0.0], &[2, 2]).unwrap().to_dtype(dtype);
            let y = tape.input(&x).log_softmax().unwrap();
            let half = Tensor::full(-std::f64::consts::LN_2, &[], dtype).item().unwrap();
            // The value nearest to -1e4 in this type.
            let vanishing = Tensor::full(-1e4, &[], dtype).item().unwrap();
            assert_eq!(y.value().to_f64_vec(), [0.0, vanishing, half, half], "{dtype}");
        }
    }
}
