//! Mean squared error.

use ndarray::{ArrayD, ArrayViewD, IxDyn, Zip};
use tensor::gpu::{Argument, Call, Grid};
use tensor::sums::pairwise;
use tensor::{DType, Kernel, Real, Slice, Storage, Tensor, vector};

use crate::launch::elementwise;
use crate::launch::parts::mean_of_parts;
use crate::op::if_needed;
use crate::{Op, Result, Var};

/// `mean((x - y)^2)` over all elements of two tensors of equal, non-empty shape, in the accumulator type.
#[derive(Debug, Clone, Copy)]
pub struct Mse;

fn equal_and_not_empty(op: &str, x: &[usize], y: &[usize]) -> tensor::Result<()> {
    if x != y || x.contains(&0) {
        return Err(tensor::Error::shape(op, "two equal, non-empty shapes", &[x, y]));
    }
    Ok(())
}

impl Kernel<2, 1> for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn shapes(&self, [x, y]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        equal_and_not_empty("mse", x, y)?;
        Ok([vec![]])
    }

    fn output_dtypes(&self) -> [Storage; 1] {
        [Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [x, y]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        let sum = pairwise(x.iter().zip(&y).map(|(&x, &y)| (x - y) * (x - y)));
        [ArrayD::from_elem(IxDyn(&[]), sum / A::of(x.len()))]
    }

    fn launch(&self, call: Call<'_>, [x, y]: [&Tensor; 2], [loss]: [&Tensor; 1]) -> tensor::Result<()> {
        // Each thread loads four elements at once.
        let grid = Grid::over(x.len().div_ceil(4));
        let parts = call.scratch(&[grid.blocks[0] as usize], DType::F32)?;
        let arguments = [Argument::Out(&parts), Argument::In(x), Argument::In(y), Argument::Size(x.len())];
        call.launch("mse_parts", grid, &arguments)?;
        mean_of_parts(call, &parts, x.len(), loss)
    }

    fn fast(&self, [x, y]: [Slice<'_>; 2], [loss]: [&mut [f32]; 1]) -> bool {
        let sum = vector::sum2(x.data, y.data, |x, y| (x - y) * (x - y));
        loss[0] = (sum / x.data.len() as f64) as f32;
        true
    }
}

/// `dx = 2 (x - y) dloss / n`
#[derive(Debug, Clone, Copy)]
struct MseGrad;

impl Kernel<3, 1> for MseGrad {
    fn name(&self) -> &'static str {
        "mse_grad"
    }

    fn shapes(&self, [x, y, dloss]: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 1]> {
        equal_and_not_empty("mse_grad", x, y)?;
        if !dloss.is_empty() {
            return Err(tensor::Error::shape("mse_grad", "a scalar", &[dloss]));
        }
        Ok([x.to_vec()])
    }

    fn input_dtypes(&self) -> [Storage; 3] {
        [Storage::Same, Storage::Same, Storage::Accumulator]
    }

    fn reference<A: Real>(&self, [x, y, dloss]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 1] {
        let factor = A::of(2) * dloss[IxDyn(&[])] / A::of(x.len());
        [Zip::from(&x).and(&y).map_collect(|&x, &y| factor * (x - y))]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 3], [dx]: [&Tensor; 1]) -> tensor::Result<()> {
        elementwise(call, "mse_grad", dx, inputs, &[])
    }

    fn fast(&self, [x, y, dloss]: [Slice<'_>; 3], [dx]: [&mut [f32]; 1]) -> bool {
        let factor = 2.0 * dloss.data[0] / x.data.len() as f32;
        vector::map2(x.data, y.data, dx, move |x, y| factor * (x - y));
        true
    }
}

impl Op<2> for Mse {
    const NAME: &'static str = "mse";

    type Saved = [Tensor; 2];

    fn forward(&self, inputs: [&Tensor; 2]) -> Result<([Tensor; 1], [Tensor; 2])> {
        Ok((tensor::run(self, inputs)?, inputs.map(Tensor::clone)))
    }

    /// The loss depends on `x - y` only, so `dy` is `dx` with the inputs exchanged.
    fn backward(
        &self,
        [x, y]: &[Tensor; 2],
        [dloss]: [&Tensor; 1],
        needed: [bool; 2],
    ) -> Result<[Option<Tensor>; 2]> {
        let gradient = |x, y| -> Result<Tensor> {
            let [dx] = tensor::run(&MseGrad, [x, y, dloss])?;
            Ok(dx)
        };
        Ok([if_needed(needed[0], || gradient(x, y))?, if_needed(needed[1], || gradient(y, x))?])
    }
}

impl<'t> Var<'t> {
    /// The mean squared error with respect to `other`, over all elements; a scalar in the accumulator type.
    ///
    /// # Errors
    /// If the shapes differ or there are no elements.
    pub fn mse(&self, other: &Self) -> Result<Self> {
        let [loss] = self.tape.apply(Mse, [self, other])?;
        Ok(loss)
    }
}

#[cfg(feature = "testing")]
mod cases {
    use proptest::prelude::*;

    use super::Mse;
    use crate::testing::cases::{Case, Cases};
    use crate::testing::classes::{self, Claim, ShapeClass};
    use crate::testing::shrink::Then;
    use crate::testing::strategies::{LENGTHS, swept, tile, values};

    impl Cases<2> for Mse {
        const LINEAR: [bool; 2] = [false; 2];

        fn claim(class: ShapeClass) -> Claim {
            match class {
                ShapeClass::EmptyAxis => Claim::Never("the mean of no elements is an error"),
                _ => classes::of_any_shape(class),
            }
        }

        fn cases() -> BoxedStrategy<Case<Self, 2>> {
            of_length((1..5usize).boxed())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 2>> {
            of_length(prop_oneof![256..1024usize, tile()].boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 2>>> {
            swept([&LENGTHS; 2], &[3, 1, 17, 70], |shape| of_shape(&shape))
        }
    }

    fn of_length(length: BoxedStrategy<usize>) -> BoxedStrategy<Case<Mse, 2>> {
        (1..4usize, length, any::<bool>())
            .prop_map(|(n, d, flat)| if flat { vec![n * d] } else { vec![n, d] })
            .prop_then(|shape| of_shape(&shape))
            .boxed()
    }

    fn of_shape(shape: &[usize]) -> BoxedStrategy<Case<Mse, 2>> {
        let reduced = shape.iter().product();
        (values(shape), values(shape))
            .prop_map(move |(x, y)| Case { op: Mse, inputs: [x, y], reduced })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn the_loss_of_16_bit_inputs_has_32_bits_and_can_be_weighted() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::full(0.5, &[1000], DType::BF16));
        let loss = x.mse(&tape.constant(&Tensor::zeros(&[1000], DType::BF16))).unwrap();
        assert_eq!((loss.value().dtype(), loss.value().item()), (DType::F32, Ok(0.25)));
        let dx = tape.backward_from(&loss, Tensor::full(1024.0, &[], DType::F32)).unwrap();
        assert_eq!(dx.of(&x).unwrap().dtype(), DType::BF16);
    }
}
