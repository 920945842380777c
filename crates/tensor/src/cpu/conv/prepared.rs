//! Convolution weights that are transformed once and used many times, as in evaluation.

use std::sync::OnceLock;

use super::winograd::{Correlation, Weights};
use super::{Convolution, Epilogue, conv2d_f32, is_filtered};
use crate::{Error, Isa, Result, Tensor};

/// A weight `[o, c, kernel]` of `f32` on the CPU with a cache of its Winograd transform, which the first convolution
/// that needs it computes. For a 3 x 3 kernel the transform takes four times the memory of the weight. Direct
/// convolutions pack the weight in every call, which takes as long as reading packed panels.
#[derive(Debug)]
pub struct PreparedWeight {
    weight: Tensor,
    transformed: OnceLock<Weights>,
}

impl PreparedWeight {
    /// Creates the prepared weight without computing the transform yet.
    ///
    /// # Errors
    /// [`Error::DType`] unless the elements are `f32`, [`Error::Elsewhere`] on a GPU, and [`Error::Shape`] if it does not
    /// have four axes.
    pub fn new(weight: &Tensor) -> Result<Self> {
        weight.as_slice::<f32>()?;
        if weight.rank() != 4 {
            return Err(Error::shape("PreparedWeight", "a weight [o, c, kh, kw]", &[weight.shape()]));
        }
        Ok(Self { weight: weight.clone(), transformed: OnceLock::new() })
    }

    /// The untransformed weight.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// [`conv2d_f32`](super::conv2d_f32) with this weight; the results are equal, bit for bit.
    pub fn conv2d(&self, y: &mut [f32], x: &[f32], epilogue: Epilogue<'_>, sizes: Convolution) {
        let weight = self.weight.own();
        sizes.check(x, weight, y);
        let filtered = Correlation::forward(&sizes).filter(is_filtered);
        if !filtered.is_some_and(|filtered| self.filter(filtered, y, x, epilogue)) {
            conv2d_f32(y, x, weight, epilogue, sizes);
        }
    }

    /// Computes `y` by Winograd's filtering. Returns whether all results are finite; if not, `y` must be computed
    /// directly.
    fn filter(&self, sizes: Correlation, y: &mut [f32], x: &[f32], epilogue: Epilogue<'_>) -> bool {
        let (isa, weights) = (Isa::best(), &self.transformed);
        if weights.get().is_none() {
            // Computed outside of the lock: a thread that waits inside a rayon task may start another convolution with
            // this weight.
            let made = sizes.weights(self.weight.own(), isa);
            weights.get_or_init(|| made);
        }
        match weights.get().filter(|weights| weights.fit(&sizes, isa)) {
            Some(prepared) => sizes.compute_prepared(y, x, prepared, epilogue, isa),
            // The cached transform is for another stride.
            None => sizes.compute(y, x, self.weight.own(), epilogue, isa),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use crate::{DType, FusedActivation};

    fn random(name: &str, len: usize) -> Vec<f32> {
        let mut words = Stream::new(0, name).sequence(0);
        (0..len).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect()
    }

    #[test]
    fn a_prepared_weight_gives_the_bits_of_the_weight_for_every_size_and_stride() {
        let area = |sides: [usize; 2]| sides[0] * sides[1];
        for (c, o, kernel) in [(16, 19, 3), (17, 16, 5), (3, 20, 3), (16, 16, 1)] {
            let weight = random("weight", o * c * kernel * kernel);
            let prepared =
                PreparedWeight::new(&Tensor::from_slice(&weight, &[o, c, kernel, kernel]).unwrap()).unwrap();
            let bias = random("bias", o);
            for (n, side, stride) in [(16, 8, 1), (3, 12, 1), (16, 9, 1), (16, 16, 2), (1, 4, 1)] {
                let padding = [kernel / 2; 2];
                let out = [(side + 2 * padding[0] - kernel) / stride + 1; 2];
                let sizes = Convolution {
                    n,
                    c,
                    image: [side; 2],
                    o,
                    kernel: [kernel; 2],
                    stride: [stride; 2],
                    padding,
                    out,
                };
                let epilogue = Epilogue { bias: Some(&bias), activation: FusedActivation::Relu };
                let x = random("x", n * c * area(sizes.image));
                let [mut y, mut expected] = [(); 2].map(|()| vec![0.0; n * o * area(out)]);
                prepared.conv2d(&mut y, &x, epilogue, sizes);
                conv2d_f32(&mut expected, &x, &weight, epilogue, sizes);
                assert!(y == expected, "{sizes:?}");
            }
        }
    }

    #[test]
    fn a_weight_of_another_type_or_rank_is_refused() {
        assert!(PreparedWeight::new(&Tensor::zeros(&[1, 1, 3, 3], DType::F64)).is_err());
        let message = PreparedWeight::new(&Tensor::zeros(&[1, 3, 3], DType::F32)).unwrap_err().to_string();
        assert_eq!(message, "PreparedWeight: expected a weight [o, c, kh, kw], got [1, 3, 3]");
    }
}
