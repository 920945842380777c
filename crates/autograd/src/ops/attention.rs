//! Multi-head attention (Vaswani et al., 2017, arXiv 1706.03762) as one operation. The matrix of attention
//! probabilities is not stored, neither forward nor backward (FlashAttention: Dao et al., 2022, arXiv 2205.14135).

mod fast;
mod lanes;
mod launches;

use ndarray::parallel::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use ndarray::{Array3, ArrayD, ArrayView2, ArrayView5, ArrayViewD, ArrayViewMut3, Axis, Ix5};
use tensor::gpu::Call;
use tensor::sums::pairwise;
use tensor::{Error, Kernel, Real, Slice, Storage, Tensor};

use self::fast::Rows;
use self::lanes::Sizes;
use crate::op::run_if;
use crate::{Op, Result, Var};

/// `softmax(scale q k^T) v` in each head of each example, with `scale = (d / n_heads)^-1/2`.
///
/// The input `[n, t, 3 d]` holds the packed query, key and value of each token, each of `d` features with the heads in
/// order. The output is `[n, t, d]`, also with the heads in order.
///
/// The softmax of a row of scores that are all minus infinity is undefined, so the output is NaN on every device.
/// PyTorch returns zeros in this case, which hides the overflow.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// The number of heads; a divisor of `d`.
    pub n_heads: usize,
}

impl Attention {
    /// The sizes `[n, t, d]` of a packed input, if `n_heads` divides `d`.
    fn sizes(&self, qkv: &[usize]) -> Option<[usize; 3]> {
        let &[n, t, packed] = qkv else { return None };
        let d = packed / 3;
        (packed == 3 * d && d > 0 && self.n_heads > 0 && d.is_multiple_of(self.n_heads)).then_some([n, t, d])
    }

    fn scale(&self, d: usize) -> f64 {
        ((d / self.n_heads) as f64).powf(-0.5)
    }

    /// The floating-point operations of `products` matrix multiplications over all pairs of tokens.
    fn flops_of_products(&self, products: u64, qkv: &[usize]) -> u64 {
        self.sizes(qkv).map_or(0, |[n, t, d]| {
            ((n * t) as u64).saturating_mul((t * d) as u64).saturating_mul(2 * products)
        })
    }

    /// A view with the last axis split: `[n, t, parts, n_heads, d / n_heads]`.
    fn heads<'a, A: Real>(&self, x: ArrayViewD<'a, A>, parts: usize) -> ArrayView5<'a, A> {
        let (n, t, packed) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        let shape = (n, t, parts, self.n_heads, packed / (parts * self.n_heads));
        x.into_shape_with_order(shape).expect("the shape rule was checked")
    }
}

/// One part of one head of one example: `[t, d / n_heads]`.
fn head<'a, A>(x: &ArrayView5<'a, A>, [image, part, head]: [usize; 3]) -> ArrayView2<'a, A> {
    let tokens = x.index_axis_move(Axis(0), image);
    tokens.index_axis_move(Axis(1), part).index_axis_move(Axis(1), head)
}

fn dot<'a, A: Real>(x: impl IntoIterator<Item = &'a A>, y: impl IntoIterator<Item = &'a A>) -> A {
    pairwise(x.into_iter().zip(y).map(|(&x, &y)| x * y))
}

/// Computes the output, and the log-sum-exp of each row of scores: `[n, n_heads, t]`.
impl Kernel<1, 2> for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn shapes(&self, [qkv]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 2]> {
        let Some([n, t, d]) = self.sizes(qkv) else {
            let expected =
                format!("queries, keys and values [n, t, 3 * d] with d > 0 for {} equal heads", self.n_heads);
            return Err(Error::shape("attention", &expected, &[qkv]));
        };
        Ok([vec![n, t, d], vec![n, self.n_heads, t]])
    }

    fn output_dtypes(&self) -> [Storage; 2] {
        [Storage::Same, Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [qkv]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 2] {
        let (n, t, d) = (qkv.shape()[0], qkv.shape()[1], qkv.shape()[2] / 3);
        let (width, scale) = (d / self.n_heads, A::from_f64(self.scale(d)));
        let qkv = self.heads(qkv, 3);
        let mut y = Array3::zeros((n, t, d));
        let mut lse = Array3::zeros((n, self.n_heads, t));
        for (image, of_head, query) in ndarray::indices((n, self.n_heads, t)) {
            let [q, k, v] = [0, 1, 2].map(|part| head(&qkv, [image, part, of_head]));
            let scores: Vec<A> = k.rows().into_iter().map(|k| scale * dot(q.row(query), k)).collect();
            let largest = scores.iter().copied().fold(A::neg_infinity(), A::max);
            let weights: Vec<A> = scores.iter().map(|&score| (score - largest).exp()).collect();
            let sum = pairwise(weights.iter().copied());
            for feature in 0..width {
                y[[image, query, of_head * width + feature]] = dot(&weights, v.column(feature)) / sum;
            }
            lse[[image, of_head, query]] = largest + sum.ln();
        }
        [y.into_dyn(), lse.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, [qkv]: [&Tensor; 1], outputs: [&Tensor; 2]) -> tensor::Result<()> {
        launches::forward(call, *self, qkv, outputs)
    }

    fn flops(&self, [qkv]: [&[usize]; 1]) -> u64 {
        self.flops_of_products(2, qkv)
    }

    fn fast(&self, [qkv]: [Slice<'_>; 1], [y, lse]: [&mut [f32]; 2]) -> bool {
        let (n, t, d) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3);
        let sizes = Sizes::new(t, d, self.n_heads);
        if sizes.suit() {
            lanes::forward(qkv.data, y, lse, sizes);
            return true;
        }
        let qkv = self.heads(slice_view(qkv), 3);
        let y = ArrayViewMut3::from_shape((n, t, d), y).expect("the output has the shape of its shape rule");
        let mut y = y.into_shape_with_order((n, t, self.n_heads, d / self.n_heads)).expect("heads divide d");
        let scale = self.scale(d) as f32;
        let lse = ArrayViewMut3::from_shape((n, self.n_heads, t), lse);
        let mut lse = lse.expect("the output has the shape of its shape rule");
        let images = y.outer_iter_mut().into_par_iter().zip(lse.outer_iter_mut().into_par_iter());
        images.enumerate().for_each(|(image, (mut y, mut lse))| {
            let heads = y.axis_iter_mut(Axis(1)).into_par_iter().zip(lse.outer_iter_mut());
            heads.enumerate().for_each(|(of_head, (y, mut lse))| {
                let part = |part, scale| Rows::gather(head(&qkv, [image, part, of_head]), scale);
                let lse = lse.as_slice_mut().expect("a head's log-sum-exps are contiguous");
                fast::forward(&[part(0, scale), part(1, 1.0), part(2, 1.0)], y, lse);
            });
        });
        true
    }
}

fn slice_view(x: Slice<'_>) -> ArrayViewD<'_, f32> {
    ArrayViewD::from_shape(x.shape, x.data).expect("the data has the shape's length")
}

/// The gradient with respect to the packed input. The attention probabilities are `p = exp(scale q k^T - lse)`;
/// `dv = p^T dy` and `dp = dy v^T`. Since `p` sums to 1, the gradient with respect to the scores is `p (dp - dy . y)`.
#[derive(Debug, Clone, Copy)]
struct AttentionGrad(Attention);

impl Kernel<4, 1> for AttentionGrad {
    fn name(&self) -> &'static str {
        "attention_grad"
    }

    fn shapes(&self, inputs: [&[usize]; 4]) -> tensor::Result<[Vec<usize>; 1]> {
        let [qkv, y, lse, dy] = inputs;
        match self.0.sizes(qkv) {
            Some([n, t, d]) if [y, dy] == [[n, t, d]; 2] && lse == [n, self.0.n_heads, t] => {
                Ok([qkv.to_vec()])
            }
            _ => Err(Error::shape(self.name(), "the inputs and outputs of attention", &inputs)),
        }
    }

    fn input_dtypes(&self) -> [Storage; 4] {
        use Storage::{Accumulator, Same};
        [Same, Same, Accumulator, Same]
    }

    fn reference<A: Real>(&self, [qkv, y, lse, dy]: [ArrayViewD<'_, A>; 4]) -> [ArrayD<A>; 1] {
        let scale = A::from_f64(self.0.scale(y.shape()[2]));
        let (shape, n_heads) = (qkv.raw_dim(), self.0.n_heads);
        let (qkv, y, dy) = (self.0.heads(qkv, 3), self.0.heads(y, 1), self.0.heads(dy, 1));
        let mut dqkv = qkv.mapv(|_| A::zero());
        for (image, of_head, query) in ndarray::indices((qkv.shape()[0], n_heads, qkv.shape()[1])) {
            let [q, k, v] = [0, 1, 2].map(|part| head(&qkv, [image, part, of_head]));
            let (y, dy) = (head(&y, [image, 0, of_head]), head(&dy, [image, 0, of_head]));
            let (q, y, dy) = (q.row(query), y.row(query), dy.row(query));
            for key in 0..k.nrows() {
                let weight = (scale * dot(q, k.row(key)) - lse[[image, of_head, query]]).exp();
                let dscore = weight * (dot(dy, v.row(key)) - dot(dy, y));
                for feature in 0..q.len() {
                    dqkv[[image, query, 0, of_head, feature]] += scale * dscore * k[[key, feature]];
                    dqkv[[image, key, 1, of_head, feature]] += scale * dscore * q[feature];
                    dqkv[[image, key, 2, of_head, feature]] += weight * dy[feature];
                }
            }
        }
        [dqkv.into_shape_with_order(shape).expect("the heads cover all elements")]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 4], [dqkv]: [&Tensor; 1]) -> tensor::Result<()> {
        launches::backward(call, self.0, inputs, dqkv)
    }

    /// Counts recomputing the scores, then computing `dp`, `dq`, `dk` and `dv`.
    fn flops(&self, [qkv, ..]: [&[usize]; 4]) -> u64 {
        self.0.flops_of_products(5, qkv)
    }

    fn fast(&self, [qkv, y, lse, dy]: [Slice<'_>; 4], [dqkv]: [&mut [f32]; 1]) -> bool {
        let (n, t, d) = (y.shape[0], y.shape[1], y.shape[2]);
        let (n_heads, scale) = (self.0.n_heads, self.0.scale(d) as f32);
        let sizes = Sizes::new(t, d, n_heads);
        if sizes.suit() {
            lanes::backward([qkv, y, lse, dy].map(|x| x.data), dqkv, sizes);
            return true;
        }
        let [y, dy] = [y, dy].map(|x| self.0.heads(slice_view(x), 1));
        let qkv = self.0.heads(slice_view(qkv), 3);
        let dqkv = ndarray::ArrayViewMut::<f32, Ix5>::from_shape((n, t, 3, n_heads, d / n_heads), dqkv);
        let mut dqkv = dqkv.expect("the output has the shape of its shape rule");
        dqkv.outer_iter_mut().into_par_iter().enumerate().for_each(|(image, mut dqkv)| {
            dqkv.axis_iter_mut(Axis(2)).into_par_iter().enumerate().for_each(|(of_head, mut dqkv)| {
                let part = |part, scale| Rows::gather(head(&qkv, [image, part, of_head]), scale);
                let qkv = [part(0, scale), part(1, 1.0), part(2, 1.0)];
                let [y, dy] = [&y, &dy].map(|x| Rows::gather(head(x, [image, 0, of_head]), 1.0));
                let lse = &lse.data[(image * n_heads + of_head) * t..][..t];
                let mut parts = dqkv.axis_iter_mut(Axis(1));
                let into = [(); 3].map(|()| parts.next().expect("a packed tensor has three parts"));
                fast::backward(&qkv, [&y, &dy], lse, scale, into);
            });
        });
        true
    }
}

/// The tensors that [`Attention`] saves; `backward` recomputes the attention probabilities from them.
#[derive(Debug)]
pub struct Saved {
    qkv: Tensor,
    y: Tensor,
    /// The log-sum-exp of each row of scores, in the accumulator type: `[n, n_heads, t]`.
    lse: Tensor,
}

impl Op<1> for Attention {
    const NAME: &'static str = "attention";

    type Saved = Saved;

    fn saved_tensors(saved: &Saved) -> Option<Vec<&Tensor>> {
        Some(vec![&saved.qkv, &saved.y, &saved.lse])
    }

    fn forward(&self, [qkv]: [&Tensor; 1]) -> Result<([Tensor; 1], Saved)> {
        let [y, lse] = tensor::run(self, [qkv])?;
        Ok(([y.clone()], Saved { qkv: qkv.clone(), y, lse }))
    }

    fn backward(
        &self,
        Saved { qkv, y, lse }: &Saved,
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &AttentionGrad(*self), [qkv, y, lse, dy])?])
    }
}

impl<'t> Var<'t> {
    /// Multi-head self-attention over the tokens of each example, from packed queries, keys and values
    /// `[n, t, 3 d]` to `[n, t, d]`.
    ///
    /// # Errors
    /// If the shape does not match, or `n_heads` does not divide `d`.
    pub fn attention(&self, n_heads: usize) -> Result<Self> {
        let [y] = self.tape.apply(Attention { n_heads }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::Attention;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{BATCHES, LENGTHS, swept, values};

    impl Cases<1> for Attention {
        /// Rounding the output by `e` changes `dy . y` by at most `d / n_heads` times `e`, here 33. The gradients
        /// change by that times the scale, `1 / sqrt(33)`, times values below 2, times the total attention probability
        /// of one key over all queries, here below 4.
        const OUTPUT_SENSITIVITY: f64 = 46.0;

        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_size(0..3, 1..6, 1..4)
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            prop_oneof![
                of_size(1..3, 100..160, 1..17),
                of_size(1..3, 31..34, 1..17),
                of_size(16..24, 15..20, 1..4)
            ]
            .boxed()
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            let lengths: [&[usize]; 4] =
                [&BATCHES, &LENGTHS[..73], &[1, 2, 3, 7, 8, 9, 16, 17], &LENGTHS[..16]];
            let of = |[n, t, heads, width]: [usize; 4]| of_sizes(n, t, heads, width);
            let mut calls = swept(lengths, &[2, 3, 1, 5], of);
            // Enough tokens that the tiled path is used for any head width.
            calls.extend(LENGTHS[..33].iter().map(|&width| of_sizes(1, 67, 2, width)));
            calls
        }
    }

    fn of_size(n: Range<usize>, t: Range<usize>, width: Range<usize>) -> BoxedStrategy<Case<Attention, 1>> {
        (n, t, 1..4usize, width).prop_then(|(n, t, heads, width)| of_sizes(n, t, heads, width)).boxed()
    }

    fn of_sizes(n: usize, t: usize, n_heads: usize, width: usize) -> BoxedStrategy<Case<Attention, 1>> {
        values(&[n, t, 3 * n_heads * width])
            .prop_map(move |qkv| Case { op: Attention { n_heads }, inputs: [qkv], reduced: t + width })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::Attention;
    use crate::Tape;

    #[test]
    fn equal_keys_give_the_mean_of_the_values() {
        // Two tokens of one head of width one: query, key, value.
        let qkv = Tensor::from_slice(&[5.0f32, 1.0, 2.0, -3.0, 1.0, 4.0], &[1, 2, 3]).unwrap();
        let tape = Tape::new();
        let y = tape.input(&qkv).attention(1).unwrap();
        assert_eq!(y.value().to_f64_vec(), [3.0, 3.0]);
    }

    #[test]
    fn one_token_attends_to_itself_in_every_head() {
        let qkv = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[1, 1, 6]).unwrap();
        let tape = Tape::new();
        let y = tape.input(&qkv).attention(2).unwrap();
        assert_eq!(y.value().to_f64_vec(), [5.0, 6.0]);
    }

    #[test]
    fn large_scores_do_not_overflow_for_any_position_of_the_maximum() {
        for at in [0, 150, 299] {
            let value = |i: usize| match (i / 3 == at, i % 3) {
                (true, 1) => 1e4f32,
                (_, 2) => (i / 3) as f32,
                _ => 1.0,
            };
            let qkv: Vec<f32> = (0..900).map(value).collect();
            let tape = Tape::new();
            let x = tape.input(&Tensor::from_slice(&qkv, &[1, 300, 3]).unwrap());
            let y = x.attention(1).unwrap();
            assert!(y.value().to_f64_vec().iter().all(|&y| y == at as f64), "{at}");
            let gradients = tape.backward_from(&y, Tensor::full(1.0, &[1, 300, 1], DType::F32)).unwrap();
            assert!(gradients.of(&x).unwrap().to_f64_vec().iter().all(|dx| dx.is_finite()));
        }
    }

    #[test]
    fn zero_tokens_and_zero_examples_are_valid() {
        for shape in [[0, 2, 6], [2, 0, 6]] {
            let tape = Tape::new();
            let x = tape.input(&Tensor::zeros(&shape, DType::F32));
            let y = x.attention(2).unwrap();
            let dy = Tensor::zeros(y.shape(), DType::F32);
            assert_eq!(tape.backward_from(&y, dy).unwrap().of(&x).unwrap().shape(), shape);
        }
    }

    #[test]
    fn heads_that_do_not_divide_are_an_error_with_their_number() {
        let message = |n_heads, shape: &[usize]| {
            let qkv = Tensor::zeros(shape, DType::F32);
            tensor::run(&Attention { n_heads }, [&qkv]).unwrap_err().to_string()
        };
        let expected =
            "attention: expected queries, keys and values [n, t, 3 * d] with d > 0 for 4 equal heads";
        assert_eq!(message(4, &[1, 2, 18]), format!("{expected}, got [1, 2, 18]"));
        assert!(message(0, &[1, 2, 6]).contains("0 equal heads"));
        // Three times this value overflows to one in 64 bits.
        assert!(message(12_297_829_382_473_034_411, &[1, 2, 6]).contains("[1, 2, 6]"));
        assert!(message(1, &[1, 2, 0]).contains("[1, 2, 0]"));
    }
}
