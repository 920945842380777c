//! Reshaping to another shape with the same number of elements.

use tensor::Tensor;

use crate::op::if_needed;
use crate::{Op, Result, Var};

/// The same elements in row-major order in another shape, without a copy.
#[derive(Debug, Clone)]
pub struct Reshape {
    /// The new shape.
    pub shape: Vec<usize>,
}

impl Op<1> for Reshape {
    const NAME: &'static str = "reshape";

    /// The old shape.
    type Saved = Vec<usize>;

    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], Vec<usize>)> {
        Ok(([x.reshape(&self.shape)?], x.shape().to_vec()))
    }

    fn backward(
        &self,
        shape: &Vec<usize>,
        [dy]: [&Tensor; 1],
        [needed]: [bool; 1],
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([if_needed(needed, || Ok(dy.reshape(shape)?))?])
    }
}

impl<'t> Var<'t> {
    /// The same elements in another shape.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        let [y] = self.tape.apply(Reshape { shape: shape.to_vec() }, [self])?;
        Ok(y)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Reshape;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, length, swept, values};

    impl Cases<1> for Reshape {
        const LINEAR: [bool; 1] = [true];

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::TileStraddler => Claim::Never("a reshape moves no elements"),
                _ => classes::of_any_shape(class),
            }
        }

        fn cases() -> BoxedStrategy<Case<Self, 1>> {
            (length(1..4), length(1..4), length(1..4))
                .prop_then(|(a, b, c)| (values(&[a, b, c]), Just(vec![b * c, a])))
                .prop_map(|(x, shape)| Case { op: Reshape { shape }, inputs: [x], reduced: 1 })
                .boxed()
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 1>> {
            Self::cases()
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 1>>> {
            swept([&LENGTHS; 3], &[3, 1, 2], |[a, b, c]| {
                let of = move |x| Case { op: Reshape { shape: vec![b * c, a] }, inputs: [x], reduced: 1 };
                values(&[a, b, c]).prop_map(of).boxed()
            })
        }
    }
}
