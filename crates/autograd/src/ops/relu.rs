//! The rectifier.

use ndarray::{ArrayD, ArrayViewD, Zip};
use tensor::gpu::Call;
use tensor::{Kernel, Real, Slice, Tensor, vector};

use crate::launch::elementwise;
use crate::op::if_wanted;
use crate::{Op, Result, Var};

/// `max(x, 0)`, element by element; its derivative at 0 is taken to be 0, and at NaN it is NaN.
#[derive(Debug, Clone, Copy)]
pub struct Relu;

impl Kernel<1, 1> for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        Ok([x.to_vec()])
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.mapv(|x| if x > A::zero() || x.is_nan() { x } else { A::zero() })]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "relu", y, inputs, &[])
    }

    fn fast(&self, [x]: [Slice<'_>; 1], [y]: [&mut [f32]; 1]) -> bool {
        // A NaN fails the comparison and is handed on.
        vector::map(x.data, y, |x| if x <= 0.0 { 0.0 } else { x });
        true
    }
}

/// `dx = dy` where the output is above zero, 0 where it is zero, and NaN where it is NaN: a NaN is never lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReluGrad;

impl Kernel<2, 1> for ReluGrad {
    fn name(&self) -> &'static str {
        "relu_grad"
    }

    fn shapes(&self, [y, dy]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if y != dy {
            return Err(tensor::Error::shape("relu_grad", "two equal shapes", &[y, dy]));
        }
        Ok([y.to_vec()])
    }

    fn reference<A: Real>(&self, [y, dy]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let of = |y: A, dy: A| {
            let open = if y > A::zero() { dy } else { A::zero() };
            if y.is_nan() { y } else { open }
        };
        [Zip::from(&y).and(&dy).map_collect(|&y, &dy| of(y, dy))]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 2], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "relu_grad", dx, inputs, &[])
    }

    fn fast(&self, [y, dy]: [Slice<'_>; 2], [dx]: [&mut [f32]; 1]) -> bool {
        vector::map2(y.data, dy.data, dx, |y, dy| {
            let open = if y > 0.0 { dy } else { 0.0 };
            if y.is_nan() { y } else { open }
        });
        true
    }
}

impl Op<1> for Relu {
    const NAME: &'static str = "relu";

    /// The output, which is above zero exactly where the input is.
    type Saved = Tensor;

    fn forward(&self, inputs: [&Tensor; 1]) -> Result<([Tensor; 1], Tensor)> {
        let [y] = tensor::run(self, inputs)?;
        Ok(([y.clone()], y))
    }

    fn backward(&self, y: &Tensor, [dy]: [&Tensor; 1], [wanted]: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        Ok([if_wanted(wanted, || {
            let [dx] = tensor::run(&ReluGrad, [y, dy])?;
            Ok(dx)
        })?])
    }
}

impl<'t> Var<'t> {
    /// `max(self, 0)`, element by element.
    ///
    /// # Errors
    /// If the kernel fails.
    pub fn relu(&self) -> Result<Self> {
        let [y] = self.tape.apply(Relu, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "cases")]
mod cases {
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::Relu;
    use crate::gradcheck::cases::{
        Case, Cases, Kink, long_shape, shape, swept_lengths, values_away_from_zero,
    };
    use crate::gradcheck::classes::{self, Claim, ShapeClass};

    impl Cases<1> for Relu {
        const LINEAR: [bool; 1] = [false];

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::KinkOrTie => Claim::Generated,
                _ => classes::of_any_shape(class),
            }
        }

        fn kinks() -> Vec<Kink<Self, 1>> {
            let x = Tensor::from_vec(vec![-1.0, -0.0, 0.0, 1.0], &[4]).expect("four numbers");
            vec![Kink { op: Relu, inputs: [x], gradients: [vec![0.0, 0.0, 0.0, 1.0]] }]
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

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Relu, 1>> {
        shape
            .prop_flat_map(|shape| values_away_from_zero(&shape))
            .prop_map(|x| Case { op: Relu, inputs: [x], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;
    use crate::ops::conv_transpose2d::Transposed;
    use crate::ops::conv2d::Geometry;

    #[test]
    fn at_zero_the_derivative_is_zero_and_a_nan_stays_one_forward_and_backward() {
        for dtype in DType::ALL {
            // As many numbers as reach the vectors of the fast path, and their rest.
            let x = Tensor::from_vec([0.0, -0.0, 2.0, f64::NAN].repeat(9), &[36, 1]).unwrap().to_dtype(dtype);
            let tape = Tape::new();
            let x = tape.input(&x);
            let constant = |value, shape: &[usize]| tape.constant(&Tensor::full(value, shape, dtype));
            let (one, zero) = (constant(1.0, &[1, 1]), constant(0.0, &[1]));
            let (images, unit) = (x.reshape(&[36, 1, 1, 1]).unwrap(), constant(1.0, &[1; 4]));
            let convolved = images.conv2d_relu(&unit, &zero, Geometry::square(1, 0)).unwrap();
            let transposed = images.conv_transpose2d_relu(&unit, &zero, Transposed::square(1, 0, 0)).unwrap();
            // Alone, and behind products with one.
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
