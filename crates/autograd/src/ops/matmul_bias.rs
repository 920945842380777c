//! Matrix multiplication with fused bias and optional ReLU: the linear (affine) layer.

use ndarray::{ArrayD, ArrayViewD, Axis};
use tensor::gpu::Call;
use tensor::{FusedActivation, Init, Kernel, Real, Slice, Tensor, sums, vector};

use crate::epilogue;
use crate::op::if_needed;
use crate::ops::broadcast_to::SumTo;
use crate::ops::matmul::{MatMul, launches};
use crate::{Op, Result, Var};

/// `activation(op(A) op(B) + bias)`, with a bias `[n]` added to each of the `m` rows.
#[derive(Debug, Clone, Copy)]
pub struct MatMulBias {
    /// The matrix multiplication, with its transpose flags.
    pub product: MatMul,
    /// The activation after the bias.
    pub activation: FusedActivation,
}

impl Kernel<3, 1> for MatMulBias {
    fn name(&self) -> &'static str {
        "matmul_bias"
    }

    fn shapes(&self, [a, b, bias]: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 1]> {
        match self.product.sizes(a, b) {
            Some([m, _, n]) if bias == [n] => Ok([vec![m, n]]),
            _ => {
                let expected = format!("{} and a bias [n]", self.product.expected_shapes());
                Err(tensor::Error::shape("matmul_bias", &expected, &[a, b, bias]))
            }
        }
    }

    fn reference<A: Real>(&self, [a, b, bias]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 1] {
        let sum = self.product.reference_2d(a, b) + bias;
        [sum.mapv_into(|x| self.activation.of(x))]
    }

    fn launch(&self, call: Call<'_>, [a, b, bias]: [&Tensor; 3], [c]: [&Tensor; 1]) -> tensor::Result<()> {
        self.product.launch_2d(call, [a, b], c, (Some(bias), self.activation))
    }

    fn flops(&self, [a, b, _]: [&[usize]; 3]) -> u64 {
        self.product.flops([a, b])
    }

    fn fast(&self, [a, b, bias]: [Slice<'_>; 3], [c]: [&mut [f32]; 1]) -> bool {
        self.product.fast_2d(a, b, c, Init::Bias(bias.data));
        self.activation.apply(c);
        true
    }
}

/// The gradients of a linear layer with respect to its weight and its bias in one pass over `dy: [m, n]`: `dy^T op(x)`,
/// as `[n, k]`, and the sums of the columns of `dy`, which are the sums of the rows of the transposed first factor.
#[derive(Debug, Clone, Copy)]
struct GradWeightBias {
    /// Whether the input x is stored as `[k, m]`, not `[m, k]`.
    transpose_x: bool,
}

impl GradWeightBias {
    fn product(self) -> MatMul {
        MatMul { transpose_a: true, transpose_b: self.transpose_x }
    }
}

impl Kernel<2, 2> for GradWeightBias {
    fn name(&self) -> &'static str {
        "matmul_bias_grad"
    }

    fn shapes(&self, [dy, x]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 2]> {
        match self.product().sizes(dy, x) {
            Some([n, _, k]) => Ok([vec![n, k], vec![n]]),
            None => Err(tensor::Error::shape(self.name(), self.product().expected_shapes(), &[dy, x])),
        }
    }

    fn reference<A: Real>(&self, [dy, x]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 2] {
        let dbias = sums::sum_axis(dy.view(), Axis(0));
        [self.product().reference_2d(dy, x), dbias]
    }

    fn launch(&self, call: Call<'_>, [dy, x]: [&Tensor; 2], gradients: [&Tensor; 2]) -> tensor::Result<()> {
        let sizes = self.product().sizes(dy.shape(), x.shape()).expect("the shape rule was checked");
        launches::with_row_sums(self.product(), call, [dy, x], gradients, sizes)
    }

    fn flops(&self, inputs: [&[usize]; 2]) -> u64 {
        self.product().flops(inputs)
    }

    fn fast(&self, [dy, x]: [Slice<'_>; 2], [dweight, dbias]: [&mut [f32]; 2]) -> bool {
        self.product().fast_2d(dy, x, dweight, Init::Zero);
        vector::sum_rows(dy.data, dbias);
        true
    }
}

impl Op<3> for MatMulBias {
    const NAME: &'static str = "matmul_bias";

    /// The two matrices, and the output if the backward pass of the activation needs it.
    type Saved = ([Tensor; 2], Option<Tensor>);

    fn forward(&self, [a, b, bias]: [&Tensor; 3]) -> Result<([Tensor; 1], Self::Saved)> {
        let [c] = tensor::run(self, [a, b, bias])?;
        let of_activation = epilogue::saved(self.activation, &c);
        Ok(([c], ([a.clone(), b.clone()], of_activation)))
    }

    fn backward(
        &self,
        (matrices, of_activation): &Self::Saved,
        [dc]: [&Tensor; 1],
        [needed_a, needed_b, needed_bias]: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        let dsum = epilogue::backward(of_activation, dc)?;
        if self.product.transpose_b && needed_b && needed_bias {
            let [da, _] = self.product.gradients(matrices.each_ref(), &dsum, [needed_a, false])?;
            let gradients = GradWeightBias { transpose_x: self.product.transpose_a };
            let [db, dbias] = tensor::run(&gradients, [&dsum, &matrices[0]])?;
            return Ok([da, Some(db), Some(dbias)]);
        }
        let [da, db] = self.product.gradients(matrices.each_ref(), &dsum, [needed_a, needed_b])?;
        let dbias = if_needed(needed_bias, || {
            let [dbias] = tensor::run(&SumTo { shape: vec![dc.shape()[1]] }, [&dsum])?;
            Ok(dbias)
        })?;
        Ok([da, db, dbias])
    }
}

impl<'t> Var<'t> {
    /// The linear layer `self weight^T + bias`, with `self: [n, inputs]`, `weight: [outputs, inputs]`,
    /// `bias: [outputs]`, as `[n, outputs]`.
    ///
    /// # Errors
    /// If the shapes do not match.
    pub fn linear(&self, weight: &Self, bias: &Self) -> Result<Self> {
        self.affine(weight, bias, FusedActivation::Identity)
    }

    /// [`Var::linear`] followed by [`Var::relu`], as one operation.
    ///
    /// # Errors
    /// As [`Var::linear`].
    pub fn linear_relu(&self, weight: &Self, bias: &Self) -> Result<Self> {
        self.affine(weight, bias, FusedActivation::Relu)
    }

    fn affine(&self, weight: &Self, bias: &Self, activation: FusedActivation) -> Result<Self> {
        let product = MatMul { transpose_a: false, transpose_b: true };
        let [y] = self.tape.apply(MatMulBias { product, activation }, [self, weight, bias])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::FusedActivation;

    use super::MatMulBias;
    use crate::epilogue::cases::{bias, sum_of_zero};
    use crate::ops::matmul::MatMul;
    use crate::testing::cases::{Case, Cases, Kink};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;

    impl Cases<3> for MatMulBias {
        const LINEAR: [bool; 3] = [true; 3];

        fn linear(&self) -> [bool; 3] {
            [self.activation == FusedActivation::Identity; 3]
        }

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::KinkOrTie => Claim::Generated,
                _ => classes::of_even_rank(class),
            }
        }

        fn kinks() -> Vec<Kink<Self, 3>> {
            let product = MatMul { transpose_a: false, transpose_b: false };
            vec![sum_of_zero(MatMulBias { product, activation: FusedActivation::Relu }, &[1, 1], &[1, 3])]
        }

        fn cases() -> BoxedStrategy<Case<Self, 3>> {
            with_bias(MatMul::cases())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 3>> {
            with_bias(MatMul::long_cases())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 3>>> {
            MatMul::swept().into_iter().map(with_bias).collect()
        }
    }

    fn with_bias(products: BoxedStrategy<Case<MatMul, 2>>) -> BoxedStrategy<Case<MatMulBias, 3>> {
        products
            .prop_then(|case| {
                let [a, b] = &case.inputs;
                let [_, k, n] = case.op.sizes(a.shape(), b.shape()).expect("a product has valid shapes");
                (bias(n, k), Just(case))
            })
            .prop_map(|((bias, activation), Case { op: product, inputs: [a, b], reduced })| Case {
                op: MatMulBias { product, activation },
                inputs: [a, b, bias],
                reduced: reduced + 1,
            })
            .boxed()
    }
}
