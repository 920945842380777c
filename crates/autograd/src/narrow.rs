//! From the accumulator type, in which sums stay that more is made of, to the type in which numbers are stored.

use ndarray::{ArrayD, ArrayViewD};
use tensor::gpu::Call;
use tensor::{Error, Kernel, Real, Stored, Tensor};

use crate::Result;
use crate::launch::parts::sum_of_parts;

/// The numbers of `wide`, in the shape and type of `like`.
#[derive(Debug, Clone, Copy)]
struct Narrow;

impl Kernel<2, 1> for Narrow {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn shapes(&self, [wide, like]: [&[usize]; 2]) -> tensor::Result<[Vec<usize>; 1]> {
        if wide != like {
            return Err(Error::shape(self.name(), "two equal shapes", &[wide, like]));
        }
        Ok([wide.to_vec()])
    }

    fn loaded(&self) -> [Stored; 2] {
        [Stored::AsAccumulator, Stored::AsInput]
    }

    fn reference<A: Real>(&self, [wide, _]: [ArrayViewD<'_, A>; 2]) -> [ArrayD<A>; 1] {
        [wide.to_owned()]
    }

    fn launch(&self, call: Call<'_>, [wide, _]: [&Tensor; 2], [out]: [&Tensor; 1]) -> tensor::Result<()> {
        sum_of_parts(call, wide, 1, out)
    }
}

/// `wide`, which has the accumulator type of `like` and its shape, in the type of `like`.
pub(crate) fn narrow(wide: &Tensor, like: &Tensor) -> Result<Tensor> {
    if wide.dtype() == like.dtype() {
        return Ok(wide.clone());
    }
    let [narrow] = tensor::run(&Narrow, [wide, like])?;
    Ok(narrow)
}
