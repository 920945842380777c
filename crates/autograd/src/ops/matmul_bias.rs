//! A matrix product plus a bias: the affine layer in one operation.

use ndarray::{ArrayD, ArrayViewD};
use tensor::{Kernel, Real, Slice, Start, Tensor};

use crate::op::if_wanted;
use crate::ops::broadcast_to::SumTo;
use crate::ops::matmul::MatMul;
use crate::{Op, Result, Var};

/// `op(A) op(B) + bias`, with a bias of `[n]` added to each of the `m` rows.
#[derive(Debug, Clone, Copy)]
pub struct MatMulBias(pub MatMul);

impl Kernel<3, 1> for MatMulBias {
    fn name(&self) -> &'static str {
        "matmul_bias"
    }

    fn shapes(&self, [a, b, bias]: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 1]> {
        match self.0.sizes(a, b) {
            Some([m, _, n]) if bias == [n] => Ok([vec![m, n]]),
            _ => {
                let wanted = format!("{} and a bias [n]", self.0.wanted_shapes());
                Err(tensor::Error::shape("matmul_bias", &wanted, &[a, b, bias]))
            }
        }
    }

    fn reference<A: Real>(&self, [a, b, bias]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 1] {
        [self.0.reference_2d(a, b) + bias]
    }

    fn fast(&self, [a, b, bias]: [Slice<'_>; 3], [c]: [&mut [f32]; 1]) -> bool {
        self.0.fast_2d(a, b, c, Start::Bias(bias.data));
        true
    }
}

impl Op<3> for MatMulBias {
    const NAME: &'static str = "matmul_bias";

    /// The two matrices.
    type Saved = [Tensor; 2];

    fn forward(&self, [a, b, bias]: [&Tensor; 3]) -> Result<([Tensor; 1], [Tensor; 2])> {
        Ok((tensor::run(self, [a, b, bias])?, [a.clone(), b.clone()]))
    }

    fn backward(
        &self,
        saved: &[Tensor; 2],
        [dc]: [&Tensor; 1],
        [wanted_a, wanted_b, wanted_bias]: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        let [da, db] = self.0.gradients(saved.each_ref(), dc, [wanted_a, wanted_b])?;
        let dbias = if_wanted(wanted_bias, || {
            let [dbias] = tensor::run(&SumTo { shape: vec![dc.shape()[1]] }, [dc])?;
            Ok(dbias)
        })?;
        Ok([da, db, dbias])
    }
}

impl<'t> Var<'t> {
    /// `self weight^T + bias`, with `self: [n, inputs]`, `weight: [outputs, inputs]`, `bias: [outputs]`.
    ///
    /// # Errors
    /// If the shapes are not such.
    pub fn linear(&self, weight: &Self, bias: &Self) -> Result<Self> {
        let op = MatMulBias(MatMul { transpose_a: false, transpose_b: true });
        let [y] = self.tape.apply(op, [self, weight, bias])?;
        Ok(y)
    }
}

#[cfg(feature = "cases")]
mod cases {
    use proptest::prelude::*;

    use super::MatMulBias;
    use crate::gradcheck::cases::{Case, Cases, values};
    use crate::gradcheck::classes::{self, Claim, ShapeClass};
    use crate::ops::matmul::MatMul;

    impl Cases<3> for MatMulBias {
        const LINEAR: [bool; 3] = [true; 3];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_even_rank(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 3>> {
            with_bias(MatMul::cases())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 3>> {
            with_bias(MatMul::long_cases())
        }
    }

    fn with_bias(products: BoxedStrategy<Case<MatMul, 2>>) -> BoxedStrategy<Case<MatMulBias, 3>> {
        products
            .prop_flat_map(|case| {
                let [a, b] = &case.inputs;
                let [_, _, n] = case.op.sizes(a.shape(), b.shape()).expect("a product has legal shapes");
                (values(&[n]), Just(case))
            })
            .prop_map(|(bias, Case { op, inputs: [a, b], reduced })| Case {
                op: MatMulBias(op),
                inputs: [a, b, bias],
                reduced: reduced + 1,
            })
            .boxed()
    }
}
