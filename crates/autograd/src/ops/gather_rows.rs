//! Gathering of rows of each image, such as visible tokens or a permutation of all tokens.

use ndarray::{Array3, ArrayD, ArrayViewD};
use tensor::gpu::{Argument, Call, Grid};
use tensor::{Indices, Kernel, Real, Slice, Tensor};

use crate::op::if_needed;
use crate::ops::scatter_rows::ScatterRows;
use crate::{Error, Op, Result, Var};

/// Gathers rows `rows: [n, k]` from `x: [n, t, d]` as `[n, k, d]`. A row may be gathered repeatedly.
#[derive(Debug, Clone)]
pub struct GatherRows {
    /// The `k` row indices of each image, image by image, all below `t`.
    pub rows: Indices,
}

/// Returns an error of `op` unless `rows` has the same number of rows for each of the `n` images, all below `t`.
pub(crate) fn check(op: &'static str, rows: &Indices, n: usize, t: usize) -> Result<()> {
    let mismatch = |expected: String, got: String| Err(Error::Indices { op, expected, got });
    if n == 0 || !rows.len().is_multiple_of(n) {
        let got = format!("{} rows for {n} images", rows.len());
        return mismatch("the same number of rows for each image, and at least one image".into(), got);
    }
    match rows.max() {
        Some(row) if row as usize >= t => mismatch(format!("row indices below {t}"), format!("row {row}")),
        _ => Ok(()),
    }
}

/// Launches `entry(y, x, rows, n, t, k, d)`, where each of `n` images has `t` rows, of which `k` are gathered.
pub(crate) fn launch_rows(
    call: Call<'_>,
    entry: &str,
    [x, y]: [&Tensor; 2],
    rows: &Indices,
    [t, k]: [usize; 2],
) -> tensor::Result<()> {
    let (n, d) = (x.shape()[0], x.shape()[2]);
    call.size(x.len().max(y.len()))?;
    let mut arguments = vec![Argument::Out(y), Argument::In(x), Argument::Indices(rows)];
    arguments.extend([n, t, k, d].map(Argument::Size));
    call.launch(entry, Grid::over(y.len()), &arguments)
}

impl Kernel<1, 1> for GatherRows {
    fn name(&self) -> &'static str {
        "gather_rows"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match x {
            &[n, _, d] if n > 0 => Ok([vec![n, self.rows.len() / n, d]]),
            _ => Err(tensor::Error::shape(self.name(), "tokens [images, rows, features]", &[x])),
        }
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let (n, d) = (x.shape()[0], x.shape()[2]);
        let k = self.rows.len() / n;
        let chosen = |image, place: usize| self.rows.as_slice()[image * k + place] as usize;
        let y = Array3::from_shape_fn([n, k, d], |(image, place, i)| x[[image, chosen(image, place), i]]);
        [y.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        launch_rows(call, "gather_rows", [x, y], &self.rows, [x.shape()[1], y.shape()[1]])
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let &[n, t, d] = x.shape else { return false };
        if y.is_empty() {
            return true;
        }
        let k = self.rows.len() / n;
        for (place, (y, &row)) in y.chunks_exact_mut(d).zip(self.rows.as_slice()).enumerate() {
            y.copy_from_slice(&x.data[(place / k * t + row as usize) * d..][..d]);
        }
        true
    }
}

impl Op<1> for GatherRows {
    const NAME: &'static str = "gather_rows";

    /// The number of rows of each image of the input.
    type Saved = usize;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], usize)> {
        let &[n, t, _] = x.shape() else {
            let expected = "tokens [images, rows, features]";
            return Err(tensor::Error::shape(<Self as Op<1>>::NAME, expected, &[x.shape()]).into());
        };
        check(<Self as Op<1>>::NAME, &self.rows, n, t)?;
        Ok((tensor::run(self, [x])?, t))
    }

    fn backward(&self, &t: &usize, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(&ScatterRows { rows: self.rows.clone(), t }, [dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Gathers the rows `rows: [n, k]` of tokens `[n, t, d]` as `[n, k, d]`.
    ///
    /// # Errors
    /// If the number of rows is not a multiple of `n`, or a row is not below `t`.
    pub fn gather_rows(&self, rows: &Indices) -> Result<Self> {
        let [y] = self.tape.apply(GatherRows { rows: rows.clone() }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::GatherRows;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{BATCHES, LENGTHS, indices, swept, values};

    impl Cases<1> for GatherRows {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(1..5, 0..5, 0..4)
        }

        /// Few rows and many indices, so that many gradients are added to one row.
        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(1..4, 256..1024, 31..34)
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&BATCHES, &LENGTHS, &LENGTHS, &LENGTHS], &[2, 3, 1, 5], |[n, t, k, d]| {
                of_sizes(n, t, k, d)
            })
        }
    }

    fn of_size(t: Range<usize>, k: Range<usize>, d: Range<usize>) -> BoxedStrategy<Case<GatherRows, 1>> {
        (1..4usize, t, k, d).prop_then(|(n, t, k, d)| of_sizes(n, t, k, d)).boxed()
    }

    fn of_sizes(n: usize, t: usize, k: usize, d: usize) -> BoxedStrategy<Case<GatherRows, 1>> {
        (values(&[n, t, d]), indices(n * k, t as u32), Just(k))
            .prop_map(|(x, rows, k)| Case { op: GatherRows { rows }, inputs: [x], reduced: k })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Indices, Tensor};

    use crate::Tape;

    #[test]
    fn a_row_gathered_twice_gets_both_gradients_and_an_unused_one_gets_zero() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec((0..6).map(f64::from).collect(), &[2, 3, 1]).unwrap());
        let y = x.gather_rows(&Indices::new(vec![2, 2, 0, 1])).unwrap();
        assert_eq!((y.shape(), y.value().to_f64_vec()), (&[2, 2, 1][..], vec![2.0, 2.0, 3.0, 4.0]));
        let dy = Tensor::from_vec(vec![1.0f64, 10.0, 100.0, 1000.0], &[2, 2, 1]).unwrap();
        let dx = tape.backward_from(&y, dy).unwrap().of(&x).unwrap().to_f64_vec();
        assert_eq!(dx, [0.0, 0.0, 11.0, 100.0, 1000.0, 0.0]);
    }

    #[test]
    fn the_inverse_order_undoes_an_order() {
        let tape = Tape::without_gradients();
        let x = tape.input(&Tensor::from_vec((0..8).map(|i| i as f32).collect(), &[1, 4, 2]).unwrap());
        let shuffled = x.gather_rows(&Indices::new(vec![2, 0, 3, 1])).unwrap();
        let back = shuffled.gather_rows(&Indices::new(vec![1, 3, 0, 2])).unwrap();
        assert_eq!(back.value().to_f64_vec(), x.value().to_f64_vec());
    }

    #[test]
    fn an_empty_list_of_rows_is_valid() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3, 4], DType::F32));
        let y = x.gather_rows(&Indices::new(vec![])).unwrap();
        assert_eq!(y.shape(), [2, 0, 4]);
        let gradients = tape.backward_from(&y, Tensor::zeros(&[2, 0, 4], DType::F32)).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), [0.0; 24]);
    }

    #[test]
    fn rows_that_do_not_fit_are_an_error_that_names_them() {
        let tape = Tape::new();
        let of = |shape: &[usize]| tape.input(&Tensor::zeros(shape, DType::F32));
        let message = |shape: &[usize], rows: Vec<u32>| {
            of(shape).gather_rows(&Indices::new(rows)).unwrap_err().to_string()
        };
        assert_eq!(message(&[2, 3, 4], vec![0, 3]), "gather_rows: expected row indices below 3, got row 3");
        assert!(message(&[2, 3, 4], vec![0, 1, 2]).contains("3 rows for 2 images"));
        assert!(message(&[0, 3, 4], vec![]).contains("at least one image"));
        assert!(message(&[2, 3], vec![0, 1]).contains("[images, rows, features]"));
        assert!(message(&[1, 0, 4], vec![0]).contains("row indices below 0"));
    }
}
