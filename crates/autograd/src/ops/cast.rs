//! Conversion to another element type.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::Call;
use tensor::{DType, Kernel, Real, Storage, Tensor};

use crate::launch::elementwise;
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// Rounds each element to the nearest value of `dtype`; nothing is copied if the type is already `dtype`.
///
/// The gradient is that of the identity, converted to the type of the input.
#[derive(Debug, Clone, Copy)]
pub struct Cast {
    /// The type of the output.
    pub dtype: DType,
}

impl Kernel<1, 1> for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn shapes(&self, [x]: [&[usize]; 1]) -> tensor::Result<[Vec<usize>; 1]> {
        Ok([x.to_vec()])
    }

    fn output_dtypes(&self) -> [Storage; 1] {
        [Storage::As(self.dtype)]
    }

    fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
        [x.to_owned()]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 1], [y]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, &format!("cast_to_{}", self.dtype), y, inputs, &[])
    }
}

/// Converts `x` to `dtype` on its device.
pub(crate) fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    let [y] = tensor::run(&Cast { dtype }, [x])?;
    Ok(y)
}

impl Op<1> for Cast {
    const NAME: &'static str = "cast";

    /// The type of the input.
    type Saved = DType;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], DType)> {
        Ok(([cast(x, self.dtype)?], x.dtype()))
    }

    fn backward(
        &self,
        &of_x: &DType,
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || cast(dy, of_x))?])
    }
}

impl<'t> Var<'t> {
    /// Rounds each element to the nearest value of `dtype`; the gradient has the type of `self`.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        if self.value.dtype() == dtype {
            return Ok(self.clone());
        }
        let [y] = self.tape.apply(Cast { dtype }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;
    use tensor::{DType, Tensor};

    use super::Cast;
    use crate::Result;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{long_shape, shape, swept_lengths, values};

    impl Cases<1> for Cast {
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

        /// The identity: the true derivative of rounding is zero almost everywhere.
        fn differentiated(&self, [x]: [&Tensor; 1]) -> Result<[Tensor; 1]> {
            Ok([x.clone()])
        }
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<Cast, 1>> {
        let dtype = proptest::sample::select(&[DType::F32, DType::F16, DType::BF16][..]);
        (dtype, shape.prop_then(|shape| values(&shape)))
            .prop_map(|(dtype, x)| Case { op: Cast { dtype }, inputs: [x], reduced: 1 })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn values_are_rounded_once_and_gradients_arrive_in_the_type_of_the_input() {
        for from in DType::ALL {
            for to in DType::ALL {
                let tape = Tape::new();
                let x = tape.input(&Tensor::from_vec(vec![0.1, -3.0, 1e-7], &[3]).unwrap().to_dtype(from));
                let y = x.to_dtype(to).unwrap();
                assert_eq!(y.value().dtype(), to);
                assert_eq!(y.value().to_f64_vec(), x.value().to_dtype(to).to_f64_vec());
                let weight = Tensor::from_vec(vec![1.0, 0.25, -8.0], &[3]).unwrap().to_dtype(to);
                let gradients = tape.backward_from(&y, weight).unwrap();
                let dx = gradients.of(&x).unwrap();
                assert_eq!((dx.dtype(), dx.to_f64_vec()), (from, vec![1.0, 0.25, -8.0]));
            }
        }
    }

    #[test]
    fn a_cast_to_the_same_type_returns_the_value_itself() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2], DType::F16));
        let y = x.to_dtype(DType::F16).unwrap();
        assert_eq!(x.slot, y.slot);
    }
}
