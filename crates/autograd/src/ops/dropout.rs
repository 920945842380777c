//! Dropout (Srivastava et al., 2014, JMLR 15): zeroes each element with probability `p` and scales the others up, so
//! that the mean is unchanged.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::{Argument, Call};
use tensor::random::Stream;
use tensor::{Error, Kernel, Real, Slice, Tensor, rows};

use crate::launch::elementwise;
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// The number of random words in one block of a [`Stream`].
const WORDS: usize = 4;
/// The number of random blocks of one task.
const BLOCKS: usize = 1024;

/// `y = x / (1 - p)` where an element is kept, `0` where it is dropped.
///
/// Whether element `i` is kept depends only on `(stream, step, i)`, so the backward pass recomputes the mask instead of
/// storing it.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// The probability of dropping an element, in [0, 1).
    pub p: f64,
    /// The stream of random numbers of this layer.
    pub stream: Stream,
    /// The index of the mask in the stream, such as the number of the training step.
    pub step: u64,
}

impl Dropout {
    /// Returns an error of `op` unless `p` is in [0, 1).
    pub(crate) fn check(&self, op: &str) -> tensor::Result<()> {
        if (0.0..1.0).contains(&self.p) {
            return Ok(());
        }
        let expected = "a drop probability in [0, 1)".into();
        Err(Error::Shape { op: op.into(), expected, got: self.p.to_string() })
    }

    /// The factor of kept elements.
    pub(crate) fn scale(&self) -> f64 {
        1.0 / (1.0 - self.p)
    }

    /// An element is dropped if its random word is below this threshold, which has probability `p`.
    fn threshold(&self) -> u32 {
        (self.p * 2f64.powi(32)) as u32
    }

    /// Whether each of `WORDS` elements, starting from `WORDS * block`, is kept.
    fn survive(&self, block: usize) -> [bool; WORDS] {
        let threshold = self.threshold();
        self.stream.block(self.step, block as u64).map(|word| word >= threshold)
    }

    /// The kernel arguments of a mask: its key, its step, the threshold of [`Dropout::threshold`], and the scale of
    /// kept elements.
    pub(crate) fn arguments(&self) -> [Argument<'static>; 4] {
        [
            Argument::U64(self.stream.key()),
            Argument::Step(self.step),
            Argument::U32(self.threshold()),
            Argument::F32(self.scale() as f32),
        ]
    }

    /// Whether each of the first `count` elements is kept.
    pub(crate) fn survivors(&self, count: usize) -> impl Iterator<Item = bool> {
        (0..count.div_ceil(WORDS)).flat_map(|block| self.survive(block)).take(count)
    }
}

/// The mask is the same for `x` and `dy`, so this kernel also computes the backward pass.
impl Kernel<1, 1> for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        self.check("dropout")?;
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let scale = A::from_f64(self.scale());
        let mut y = x.to_owned();
        for (y, survives) in y.iter_mut().zip(self.survivors(x.len())) {
            *y = if survives { *y * scale } else { A::zero() };
        }
        [y]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "dropout", y, inputs, &self.arguments())
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let scale = self.scale() as f32;
        let tasks = x.data.chunks(BLOCKS * WORDS).zip(y.chunks_mut(BLOCKS * WORDS)).enumerate();
        rows::each(x.data.len(), tasks, |(task, (x, y))| {
            for (block, (x, y)) in x.chunks(WORDS).zip(y.chunks_mut(WORDS)).enumerate() {
                let survive = self.survive(task * BLOCKS + block);
                for ((y, &x), survives) in y.iter_mut().zip(x).zip(survive) {
                    *y = if survives { x * scale } else { 0.0 };
                }
            }
        });
        true
    }
}

impl Op<1> for Dropout {
    const NAME: &'static str = "dropout";

    type Saved = ();

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        Ok((tensor::run(self, inputs)?, ()))
    }

    fn backward(&self, (): &(), [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dx] = tensor::run(self, [dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// Zeroes each element with probability `p` and divides the others by `1 - p`; `stream` and `step` determine the
    /// mask.
    ///
    /// # Errors
    /// If `p` is not in [0, 1).
    pub fn dropout(&self, p: f64, stream: Stream, step: u64) -> Result<Self> {
        let [y] = self.tape.apply(Dropout { p, stream, step }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
pub(crate) mod cases {
    use proptest::prelude::*;
    use tensor::random::Stream;

    use super::Dropout;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{long_shape, shape, swept_lengths, values};

    impl Cases<1> for Dropout {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(shape(0..=3, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(long_shape())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept_lengths(|n| of_shape(Just(vec![n]).boxed()))
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Dropout, 1>> {
        (masks(), shape.prop_then(|shape| values(&shape)))
            .prop_map(|(op, x)| Case { op, inputs: [x], reduced: 1 })
            .boxed()
    }

    pub(crate) fn masks() -> BoxedStrategy<Dropout> {
        (prop_oneof![Just(0.0), 0.0..0.9f64], 0..3u64, 0..3u64)
            .prop_map(|(p, seed, step)| Dropout { p, stream: Stream::new(seed, "dropout"), step })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::random::Stream;
    use tensor::{DType, Tensor};

    use super::Dropout;
    use crate::Tape;

    fn dropped(p: f64, step: u64) -> Vec<f64> {
        let op = Dropout { p, stream: Stream::new(1, "dropout"), step };
        let [y] = tensor::run(&op, [&Tensor::full(1.0, &[40_000], DType::F32)]).unwrap();
        y.to_f64_vec()
    }

    #[test]
    fn a_fraction_p_is_dropped_and_the_mean_is_kept() {
        let y = dropped(0.2, 0);
        let zeros = y.iter().filter(|&&y| y == 0.0).count();
        // Binomial(40000, 0.2): the mean is 8000 and the standard deviation 80; five standard deviations are 400.
        assert!(zeros.abs_diff(8000) < 400, "{zeros}");
        assert!(y.iter().all(|&y| y == 0.0 || y == 1.25));
    }

    #[test]
    fn a_step_always_has_the_same_mask_and_another_step_has_another() {
        assert_eq!(dropped(0.5, 3), dropped(0.5, 3));
        let agree = dropped(0.5, 3).iter().zip(dropped(0.5, 4)).filter(|(a, b)| **a == *b).count();
        // Binomial(40000, 0.5): the mean is 20000 and the standard deviation 100; five standard deviations are 500.
        assert!(agree.abs_diff(20_000) < 500, "{agree}");
    }

    #[test]
    fn backward_drops_what_forward_dropped() {
        let tape = Tape::new();
        let ones = Tensor::full(1.0, &[1000], DType::F32);
        let x = tape.input(&ones);
        let y = x.dropout(0.4, Stream::new(2, "dropout"), 7).unwrap();
        let gradients = tape.backward_from(&y, ones).unwrap();
        assert_eq!(gradients.of(&x).unwrap().to_f64_vec(), y.value().to_f64_vec());
    }

    #[test]
    fn the_reference_and_the_fast_path_drop_the_same_elements() {
        let op = Dropout { p: 0.3, stream: Stream::new(3, "dropout"), step: 1 };
        let x = Tensor::full(1.0, &[20_001], DType::F32);
        let [fast] = tensor::run(&op, [&x]).unwrap();
        let [reference] = tensor::run_reference(&op, [&x]).unwrap();
        assert_eq!(fast.to_f64_vec(), reference.to_f64_vec());
    }

    #[test]
    fn a_probability_out_of_range_is_an_error_with_its_value() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2], DType::F32));
        let message = |p| x.dropout(p, Stream::new(0, "dropout"), 0).unwrap_err().to_string();
        assert_eq!(message(1.0), "dropout: expected a drop probability in [0, 1), got 1");
        assert!(message(-0.1).ends_with("got -0.1") && message(f64::NAN).ends_with("got NaN"));
    }
}
