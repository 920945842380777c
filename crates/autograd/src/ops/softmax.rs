//! The softmax over the last axis.

use ndarray::{ArrayD, ArrayViewD, ArrayViewMut1, Axis, Zip};
use tensor::gpu::{Argument, Call, Grid};
use tensor::sums::pairwise;
use tensor::{Kernel, Real, Slice, Tensor, each_isa, math, rows};

use crate::op::run_if;
use crate::{Op, Result, Var};

/// The number of elements of a task of whole rows.
const ELEMENTS: usize = 4096;

/// `e^x / sum(e^x)` over the last axis. The maximum of each row is subtracted first, so that nothing overflows.
#[derive(Debug, Clone, Copy)]
pub struct Softmax;

/// The length of the last axis, along which the rows of the operation run.
///
/// # Errors
/// For a scalar, and for rows without elements.
pub(crate) fn row_length(op: &'static str, x: &[usize]) -> tensor::Result<usize> {
    match x {
        &[.., columns] if columns > 0 => Ok(columns),
        _ => Err(tensor::Error::shape(op, "a non-empty last axis", &[x])),
    }
}

/// The grid with one warp per row.
pub(crate) fn a_warp_for_each_row(x: &Tensor, columns: usize) -> Grid {
    Grid::over(32 * (x.len() / columns))
}

/// Launches `entry(out, x.., rows, columns)` with one warp per row.
pub(crate) fn launch_rows<const N: usize>(
    call: Call<'_>,
    entry: &'static str,
    inputs: [&Tensor; N],
    out: &Tensor,
) -> tensor::Result<()> {
    let columns = row_length(entry, out.shape())?;
    let mut arguments = vec![Argument::Out(out)];
    arguments.extend(inputs.map(Argument::In));
    arguments.extend([Argument::Size(out.len() / columns), Argument::Size(columns)]);
    call.launch(entry, a_warp_for_each_row(out, columns), &arguments)
}

/// Calls `work(x, y, out)` for blocks of whole rows of the two inputs and the output.
pub(crate) fn each_block_of_rows(
    [x, y]: [&[f32]; 2],
    out: &mut [f32],
    columns: usize,
    work: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
) {
    let block = (ELEMENTS / columns).max(1) * columns;
    let tasks = x.chunks(block).zip(y.chunks(block)).zip(out.chunks_mut(block));
    rows::each(x.len(), tasks, |((x, y), out)| work(x, y, out));
}

/// Applies `f` to each row of `out`.
pub(crate) fn for_each_row<A: Real>(out: &mut ArrayD<A>, f: impl FnMut(ArrayViewMut1<'_, A>)) {
    let last = Axis(out.ndim() - 1);
    out.lanes_mut(last).into_iter().for_each(f);
}

/// The maximum of a row.
pub(crate) fn largest<'a, A: Real>(row: impl IntoIterator<Item = &'a A>) -> A {
    row.into_iter().copied().fold(A::neg_infinity(), A::max)
}

each_isa! {
    /// Computes the softmax of each row.
    fn softmax_of_rows(x: &[f32], y: &mut [f32], columns: usize) {
        for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
            let most = rows::largest(x);
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = math::exp(x - most));
            let sum = rows::sum(y, y, |exponential, _| exponential);
            y.iter_mut().for_each(|y| *y /= sum);
        }
    }

    /// `dx = y (dy - sum(y dy))` for each row.
    fn gradient_of_rows(y: &[f32], dy: &[f32], dx: &mut [f32], columns: usize) {
        let inputs = y.chunks_exact(columns).zip(dy.chunks_exact(columns));
        for ((y, dy), dx) in inputs.zip(dx.chunks_exact_mut(columns)) {
            let mean = rows::sum(y, dy, |y, dy| y * dy);
            dx.iter_mut().zip(y).zip(dy).for_each(|((dx, &y), &dy)| *dx = y * (dy - mean));
        }
    }
}

impl Kernel<1, 1> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        row_length("softmax", x).map(|_| [x.to_vec()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let mut y = x.to_owned();
        for_each_row(&mut y, |mut row| {
            let most = largest(&row);
            row.mapv_inplace(|x| (x - most).exp());
            let sum = pairwise(row.iter().copied());
            row.mapv_inplace(|exponential| exponential / sum);
        });
        [y]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        launch_rows(call, "softmax", inputs, y)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let columns = x.shape[x.shape.len() - 1];
        each_block_of_rows([x.data; 2], y, columns, |x, _, y| softmax_of_rows(x, y, columns));
        true
    }
}

/// `dx = y (dy - sum(y dy))` for each row.
#[derive(Debug, Clone, Copy)]
struct SoftmaxGrad;

impl Kernel<2, 1> for SoftmaxGrad {
    fn name(&self) -> &'static str {
        "softmax_grad"
    }

    fn shapes(&self, [y, dy]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if y != dy {
            return Err(tensor::Error::shape("softmax_grad", "two equal shapes", &[y, dy]));
        }
        row_length("softmax_grad", y).map(|_| [y.to_vec()])
    }

    fn reference<A: Real>(&self, [y, dy]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let mut dx = dy.to_owned();
        let mut of_y = y.lanes(Axis(y.ndim() - 1)).into_iter();
        for_each_row(&mut dx, |mut dx| {
            let y = of_y.next().expect("as many rows");
            let mean = pairwise(y.iter().zip(&dx).map(|(&y, &dy)| y * dy));
            Zip::from(&mut dx).and(&y).for_each(|dx, &y| *dx = y * (*dx - mean));
        });
        [dx]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        launch_rows(call, "softmax_grad", inputs, dx)
    }

    fn fast(&self, [y, dy]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        let columns = y.shape[y.shape.len() - 1];
        each_block_of_rows([y.data, dy.data], dx, columns, |y, dy, dx| gradient_of_rows(y, dy, dx, columns));
        true
    }
}

impl Op<1> for Softmax {
    const NAME: &'static str = "softmax";

    /// The output.
    type Saved = Tensor;

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let [y] = tensor::run(self, inputs)?;
        Ok(([y.clone()], y))
    }

    fn backward(&self, y: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &SoftmaxGrad, [y, dy])?])
    }
}

impl<'t> Var<'t> {
    /// The softmax over the last axis, in the same shape.
    ///
    /// # Errors
    /// If there is no last axis or it is empty.
    pub fn softmax(&self) -> Result<Self> {
        let [y] = self.tape.apply(Softmax, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use std::ops::Range;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::Softmax;
    use crate::Op;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, length, swept, tile, values};

    impl Cases<1> for Softmax {
        /// `|d(y (dy - sum(y dy)))| <= 3 |y|` per unit of relative change of all of `y`, for `|dy| <= 1`.
        const OUTPUT_SENSITIVITY: f64 = 3.0;

        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            cases(Softmax)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            long_cases(Softmax)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            all_sizes(Softmax)
        }
    }

    /// One to three axes, the last with elements.
    pub(crate) fn cases<O: Op<1> + Clone>(op: O) -> BoxedStrategy<Case<O, 1>> {
        of_size(op, vec(length(1..4), 0..=2).boxed(), 1..6)
    }

    /// Many or long rows.
    pub(crate) fn long_cases<O: Op<1> + Clone>(op: O) -> BoxedStrategy<Case<O, 1>> {
        of_size(op, prop_oneof![64..200usize, tile()].prop_map(|rows| vec![rows]).boxed(), 256..1024)
    }

    /// All listed row lengths and numbers of rows.
    pub(crate) fn all_sizes<O: Op<1> + Clone>(op: O) -> Vec<BoxedStrategy<Case<O, 1>>> {
        swept([&LENGTHS; 2], &[3, 2, 17, 7], |[rows, columns]| {
            of_size(op.clone(), Just(vec![rows]).boxed(), columns..columns + 1)
        })
    }

    fn of_size<O: Op<1> + Clone>(
        op: O,
        rows: BoxedStrategy<Vec<usize>>,
        columns: Range<usize>,
    ) -> BoxedStrategy<Case<O, 1>> {
        (rows, columns)
            .prop_then(|(mut shape, columns)| {
                shape.push(columns);
                (values(&shape), Just(columns))
            })
            .prop_map(move |(x, columns)| Case { op: op.clone(), inputs: [x], reduced: columns + 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn huge_scores_give_probabilities_and_rows_are_independent() {
        for dtype in DType::ALL {
            let x = [1e4, 1e4, -1e4, -1e4, 0.0, f64::NEG_INFINITY];
            let tape = Tape::new();
            let x = tape.input(&Tensor::from_vec(x.to_vec(), &[2, 3]).unwrap().to_dtype(dtype));
            let y = x.softmax().unwrap();
            assert_eq!(y.value().to_f64_vec(), [0.5, 0.5, 0.0, 0.0, 1.0, 0.0], "{dtype}");
        }
    }

    #[test]
    fn rows_without_elements_and_scalars_are_an_error() {
        let tape = Tape::new();
        for shape in [vec![], vec![2, 0]] {
            let x = tape.input(&Tensor::zeros(&shape, DType::F32));
            let message = x.softmax().unwrap_err().to_string();
            assert_eq!(message, format!("softmax: expected a non-empty last axis, got {shape:?}"));
        }
    }
}
