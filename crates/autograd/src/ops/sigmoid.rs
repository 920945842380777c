//! The logistic function.

use ndarray::{ArrayD, ArrayViewD, Zip};
use tensor::gpu::Call;
use tensor::{Kernel, Real, Slice, Tensor, math, vector};

use crate::launch::elementwise;
use crate::op::if_wanted;
use crate::{Op, Result, Var};

/// `1 / (1 + e^-x)`, element by element.
#[derive(Debug, Clone, Copy)]
pub struct Sigmoid;

impl Kernel<1, 1> for Sigmoid {
    fn name(&self) -> &'static str {
        "sigmoid"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        Ok([x.to_vec()])
    }

    /// The exponential is taken of `-|x|`, so it never overflows, and small results keep their digits.
    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.mapv(|x| {
            let small = (-x.abs()).exp();
            if x < A::zero() { small / (A::one() + small) } else { A::one() / (A::one() + small) }
        })]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "sigmoid", y, inputs, &[])
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        vector::map(x.data, y, |x| {
            let small = math::exp(-x.abs());
            let above = if x < 0.0 { small } else { 1.0 };
            above / (1.0 + small)
        });
        true
    }
}

/// `dx = y (1 - y) dy`
#[derive(Debug, Clone, Copy)]
struct SigmoidGrad;

impl Kernel<2, 1> for SigmoidGrad {
    fn name(&self) -> &'static str {
        "sigmoid_grad"
    }

    fn shapes(&self, [y, dy]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if y != dy {
            return Err(tensor::Error::shape("sigmoid_grad", "two equal shapes", &[y, dy]));
        }
        Ok([y.to_vec()])
    }

    fn reference<A: Real>(&self, [y, dy]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [Zip::from(&y).and(&dy).map_collect(|&y, &dy| y * (A::one() - y) * dy)]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "sigmoid_grad", dx, inputs, &[])
    }

    fn fast(&self, [y, dy]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        vector::map2(y.data, dy.data, dx, |y, dy| y * (1.0 - y) * dy);
        true
    }
}

impl Op<1> for Sigmoid {
    const NAME: &'static str = "sigmoid";

    /// The output: the derivative of the logistic function `y` is `y (1 - y)`.
    type Saved = Tensor;

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let [y] = tensor::run(self, inputs)?;
        Ok(([y.clone()], y))
    }

    fn backward(&self, y: &Tensor, [dy]: [&Tensor; 1], [wanted]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_wanted(wanted, || {
            let [dx] = tensor::run(&SigmoidGrad, [y, dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// The logistic function of each element.
    ///
    /// # Errors
    /// If the kernel fails.
    pub fn sigmoid(&self) -> Result<Self> {
        let [y] = self.tape.apply(Sigmoid, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "cases")]
mod cases {
    use proptest::prelude::*;

    use super::Sigmoid;
    use crate::gradcheck::cases::{Case, Cases, long_shape, shape, swept_lengths, values};
    use crate::gradcheck::classes::{self, Claim, ShapeClass};

    impl Cases<1> for Sigmoid {
        /// `|d(y - y^2) / dy| = |1 - 2 y|`, and `y` is between 0 and 1.
        const OUTPUT_SENSITIVITY: f64 = 1.0;

        const LINEAR: [bool; 1] = [false];

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

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Sigmoid, 1>> {
        shape
            .prop_flat_map(|shape| values(&shape))
            .prop_map(|x| Case { op: Sigmoid, inputs: [x], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn far_from_zero_it_saturates_without_a_nan_in_every_type() {
        for dtype in DType::ALL {
            let tape = Tape::new();
            let far = [f64::NEG_INFINITY, -1e4, 0.0, 1e4, f64::INFINITY];
            let x = tape.input(&Tensor::from_slice(&far, &[5]).unwrap().to_dtype(dtype));
            let y = x.sigmoid().unwrap();
            assert_eq!(y.value().to_f64_vec(), [0.0, 0.0, 0.5, 1.0, 1.0], "{dtype}");
            let dx = tape.backward_from(&y, Tensor::full(1.0, &[5], dtype)).unwrap();
            assert_eq!(dx.of(&x).unwrap().to_f64_vec(), [0.0, 0.0, 0.25, 0.0, 0.0], "{dtype}");
        }
    }

    #[test]
    fn small_results_keep_their_digits() {
        let x: Vec<f32> = (0..=870).map(|i| -0.1 * i as f32).collect();
        let tape = Tape::without_gradients();
        let y = tape.input(&Tensor::from_slice(&x, &[x.len()]).unwrap()).sigmoid().unwrap();
        for (&x, y) in x.iter().zip(y.value().to_f64_vec()) {
            let expected = 1.0 / (1.0 + f64::from(-x).exp());
            // Three units for the exponential in numerator and denominator, one for sum and quotient each.
            assert!((y - expected).abs() <= 8.0 * f64::from(f32::EPSILON) * expected, "{x}");
        }
    }

    #[test]
    fn a_nan_is_handed_on() {
        let x = Tensor::full(f64::NAN, &[3], DType::F32);
        let [y] = tensor::run(&super::Sigmoid, [&x]).unwrap();
        assert!(y.to_f64_vec().iter().all(|y| y.is_nan()));
    }
}
