//! What another project builds on the facade `agon`, its only dependency: an operation, a kernel without CUDA, and a layer.
#![forbid(unsafe_code)]

use agon::autograd::{self, Error, run_if};
use agon::models;
use agon::ndarray::{ArrayD, ArrayViewD, Axis, Zip};
use agon::prelude::*;
use agon::tensor;

/// The Euclidean norm of each row of `[n, d]`; a row of zeros is refused, because it has no gradient.
#[derive(Debug, Clone, Copy)]
pub struct RowNorm;

impl Kernel<1, 1> for RowNorm {
    fn name(&self) -> &'static str {
        "row_norm"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        match *x {
            [n, _] => Ok([vec![n]]),
            _ => Err(tensor::Error::shape("row_norm", "[n, d]", &[x])),
        }
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.map_axis(Axis(1), |row| row.iter().map(|&x| x * x).sum::<A>().sqrt())]
    }
}

/// `dx = x dy / y` for `y` the norms.
#[derive(Debug, Clone, Copy)]
struct RowNormGrad;

impl Kernel<3, 1> for RowNormGrad {
    fn name(&self) -> &'static str {
        "row_norm_grad"
    }

    fn shapes(&self, [x, y, dy]: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 1]> {
        match (x, y) {
            (&[n, _], &[m]) if n == m && y == dy => Ok([x.to_vec()]),
            _ => Err(tensor::Error::shape("row_norm_grad", "[n, d], [n] and [n]", &[x, y, dy])),
        }
    }

    fn reference<A: Real>(&self, [x, y, dy]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 1] {
        let mut dx = x.to_owned();
        Zip::from(dx.rows_mut())
            .and(&y)
            .and(&dy)
            .for_each(|mut row, &y, &dy| row.mapv_inplace(|x| x * (dy / y)));
        [dx]
    }
}

impl Op<1> for RowNorm {
    const NAME: &'static str = "row_norm";

    /// The input and the norms.
    type Saved = [Tensor; 2];

    fn forward(&self, [x]: [&Tensor; 1]) -> autograd::Result<([Tensor; 1], [Tensor; 2])> {
        let [y] = tensor::run(self, [x])?;
        if let Some(row) = y.to_f64_vec().iter().position(|&norm| norm == 0.0) {
            let message = format!("expected rows that are not all zeros, got row {row}");
            return Err(Error::Op { op: <Self as Op<1>>::NAME, message });
        }
        Ok(([y.clone()], [x.clone(), y]))
    }

    fn backward(
        &self,
        [x, y]: &[Tensor; 2],
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> autograd::Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &RowNormGrad, [x, y, dy])?])
    }
}

/// A layer that divides each row by its norm and multiplies it by a trained scale.
pub struct Normalised {
    scale: Param,
}

impl Normalised {
    /// A layer with the scale 1.
    pub fn new(dtype: DType) -> Self {
        Self { scale: Param::new(Tensor::full(1.0, &[], dtype)) }
    }
}

impl Module for Normalised {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> models::Result<Var<'t>> {
        let [norm] = x.tape().apply(RowNorm, [x])?;
        Ok(x.div(&norm.reshape(&[norm.shape()[0], 1])?)?.mul(&x.tape().param(&self.scale)?)?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![("scale".into(), &self.scale)]
    }
}

#[cfg(test)]
mod cases {
    use agon::autograd::testing::cases::{Case, Cases};
    use agon::autograd::testing::classes::{self, Claim, ShapeClass};
    use agon::autograd::testing::proptest::prelude::*;
    use agon::autograd::testing::shrink::Then;
    use agon::autograd::testing::strategies::{LENGTHS, length, positive_values, swept, tile};

    use super::RowNorm;

    /// A matrix of this size of elements away from zero, where the norm of a row is not smooth.
    fn of_size(n: usize, d: usize) -> BoxedStrategy<Case<RowNorm, 1>> {
        positive_values(&[n, d]).prop_map(move |x| Case { op: RowNorm, inputs: [x], reduced: d }).boxed()
    }

    impl Cases<1> for RowNorm {
        /// `|x / y^2| <= 1 / y`, and the norms `y` are at least 0.25.
        const OUTPUT_SENSITIVITY: f64 = 4.0;

        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_even_rank(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            (length(1..4), 1..5usize).prop_then(|(n, d)| of_size(n, d)).boxed()
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            (tile(), prop_oneof![tile(), 500..600usize]).prop_then(|(n, d)| of_size(n, d)).boxed()
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS, &LENGTHS], &[3, 7], |[n, d]| of_size(n, d))
        }
    }

    agon::autograd::op_tests!(row_norm: RowNorm);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Tensor {
        Tensor::from_vec(vec![3.0, -4.0, 0.5, 0.25, -1.0, 2.0], &[3, 2]).unwrap()
    }

    #[test]
    fn the_operation_agrees_with_finite_differences() -> Result<(), Error> {
        let checked = gradcheck(|[x]| x.tape().apply(RowNorm, [&x]).map(|[y]| y), [&rows()])?;
        assert_eq!(checked.resolved, 6);
        Ok(())
    }

    #[test]
    fn the_operation_has_an_error_of_its_own() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_vec(vec![1.0, 2.0, 0.0, 0.0], &[2, 2]).unwrap());
        let error = tape.apply(RowNorm, [&x]).unwrap_err();
        assert_eq!(error.to_string(), "row_norm: expected rows that are not all zeros, got row 1");
    }

    #[test]
    fn the_layer_is_trained_with_those_of_the_facade() -> Result<(), agon::Error> {
        let model = Sequential::new()
            .then(Normalised::new(DType::F32))
            .then_with(&Stream::new(0, "init"), |stream| Linear::new(2, 2, stream, DType::F32));
        assert_eq!(model.params().into_iter().map(|(name, _)| name).next().as_deref(), Some("0.scale"));
        let sgd = SgdConfig { learning_rate: 0.5, momentum: 0.9, nesterov: false };
        let sgd = Sgd::new(&model.params(), sgd)?;
        let schedule = Schedule::Constant;
        let mut trainer = LossTrainer::new(model.params(), vec![], sgd, schedule, |tape, example, mode| {
            let scores = model.forward(&tape.constant(&example.images), mode)?;
            Ok(scores.softmax_cross_entropy(&example.labels)?)
        })?;
        let (images, labels) = (rows().to_dtype(DType::F32), Indices::from(&[0u8, 1, 1][..]));
        let losses = [(); 100].map(|()| trainer.step((&images, &labels)).map(|report| report.loss));
        let [Ok(first), .., Ok(last)] = &losses else { panic!("{losses:?}") };
        assert!(last < &(0.1 * first), "{first} {last}");
        Ok(())
    }
}
