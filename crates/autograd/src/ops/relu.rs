//! The rectified linear unit (ReLU).

use tensor::{Map, Map2, Real, Tensor};

use crate::op::run_if;
use crate::{Op, Result, Var};

/// `max(x, 0)`, element-wise; its derivative at 0 is defined as 0, and at NaN it is NaN.
#[derive(Debug, Clone, Copy)]
pub struct Relu;

impl Map for Relu {
    const NAME: &'static str = "relu";

    #[inline(always)]
    fn formula<A: Real>(&self, x: A) -> A {
        if x > A::zero() || x.is_nan() { x } else { A::zero() }
    }

    #[inline(always)]
    fn formula_f32(&self, x: f32) -> f32 {
        // A comparison with NaN is false, so NaN is propagated.
        if x <= 0.0 { 0.0 } else { x }
    }
}

/// `dx = dy` where the output is positive, 0 where it is zero, and NaN where it is NaN.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReluGrad;

impl Map2 for ReluGrad {
    const NAME: &'static str = "relu_grad";

    #[inline(always)]
    fn formula<A: Real>(&self, y: A, dy: A) -> A {
        let open = if y > A::zero() { dy } else { A::zero() };
        if y.is_nan() { y } else { open }
    }
}

impl Op<1> for Relu {
    const NAME: &'static str = "relu";

    /// The output, which is positive exactly where the input is.
    type Saved = Tensor;

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let [y] = tensor::run(self, inputs)?;
        Ok(([y.clone()], y))
    }

    fn backward(&self, y: &Tensor, [dy]: [&Tensor; 1], [needed]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([run_if(needed, &ReluGrad, [y, dy])?])
    }
}

impl<'t> Var<'t> {
    /// `max(self, 0)`, element-wise.
    pub fn relu(&self) -> Result<Self> {
        let [y] = self.tape.apply(Relu, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Relu;
    use crate::testing::cases::{AnyShape, Kink};
    use crate::testing::strategies::values_away_from_zero;

    impl AnyShape<1> for Relu {
        const LINEAR: [bool; 1] = [false; 1];

        fn op() -> BoxedStrategy<Self> {
            Just(Relu).boxed()
        }

        fn input(shape: &[usize]) -> BoxedStrategy<Tensor> {
            values_away_from_zero(shape)
        }

        fn kinks() -> Vec<Kink<Self, 1>> {
            let x = Tensor::from_vec(vec![-1.0, -0.0, 0.0, 1.0], &[4]).expect("four elements");
            vec![Kink { op: Relu, inputs: [x], gradients: [vec![0.0, 0.0, 0.0, 1.0]] }]
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;
    use crate::ops::conv_transpose2d::Transposed;
    use crate::ops::conv2d::Geometry;

    #[test]
    fn the_derivative_at_zero_is_zero_and_nan_is_propagated_forward_and_backward() {
        for dtype in DType::ALL {
            // Enough elements for whole vectors of the fast path and a remainder.
            let x = Tensor::from_vec([0.0, -0.0, 2.0, f64::NAN].repeat(9), &[36, 1]).unwrap().to_dtype(dtype);
            let tape = Tape::new();
            let x = tape.input(&x);
            let constant = |value, shape: &[usize]| tape.constant(&Tensor::full(value, shape, dtype));
            let (one, zero) = (constant(1.0, &[1, 1]), constant(0.0, &[1]));
            let (images, unit) = (x.reshape(&[36, 1, 1, 1]).unwrap(), constant(1.0, &[1; 4]));
            let convolved = images.conv2d_relu(&unit, &zero, Geometry::square(1, 0)).unwrap();
            let transposed = images.conv_transpose2d_relu(&unit, &zero, Transposed::square(1, 0, 0)).unwrap();
            // ReLU alone, and fused into operations that multiply by one.
            for y in [x.relu().unwrap(), x.linear_relu(&one, &zero).unwrap(), convolved, transposed] {
                assert!(y.value().to_f64_vec()[3].is_nan());
                let gradients = tape.backward_from(&y, Tensor::full(1.0, y.shape(), dtype)).unwrap();
                let dx = gradients.of(&x).unwrap().to_f64_vec();
                assert!(dx.iter().skip(3).step_by(4).all(|dx| dx.is_nan()), "{dtype}: {dx:?}");
                for (place, expected) in [0.0, 0.0, 1.0].into_iter().enumerate() {
                    assert!(dx.iter().skip(place).step_by(4).all(|&dx| dx == expected), "{dtype}: {dx:?}");
                }
            }
        }
    }
}
