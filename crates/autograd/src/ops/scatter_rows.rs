//! Scatter-add of rows of each image, the adjoint of gathering rows.

use ndarray::{Array3, ArrayD, ArrayViewD};
use tensor::gpu::Call;
use tensor::sums::pairwise;
use tensor::{Indices, Kernel, Real, Slice, Tensor};

use crate::op::if_needed;
use crate::ops::gather_rows::{GatherRows, check, launch_rows};
use crate::{Op, Result, Var};

/// Adds each row of `x: [n, k, d]` to the row of `[n, t, d]` given by `rows: [n, k]`, in the order of `k`.
///
/// All other rows are zero.
#[derive(Debug, Clone)]
pub struct ScatterRows {
    /// The target row of each of the `k` rows, image by image, all below `t`.
    pub rows: Indices,
    /// The number of rows of each image of the output.
    pub t: usize,
}

impl Kernel<1, 1> for ScatterRows {
    fn name(&self) -> &'static str {
        "scatter_rows"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match x {
            &[n, k, d] if n * k == self.rows.len() => Ok([vec![n, self.t, d]]),
            _ => {
                let expected = format!("{} rows as tokens [images, rows, features]", self.rows.len());
                Err(tensor::Error::shape(self.name(), &expected, &[x]))
            }
        }
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let (n, k, d) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        let mut y = Array3::zeros([n, self.t, d]);
        for image in 0..n {
            let row = |place: &usize| self.rows.as_slice()[image * k + place] as usize;
            let mut places: Vec<usize> = (0..k).collect();
            places.sort_by_key(row);
            for places in places.chunk_by(|x, y| row(x) == row(y)) {
                for i in 0..d {
                    let terms = places.iter().map(|&place| x[[image, place, i]]);
                    y[[image, row(&places[0]), i]] = pairwise(terms);
                }
            }
        }
        [y.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        launch_rows(call, "scatter_rows", [x, y], &self.rows, [self.t, x.shape()[1]])
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let &[_, k, d] = x.shape else { return false };
        if x.data.is_empty() {
            y.fill(0.0);
            return true;
        }
        // The sums are in 64 bits, because any number of rows may be added to one row.
        let mut sums = vec![0.0f64; self.t * d];
        let images = x.data.chunks_exact(k * d).zip(self.rows.as_slice().chunks_exact(k));
        for ((x, rows), y) in images.zip(y.chunks_exact_mut(self.t * d)) {
            sums.fill(0.0);
            for (x, &row) in x.chunks_exact(d).zip(rows) {
                let sums = &mut sums[row as usize * d..][..d];
                sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            y.iter_mut().zip(&sums).for_each(|(y, &sum)| *y = sum as f32);
        }
        true
    }
}

impl Op<1> for ScatterRows {
    const NAME: &'static str = "scatter_rows";

    /// Nothing is saved: the backward pass needs only the indices.
    type Saved = ();

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        let [y] = self.shapes([x.shape()])?;
        check(<Self as Op<1>>::NAME, &self.rows, y[0], self.t)?;
        Ok((tensor::run(self, [x])?, ()))
    }

    fn backward(&self, (): &(), [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&GatherRows { rows: self.rows.clone() }, [dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Adds tokens `[n, k, d]` to the rows `rows: [n, k]` of a zero tensor `[n, t, d]`.
    ///
    /// # Errors
    /// Unless there is one row below `t` for each token of each image.
    pub fn scatter_rows(&self, rows: &Indices, t: usize) -> Result<Self> {
        let [y] = self.tape.apply(ScatterRows { rows: rows.clone(), t }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use tensor::Indices;

    use super::ScatterRows;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{BATCHES, LENGTHS, swept, values};

    impl Cases<1> for ScatterRows {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(1..5, 0..5, 0..4)
        }

        /// Few target rows and many source rows, so that sums are long.
        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(1..4, 256..1024, 31..34)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&BATCHES, &LENGTHS, &LENGTHS, &LENGTHS], &[2, 3, 1, 5], |[n, t, k, d]| {
                of_sizes(n, t, k, d)
            })
        }
    }

    fn of_size(t: Range<usize>, k: Range<usize>, d: Range<usize>) -> BoxedStrategy<Case<ScatterRows, 1>> {
        (1..4usize, t, k, d).prop_then(|(n, t, k, d)| of_sizes(n, t, k, d)).boxed()
    }

    fn of_sizes(n: usize, t: usize, k: usize, d: usize) -> BoxedStrategy<Case<ScatterRows, 1>> {
        (values(&[n, k, d]), vec(0..t as u32, n * k), Just((t, k)))
            .prop_map(|(x, rows, (t, k))| Case {
                op: ScatterRows { rows: Indices::new(rows), t },
                inputs: [x],
                reduced: k,
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Indices, Tensor};

    use crate::Tape;

    #[test]
    fn rows_with_one_target_are_added_and_the_others_are_zero() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec(vec![1.0f64, 2.0, 4.0, 8.0], &[2, 2, 1]).unwrap());
        let y = x.scatter_rows(&Indices::new(vec![2, 2, 0, 1]), 3).unwrap();
        assert_eq!((y.shape(), y.value().to_f64_vec()), (&[2, 3, 1][..], vec![0.0, 0.0, 3.0, 4.0, 8.0, 0.0]));
        let dy = Tensor::from_vec((0..6).map(f64::from).collect(), &[2, 3, 1]).unwrap();
        let dx = tape.backward_from(&y, dy).unwrap().of(&x).unwrap().to_f64_vec();
        assert_eq!(dx, [2.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn scattering_undoes_gathering_in_an_order() {
        let tape = Tape::without_gradients();
        let x = tape.input(&Tensor::from_vec((0..8).map(|i| i as f32).collect(), &[1, 4, 2]).unwrap());
        let order = Indices::new(vec![2, 0, 3, 1]);
        let back = x.gather_rows(&order).unwrap().scatter_rows(&order, 4).unwrap();
        assert_eq!(back.value().to_f64_vec(), x.value().to_f64_vec());
    }

    #[test]
    fn rows_that_do_not_fit_are_an_error_that_names_them() {
        let tape = Tape::new();
        let message = |shape: &[usize], rows: Vec<u32>| {
            let x = tape.input(&Tensor::zeros(shape, DType::F32));
            x.scatter_rows(&Indices::new(rows), 3).unwrap_err().to_string()
        };
        assert_eq!(message(&[2, 1, 4], vec![0, 3]), "scatter_rows: expected row indices below 3, got row 3");
        let expected = "scatter_rows: expected 3 rows as tokens [images, rows, features]";
        assert_eq!(message(&[2, 2, 4], vec![0, 1, 2]), format!("{expected}, got [2, 2, 4]"));
        assert!(message(&[2, 2], vec![0, 1]).contains("[images, rows, features]"));
        assert!(message(&[0, 2, 2], vec![]).contains("at least one image"));
    }
}
