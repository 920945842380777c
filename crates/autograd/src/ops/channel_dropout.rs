//! Channel dropout (Tompson et al., 2015, arXiv 1411.4280): zeroes whole channels of an example and scales the others
//! up.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::{Argument, Call};
use tensor::random::Stream;
use tensor::{Error, Kernel, Real, Slice, Tensor, rows};

use crate::launch::elementwise;
use crate::op::if_needed;
use crate::ops::dropout::Dropout;
use crate::{Op, Result, Var};

/// [`Dropout`] with one random decision per channel of each example of `x: [n, c, ..]`.
#[derive(Debug, Clone, Copy)]
pub struct ChannelDropout(pub Dropout);

/// The mask is the same for `x` and `dy`, so this kernel also computes the backward pass.
impl Kernel<1, 1> for ChannelDropout {
    fn name(&self) -> &'static str {
        "channel_dropout"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        self.0.check("channel_dropout")?;
        if x.len() < 2 {
            return Err(Error::shape("channel_dropout", "examples with channels [n, c, ..]", &[x]));
        }
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        let scale = A::from_f64(self.0.scale());
        let mut survivors = self.0.survivors(x.shape()[0] * x.shape()[1]);
        let mut y = x.to_owned();
        for mut example in y.outer_iter_mut() {
            for mut channel in example.outer_iter_mut() {
                let survives = survivors.next().expect("there is a mask value for each channel");
                channel.mapv_inplace(|x| if survives { x * scale } else { A::zero() });
            }
        }
        [y]
    }

    fn launch(&self, call: Call<'_>, [x]: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        let mut more = vec![Argument::Size(x.shape()[2..].iter().product())];
        more.extend(self.0.arguments());
        elementwise(call, "channel_dropout", y, [x], &more)
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        let scale = self.0.scale() as f32;
        if x.data.is_empty() {
            return true;
        }
        let (n, c) = (x.shape[0], x.shape[1]);
        let plane = x.data.len() / (n * c);
        let survivors: Vec<bool> = self.0.survivors(n * c).collect();
        let examples = x.data.chunks_exact(c * plane).zip(y.chunks_exact_mut(c * plane));
        rows::each(x.data.len(), examples.zip(survivors.chunks_exact(c)), |((x, y), survivors)| {
            let channels = x.chunks_exact(plane).zip(y.chunks_exact_mut(plane));
            for ((x, y), &survives) in channels.zip(survivors) {
                match survives {
                    true => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x * scale),
                    false => y.fill(0.0),
                }
            }
        });
        true
    }
}

impl Op<1> for ChannelDropout {
    const NAME: &'static str = "channel_dropout";

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
    /// Zeroes each channel of each example of `[n, c, ..]` with probability `p` and divides the others by `1 - p`; the
    /// shape is unchanged. `stream` and `step` determine the mask.
    ///
    /// # Errors
    /// If there are no channels, or `p` is not in [0, 1).
    pub fn channel_dropout(&self, p: f64, stream: Stream, step: u64) -> Result<Self> {
        let [y] = self.tape.apply(ChannelDropout(Dropout { p, stream, step }), [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::ChannelDropout;
    use crate::ops::dropout::cases::masks;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, shape, swept, tile, values};

    impl Cases<1> for ChannelDropout {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(shape(2..=4, 1..4))
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            of_shape(prop_oneof![shape(4..=4, 11..14), vec(tile(), 2)].boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 3], &[3, 2, 5, 7], |shape| of_shape(Just(shape.to_vec()).boxed()))
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<ChannelDropout, 1>> {
        (masks(), shape.prop_then(|shape| values(&shape)))
            .prop_map(|(mask, x)| Case { op: ChannelDropout(mask), inputs: [x], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::random::Stream;
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn channels_are_dropped_whole_and_each_example_has_its_own() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(1.0, &[50, 40, 2, 3], DType::F32));
        let y = x.channel_dropout(0.5, Stream::new(0, "dropout"), 0).unwrap().value().to_f64_vec();
        let channels: Vec<f64> = y.chunks(6).map(|channel| channel[0]).collect();
        assert!(y.chunks(6).zip(&channels).all(|(channel, first)| channel.iter().all(|y| y == first)));
        assert!(channels.iter().all(|&y| y == 0.0 || y == 2.0));
        // Binomial(2000, 0.5): the mean is 1000 and the standard deviation 22.4; five standard deviations are 112.
        assert!(channels.iter().filter(|&&y| y == 0.0).count().abs_diff(1000) < 112);
        assert_ne!(channels[..40], channels[40..80]);
    }

    #[test]
    fn an_input_without_channels_and_a_wrong_probability_are_errors() {
        let tape = Tape::new();
        let message = |shape: &[usize], p| {
            let x = tape.input(&Tensor::zeros(shape, DType::F32));
            x.channel_dropout(p, Stream::new(0, "dropout"), 0).unwrap_err().to_string()
        };
        assert_eq!(
            message(&[3], 0.1),
            "channel_dropout: expected examples with channels [n, c, ..], got [3]"
        );
        assert!(message(&[3, 2], 1.5).ends_with("in [0, 1), got 1.5"));
    }
}
