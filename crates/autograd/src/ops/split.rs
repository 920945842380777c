//! Splits the gradient of a latent shared by two heads: the identity forward, a weighted mean of both gradients
//! backward.

use ndarray::{ArrayD, ArrayViewD, Zip};
use tensor::gpu::{Argument, Call};
use tensor::{Kernel, Real, Slice, Tensor, vector};

use crate::launch::elementwise;
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// Passes `z` unchanged to two heads; in the backward pass, `dz = weight dfirst + (1 - weight) dsecond`.
///
/// Each head is trained on its own loss, and the encoder below `z` on the weighted mean of both gradients. One forward
/// and one backward pass replace three backward passes with separate losses (chapter `book/cre.md`, section 2.2). The
/// backward pass is not the derivative of the forward pass, but that of `(weight z, (1 - weight) z)`.
#[derive(Debug, Clone, Copy)]
pub struct Split {
    /// The weight of the first head's gradient, in [0, 1].
    pub weight: f64,
}

/// `weight x + (1 - weight) y`
#[derive(Debug, Clone, Copy)]
struct Mix {
    weight: f64,
}

impl Kernel<2, 1> for Mix {
    fn name(&self) -> &'static str {
        "mix"
    }

    fn shapes(&self, [x, y]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if x != y {
            return Err(tensor::Error::shape("mix", "two equal shapes", &[x, y]));
        }
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x, y]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let (of_x, of_y) = (A::from_f64(self.weight), A::from_f64(1.0 - self.weight));
        [Zip::from(&x).and(&y).map_collect(|&x, &y| of_x * x + of_y * y)]
    }

    /// The weight is read from device memory, so that a recorded step can be replayed with another weight.
    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [out]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "mix", out, inputs, &[Argument::Number(self.weight)])
    }

    fn fast(&self, [x, y]: [Slice<'_>; 2], [out]: [&mut [f32]; 1]) -> bool {
        let (of_x, of_y) = (self.weight as f32, (1.0 - self.weight) as f32);
        vector::map2(x.data, y.data, out, move |x, y| of_x * x + of_y * y);
        true
    }
}

impl Op<1, 2> for Split {
    const NAME: &'static str = "split";

    type Saved = ();

    fn forward(&self, [z]: [&Tensor; 1]) -> Result<([Tensor; 2], ())> {
        if !(0.0..=1.0).contains(&self.weight) {
            let (expected, got) = ("a weight of the first head in [0, 1]".into(), self.weight.to_string());
            return Err(tensor::Error::Shape { op: "split".into(), expected, got }.into());
        }
        Ok(([z.clone(), z.clone()], ()))
    }

    // ANCHOR: backward
    fn backward(
        &self,
        (): &(),
        [dfirst, dsecond]: [&Tensor; 2],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || {
            let [dz] = tensor::run(&Mix { weight: self.weight }, [dfirst, dsecond])?;
            Ok(dz)
        })?])
    }
    // ANCHOR_END: backward
}

impl<'t> Var<'t> {
    /// Passes this value to two heads. Its gradient is `weight` times that of the first head plus `1 - weight` times
    /// that of the second; both outputs have the shape of `self`.
    ///
    /// # Errors
    /// If `weight` is not in [0, 1].
    pub fn split(&self, weight: f64) -> Result<[Self; 2]> {
        self.tape.apply(Split { weight }, [self])
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::{Mix, Split};
    use crate::Result;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{long_shape, shape, swept_lengths, values};

    impl Cases<1, 2> for Split {
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

        /// `(weight z, (1 - weight) z)`
        fn differentiated(&self, [z]: [&Tensor; 1]) -> Result<[Tensor; 2]> {
            let nothing = z.zeros_like()?;
            let [first] = tensor::run(&Mix { weight: self.weight }, [z, &nothing])?;
            let [second] = tensor::run(&Mix { weight: self.weight }, [&nothing, z])?;
            Ok([first, second])
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Split, 1>> {
        let weight = prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64];
        (weight, shape.prop_then(|shape| values(&shape)))
            .prop_map(|(weight, z)| Case { op: Split { weight }, inputs: [z], reduced: 2 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn the_heads_get_the_unscaled_value_and_their_own_gradients() {
        let tape = Tape::new();
        let z = tape.input(&Tensor::full(2.0, &[3], DType::F64));
        let [first, second] = z.split(0.25).unwrap();
        assert_eq!(first.value().to_f64_vec(), [2.0; 3]);
        let zero = tape.constant(&Tensor::zeros(&[3], DType::F64));
        let loss = first.mse(&zero).unwrap().add(&second.tanh().unwrap().mse(&zero).unwrap()).unwrap();
        tape.keep(&first);
        tape.keep(&second);
        let gradients = tape.backward(&loss).unwrap();
        let at = |var| gradients.of(var).unwrap().to_f64_vec()[0];
        assert_eq!(at(&first), 2.0 * 2.0 / 3.0);
        assert_eq!(at(&z), 0.25 * at(&first) + 0.75 * at(&second));
    }

    #[test]
    fn a_weight_outside_of_0_to_1_is_refused() {
        let tape = Tape::new();
        let z = tape.input(&Tensor::full(2.0, &[3], DType::F32));
        for weight in [2.0, -0.1, f64::NAN, f64::INFINITY] {
            let message = z.split(weight).unwrap_err().to_string();
            assert_eq!(
                message,
                format!("split: expected a weight of the first head in [0, 1], got {weight}")
            );
        }
    }

    #[test]
    fn a_head_without_a_loss_contributes_zero() {
        let tape = Tape::new();
        let z = tape.input(&Tensor::full(2.0, &[], DType::F64));
        let [first, _] = z.split(0.25).unwrap();
        assert_eq!(tape.backward(&first).unwrap().of(&z).unwrap().item(), Ok(0.25));
    }
}
