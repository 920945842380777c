//! Matrix multiplication of the matrices of two batches, with either operand optionally transposed.

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use tensor::gpu::Call;
use tensor::{FusedActivation, Init, Kernel, Real, Slice, Tensor};

use crate::ops::matmul::MatMul;
use crate::{Op, Result, Var};

/// [`MatMul`] of each matrix of `[batch, m, k]` with the corresponding matrix of `[batch, k, n]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct BatchMatMul(pub MatMul);

impl BatchMatMul {
    /// The size of the batch and `[m, k, n]` for operands of these stored shapes, if they match.
    fn sizes(&self, a: &[usize], b: &[usize]) -> Option<(usize, [usize; 3])> {
        let ([batch, a @ ..], [of_b, b @ ..]) = (a, b) else { return None };
        let sizes = self.0.sizes(a, b)?;
        (batch == of_b).then_some((*batch, sizes))
    }
}

impl Kernel<2, 1> for BatchMatMul {
    fn name(&self) -> &'static str {
        "batch_matmul"
    }

    fn shapes(&self, [a, b]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        match self.sizes(a, b) {
            Some((batch, [m, _, n])) => Ok([vec![batch, m, n]]),
            None => {
                let expected = format!("two batches of equal size of {}", self.0.expected_shapes());
                Err(tensor::Error::shape(self.name(), &expected, &[a, b]))
            }
        }
    }

    fn reference<A: Real>(&self, [a, b]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let (batch, [m, _, n]) = self.sizes(a.shape(), b.shape()).expect("the shape rule was checked");
        let mut c = ArrayD::zeros(IxDyn(&[batch, m, n]));
        for (matrix, mut c) in c.axis_iter_mut(Axis(0)).enumerate() {
            let of = |x: &ArrayViewD<'_, A>| x.index_axis(Axis(0), matrix).to_owned();
            c.assign(&self.0.reference_2d(of(&a).view(), of(&b).view()));
        }
        [c]
    }

    fn launch(&self, call: Call<'_>, [a, b]: [&Tensor; 2], [c]: [&Tensor; 1]) -> tensor::Result<()> {
        let sizes = self.sizes(a.shape(), b.shape()).expect("the shape rule was checked");
        self.0.launch_batch(call, [a, b], c, (None, FusedActivation::Identity), sizes)
    }

    fn flops(&self, [a, b]: [&[usize]; 2]) -> u64 {
        self.sizes(a, b).map_or(0, |(batch, sizes)| (batch as u64).saturating_mul(MatMul::flops_of(sizes)))
    }

    fn fast(&self, [a, b]: [Slice<'_>; 2], [c]: [&mut [f32]; 1]) -> bool {
        let (_, [m, k, n]) = self.sizes(a.shape, b.shape).expect("the shape rule was checked");
        for (matrix, c) in c.chunks_exact_mut((m * n).max(1)).enumerate() {
            let range = |size: usize| matrix * size..(matrix + 1) * size;
            let a = Slice { data: &a.data[range(m * k)], shape: &a.shape[1..] };
            let b = Slice { data: &b.data[range(k * n)], shape: &b.shape[1..] };
            self.0.fast_2d(a, b, c, Init::Zero);
        }
        true
    }
}

impl Op<2> for BatchMatMul {
    const NAME: &'static str = "batch_matmul";

    /// The two inputs.
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
        self.0.gradients_by(saved.each_ref(), dc, needed, |product, factors| {
            let [product] = tensor::run(&Self(product), factors)?;
            Ok(product)
        })
    }
}

impl<'t> Var<'t> {
    /// Matrix multiplication of each matrix of `[batch, m, k]` with the corresponding matrix of `[batch, k, n]`, as
    /// `torch.bmm`.
    ///
    /// ```
    /// use agon_autograd::Tape;
    /// use tensor::Tensor;
    ///
    /// let tape = Tape::new();
    /// let x = tape.input(&Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 1, 2])?);
    /// let y = tape.input(&Tensor::from_vec(vec![1.0, 1.0, 10.0, 100.0], &[2, 2, 1])?);
    /// assert_eq!(x.bmm(&y)?.value().to_f64_vec(), [3.0, 430.0]);
    /// # Ok::<(), agon_autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not match; on a GPU, if a batch has more than 65535 matrices, each counted once for every part of
    /// a long inner size.
    pub fn bmm(&self, other: &Self) -> Result<Self> {
        let [product] = self.tape.apply(BatchMatMul::default(), [self, other])?;
        Ok(product)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::BatchMatMul;
    use crate::ops::matmul::MatMul;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, length, swept, tile, values};

    impl Cases<2> for BatchMatMul {
        const LINEAR: [bool; 2] = [true; 2];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 2>> {
            products([length(1..4), length(1..5), length(1..5), length(1..5)].boxed())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 2>> {
            let side = || prop_oneof![1..40usize, tile()].boxed();
            products([(1..4usize).boxed(), side(), (256..512usize).boxed(), side()].boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 2>>> {
            swept([&LENGTHS[..40]; 4], &[3, 18, 9, 2], |sizes| products(Just(sizes).boxed()))
        }
    }

    fn products(sizes: BoxedStrategy<[usize; 4]>) -> BoxedStrategy<Case<BatchMatMul, 2>> {
        (sizes, any::<(bool, bool)>())
            .prop_then(|([batch, m, k, n], (transpose_a, transpose_b))| {
                let a = if transpose_a { [batch, k, m] } else { [batch, m, k] };
                let b = if transpose_b { [batch, n, k] } else { [batch, k, n] };
                let op = BatchMatMul(MatMul { transpose_a, transpose_b });
                (Just(op), values(&a), values(&b), Just(m.max(k).max(n)))
            })
            .prop_map(|(op, a, b, reduced)| Case { op, inputs: [a, b], reduced })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::BatchMatMul;

    #[test]
    fn wrong_shapes_are_an_error_with_the_expected_ones() {
        for (a, b) in
            [(&[2, 3, 4][..], &[3, 4, 2][..]), (&[2, 3, 4], &[2, 3, 4]), (&[3, 4], &[4, 3]), (&[], &[])]
        {
            let [a, b] = [a, b].map(|shape| Tensor::zeros(shape, DType::F32));
            let message = tensor::run(&BatchMatMul::default(), [&a, &b]).unwrap_err().to_string();
            let expected =
                "batch_matmul: expected two batches of equal size of matrices [m, k] and [k, n], got ";
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
