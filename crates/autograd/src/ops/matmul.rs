//! Matrix multiplication, with either operand optionally transposed.

pub(crate) mod launches;

use ndarray::{ArrayD, ArrayView2, ArrayViewD, Ix2};
use tensor::gpu::Call;
use tensor::sums::pairwise;
use tensor::{FusedActivation, Init, Kernel, Matrix, Real, Slice, Tensor, gemm_f32};

use crate::launch::tile::Epilogue;
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// `op(A) op(B)`, where `op` is the identity or the transpose. No matrix is transposed in memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct MatMul {
    /// Read the first matrix transposed: it is stored as `[k, m]`, not `[m, k]`.
    pub transpose_a: bool,
    /// Read the second matrix transposed: it is stored as `[n, k]`, not `[k, n]`.
    pub transpose_b: bool,
}

impl MatMul {
    /// The sizes `[m, k, n]` for operands of these stored shapes, if they match.
    pub(crate) fn sizes(&self, a: &[usize], b: &[usize]) -> Option<[usize; 3]> {
        let (&[a_rows, a_columns], &[b_rows, b_columns]) = (a, b) else { return None };
        let (m, k) = if self.transpose_a { (a_columns, a_rows) } else { (a_rows, a_columns) };
        let (k_of_b, n) = if self.transpose_b { (b_columns, b_rows) } else { (b_rows, b_columns) };
        (k == k_of_b).then_some([m, k, n])
    }

    pub(crate) fn flops_of([m, k, n]: [usize; 3]) -> u64 {
        ((m * n) as u64).saturating_mul(k as u64).saturating_mul(2)
    }

    pub(crate) fn expected_shapes(&self) -> &'static str {
        match (self.transpose_a, self.transpose_b) {
            (false, false) => "matrices [m, k] and [k, n]",
            (true, false) => "matrices [k, m] and [k, n]",
            (false, true) => "matrices [m, k] and [n, k]",
            (true, true) => "matrices [k, m] and [n, k]",
        }
    }

    pub(crate) fn reference_2d<A: Real>(&self, a: ArrayViewD<'_, A>, b: ArrayViewD<'_, A>) -> ArrayD<A> {
        let turned =
            |x: ArrayView2<'_, A>, turn| if turn { x.reversed_axes().to_owned() } else { x.to_owned() };
        let matrix = |x: ArrayViewD<'_, A>| {
            x.into_dimensionality::<Ix2>().expect("the shape rule was checked").to_owned()
        };
        let (a, b) = (matrix(a), matrix(b));
        // Each element is the dot product of a row of A and a row of B^T, so that both are read contiguously.
        let (a, b_t) = (turned(a.view(), self.transpose_a), turned(b.view(), !self.transpose_b));
        ArrayD::from_shape_fn(vec![a.nrows(), b_t.nrows()], |at| {
            pairwise(a.row(at[0]).iter().zip(b_t.row(at[1])).map(|(&x, &y)| x * y))
        })
    }

    /// `out = init + op(A) op(B)`
    pub(crate) fn fast_2d(&self, a: Slice<'_>, b: Slice<'_>, out: &mut [f32], init: Init<'_>) {
        let a = Matrix::new(a.data, a.shape[0], a.shape[1], self.transpose_a);
        let b = Matrix::new(b.data, b.shape[0], b.shape[1], self.transpose_b);
        gemm_f32(out, a, b, init);
    }

    /// `out = activation(op(A) op(B) + bias)`
    pub(crate) fn launch_2d(
        &self,
        call: Call<'_>,
        [a, b]: [&Tensor; 2],
        out: &Tensor,
        epilogue: Epilogue<'_>,
    ) -> tensor::Result<()> {
        let sizes = self.sizes(a.shape(), b.shape()).expect("the shape rule was checked");
        self.launch_batch(call, [a, b], out, epilogue, (1, sizes))
    }

    /// Launches [`MatMul::launch_2d`] for each pair of matrices of a batch.
    pub(crate) fn launch_batch(
        &self,
        call: Call<'_>,
        [a, b]: [&Tensor; 2],
        out: &Tensor,
        epilogue: Epilogue<'_>,
        sizes: (usize, [usize; 3]),
    ) -> tensor::Result<()> {
        launches::multiply(*self, call, [a, b], out, epilogue, sizes)
    }

    /// The gradients of A and B, again matrix multiplications:
    /// with `C = op(A) op(B)`, `d op(A) = dC op(B)^T` and `d op(B) = op(A)^T dC`.
    pub(crate) fn gradients(
        &self,
        factors: [&Tensor; 2],
        dc: &Tensor,
        needed: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        self.gradients_by(factors, dc, needed, |product, factors| {
            let [product] = tensor::run(&product, factors)?;
            Ok(product)
        })
    }

    /// [`MatMul::gradients`] computed with the function `multiply`.
    pub(crate) fn gradients_by(
        &self,
        [a, b]: [&Tensor; 2],
        dc: &Tensor,
        needed: [bool; 2],
        multiply: impl Fn(MatMul, [&Tensor; 2]) -> Result<Tensor>,
    ) -> Result<[Option<Tensor>; 2]> {
        let product = |transpose_a, transpose_b, x, y| multiply(MatMul { transpose_a, transpose_b }, [x, y]);
        let da = if_needed(needed[0], || match self.transpose_a {
            false => product(false, !self.transpose_b, dc, b),
            true => product(self.transpose_b, true, b, dc),
        })?;
        let db = if_needed(needed[1], || match self.transpose_b {
            false => product(!self.transpose_a, false, a, dc),
            true => product(true, self.transpose_a, dc, a),
        })?;
        Ok([da, db])
    }
}

impl Kernel<2, 1> for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn shapes(&self, [a, b]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        match self.sizes(a, b) {
            Some([m, _, n]) => Ok([vec![m, n]]),
            None => Err(tensor::Error::shape("matmul", self.expected_shapes(), &[a, b])),
        }
    }

    fn reference<A: Real>(&self, [a, b]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [self.reference_2d(a, b)]
    }

    fn launch(&self, call: Call<'_>, [a, b]: [&Tensor; 2], [c]: [&Tensor; 1]) -> tensor::Result<()> {
        self.launch_2d(call, [a, b], c, (None, FusedActivation::Identity))
    }

    fn flops(&self, [a, b]: [&[usize]; 2]) -> u64 {
        self.sizes(a, b).map_or(0, Self::flops_of)
    }

    fn fast(&self, [a, b]: [Slice<'_>; 2], [c]: [&mut [f32]; 1]) -> bool {
        self.fast_2d(a, b, c, Init::Zero);
        true
    }
}

impl Op<2> for MatMul {
    const NAME: &'static str = "matmul";

    type Saved = [Tensor; 2];

    fn forward(&self, inputs: [&Tensor; 2]) -> Result<([Tensor; 1], [Tensor; 2])> {
        Ok((tensor::run(self, inputs)?, inputs.map(Tensor::clone)))
    }

    fn backward(
        &self,
        saved: &[Tensor; 2],
        [dc]: [&Tensor; 1],
        needed: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        self.gradients(saved.each_ref(), dc, needed)
    }
}

impl<'t> Var<'t> {
    /// Matrix multiplication of `[m, k]` by `[k, n]`, as `[m, n]`.
    ///
    /// # Errors
    /// If the shapes do not match.
    pub fn matmul(&self, other: &Self) -> Result<Self> {
        let [product] = self.tape.apply(MatMul::default(), [self, other])?;
        Ok(product)
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use proptest::prelude::*;

    use super::MatMul;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, length, swept, tile, values};

    impl Cases<2> for MatMul {
        const LINEAR: [bool; 2] = [true; 2];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_even_rank(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 2>> {
            products((length(1..5), length(1..5), length(1..5)).boxed())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 2>> {
            let side = prop_oneof![1..40usize, tile()];
            products((side.clone(), 256..1024usize, side).boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 2>>> {
            swept([&LENGTHS; 3], &[35, 18, 9, 70], |[m, k, n]| products(Just((m, k, n)).boxed()))
        }
    }

    pub(crate) fn products(sizes: BoxedStrategy<(usize, usize, usize)>) -> BoxedStrategy<Case<MatMul, 2>> {
        (sizes, any::<(bool, bool)>())
            .prop_then(|((m, k, n), (transpose_a, transpose_b))| {
                let a = if transpose_a { [k, m] } else { [m, k] };
                let b = if transpose_b { [n, k] } else { [k, n] };
                let op = MatMul { transpose_a, transpose_b };
                (Just(op), values(&a), values(&b), Just(m.max(k).max(n)))
            })
            .prop_map(|(op, a, b, reduced)| Case { op, inputs: [a, b], reduced })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::MatMul;

    #[test]
    fn wrong_shapes_are_an_error_with_the_expected_ones() {
        let (a, b) = (Tensor::zeros(&[2, 3], DType::F32), Tensor::zeros(&[3, 2], DType::F32));
        let message = tensor::run(&MatMul { transpose_b: true, ..MatMul::default() }, [&a, &b]).unwrap_err();
        assert_eq!(message.to_string(), "matmul: expected matrices [m, k] and [n, k], got [2, 3] and [3, 2]");
    }

    #[test]
    fn empty_sides_and_an_empty_inner_size_are_valid() {
        for (m, k, n) in [(0, 3, 2), (2, 0, 3), (2, 3, 0)] {
            for dtype in DType::ALL {
                let (a, b) = (Tensor::zeros(&[m, k], dtype), Tensor::zeros(&[k, n], dtype));
                let [product] = tensor::run(&MatMul::default(), [&a, &b]).unwrap();
                assert_eq!(product.shape(), [m, n]);
                assert!(product.to_f64_vec().iter().all(|&x| x == 0.0));
            }
        }
    }
}
