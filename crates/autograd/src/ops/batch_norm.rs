//! Batch normalisation in training mode (Ioffe and Szegedy, 2015, arXiv 1502.03167): normalises each channel over the
//! batch.

pub(crate) mod fast;
mod gradients;

use ndarray::{Array1, ArrayD, ArrayViewD, Axis};
use tensor::gpu::{Argument, Call};
use tensor::{Error, Kernel, Real, Slice, Storage, Tensor};

use self::fast::Layout;
pub(crate) use self::gradients::BatchNormGradAffine;
use self::gradients::BatchNormGradInput;
use crate::launch::channels::{over_channels, over_numbers};
use crate::moments::{Moments, check_eps};
use crate::op::if_wanted;
use crate::ops::cast::cast;
use crate::{Op, Result, Var};

/// `y = (x - mean) / sqrt(variance + eps) * weight + bias` in each channel, for `x: [n, c, ..]` and
/// `weight`, `bias: [c]`.
///
/// The outputs are `y` and, in the accumulator type, the mean and the **unbiased** variance (divided by the count
/// minus one) of each channel, which update a layer's running statistics. `y` itself is normalised with the biased
/// variance. All three outputs are differentiable.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm {
    /// Added to the variance; positive, and representable in 32 bits.
    pub eps: f64,
}

/// Also returns `rstd = 1 / sqrt(variance + eps)` of each channel.
impl Kernel<3, 4> for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn shapes(&self, inputs: [&[usize]; 3]) -> tensor::Result<[Vec<usize>; 4]> {
        check_eps("batch_norm", self.eps)?;
        let [x, weight, bias] = inputs;
        let &[n, c, ref plane @ ..] = x else {
            return Err(Error::shape("batch_norm", WANTED, &inputs));
        };
        if weight != [c] || bias != [c] {
            return Err(Error::shape("batch_norm", WANTED, &inputs));
        }
        if n * plane.iter().product::<usize>() < 2 {
            let wanted = "at least two values of each channel in training, since one has no variance";
            return Err(Error::shape("batch_norm", wanted, &[x]));
        }
        Ok([x.to_vec(), vec![c], vec![c], vec![c]])
    }

    fn output_dtypes(&self) -> [Storage; 4] {
        use Storage::{Accumulator, Same};
        [Same, Accumulator, Accumulator, Accumulator]
    }

    fn reference<A: Real>(&self, [x, weight, bias]: [ArrayViewD<'_, A>; 3]) -> [ArrayD<A>; 4] {
        let c = weight.len();
        let mut y = x.to_owned();
        let [mut means, mut variances, mut rstds] = [(); 3].map(|()| Array1::zeros(c));
        for (channel, mut y) in y.axis_iter_mut(Axis(1)).enumerate() {
            let count = A::of(y.len());
            let moments = Moments::of(y.iter().copied());
            let (mean, rstd) = (moments.mean, moments.rstd(A::from_f64(self.eps)));
            y.mapv_inplace(|x| (x - mean) * rstd * weight[[channel]] + bias[[channel]]);
            means[channel] = mean;
            variances[channel] = moments.variance(count - A::one());
            rstds[channel] = rstd;
        }
        [y, means.into_dyn(), variances.into_dyn(), rstds.into_dyn()]
    }

    fn launch(&self, call: Call<'_>, inputs: [&Tensor; 3], outputs: [&Tensor; 4]) -> tensor::Result<()> {
        let ([x, weight, bias], [y, statistics @ ..]) = (inputs, outputs);
        let [mean, _, rstd] = statistics;
        let eps = Argument::F32(self.eps as f32);
        over_channels(call, "batch_norm_statistics", &statistics, &[x], &[eps])?;
        over_numbers(call, "batch_norm", y, &[x, weight, bias, mean, rstd])
    }

    fn fast(&self, [x, weight, bias]: [Slice<'_>; 3], outputs: [&mut [f32]; 4]) -> bool {
        let [y, means, variances, rstds] = outputs;
        let layout = Layout::of(x.shape);
        if x.data.is_empty() {
            return true;
        }
        let count = (x.data.len() / means.len()) as f64;
        for (channel, moments) in fast::moments(x.data, layout).into_iter().enumerate() {
            means[channel] = moments.mean as f32;
            variances[channel] = (moments.squares / (count - 1.0)) as f32;
            rstds[channel] = (1.0 / (moments.squares / count + self.eps).sqrt()) as f32;
        }
        let scale: Vec<f32> = weight.data.iter().zip(&*rstds).map(|(w, rstd)| w * rstd).collect();
        fast::normalise(x.data, y, [means, &scale, bias.data], layout);
        true
    }
}

const WANTED: &str = "x [n, c, ..], a weight [c] and a bias [c]";

/// The tensors that [`BatchNorm`] saves.
#[derive(Debug)]
pub struct Saved {
    x: Tensor,
    weight: Tensor,
    /// The mean of each channel, in the accumulator type.
    mean: Tensor,
    /// `1 / sqrt(variance + eps)` of each channel, in the accumulator type.
    rstd: Tensor,
}

impl Op<3, 3> for BatchNorm {
    const NAME: &'static str = "batch_norm";

    type Saved = Saved;

    fn forward(&self, [x, weight, bias]: [&Tensor; 3]) -> Result<([Tensor; 3], Saved)> {
        let [y, mean, variance, rstd] = tensor::run(self, [x, weight, bias])?;
        let saved = Saved { x: x.clone(), weight: weight.clone(), mean: mean.clone(), rstd };
        Ok(([y, mean, variance], saved))
    }

    fn backward(
        &self,
        Saved { x, weight, mean, rstd }: &Saved,
        [dy, dmean, dvariance]: [&Tensor; 3],
        [wanted_x, wanted_weight, wanted_bias]: [bool; 3],
    ) -> Result<[Option<Tensor>; 3]> {
        if [wanted_x, wanted_weight, wanted_bias] == [false; 3] {
            return Ok([None, None, None]);
        }
        let [dweight, dbias] = tensor::run(&BatchNormGradAffine, [x, mean, rstd, dy])?;
        let dx = if_wanted(wanted_x, || {
            let inputs = [x, dy, weight, mean, rstd, &dweight, &dbias, dmean, dvariance];
            let [dx] = tensor::run(&BatchNormGradInput, inputs)?;
            Ok(dx)
        })?;
        let dweight = if_wanted(wanted_weight, || cast(&dweight, x.dtype()))?;
        let dbias = if_wanted(wanted_bias, || cast(&dbias, x.dtype()))?;
        Ok([dx, dweight, dbias])
    }
}

impl<'t> Var<'t> {
    /// Normalises each channel of `[n, c, ..]` over the batch, then applies the weight `[c]` and the bias `[c]` of
    /// `affine` if given. Returns `[y, mean, variance]`, with the mean and the
    /// unbiased variance of each channel in the accumulator type.
    ///
    /// # Errors
    /// If the shapes do not match, a channel has a single value, or `eps` is not positive.
    pub fn batch_norm(&self, affine: Option<[&Self; 2]>, eps: f64) -> Result<[Self; 3]> {
        let [weight, bias] = self.affine_or_identity(affine)?;
        self.tape.apply(BatchNorm { eps }, [self, &weight, &bias])
    }

    /// The weight and bias of each channel: the given ones, or constant ones and zeros.
    pub(crate) fn affine_or_identity(&self, affine: Option<[&Self; 2]>) -> Result<[Self; 2]> {
        if let Some(affine) = affine {
            return Ok(affine.map(Self::clone));
        }
        // The operation rejects a shape without channels.
        let channels = self.shape().get(1).copied().unwrap_or(0);
        let repeated = |value| {
            let number = self.value.scalar_like(value, self.value.dtype())?;
            self.tape.constant(&number).broadcast_to(&[channels])
        };
        Ok([repeated(1.0)?, repeated(0.0)?])
    }
}

#[cfg(feature = "cases")]
pub(crate) mod cases {
    use std::ops::Range;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use tensor::Tensor;

    use super::BatchNorm;
    use crate::gradcheck::cases::{Case, Cases, LENGTHS, swept, tile, values};
    use crate::gradcheck::classes::{self, Claim, ShapeClass};
    use crate::ops::layer_norm::cases::values_around;

    impl Cases<3, 3> for BatchNorm {
        const LINEAR: [bool; 3] = [false, true, true];

        fn claim(class: ShapeClass) -> Claim {
            classes::of_any_shape(class)
        }

        fn cases() -> BoxedStrategy<Case<Self, 3>> {
            let flat = (2..6usize, 0..4usize).prop_map(|(n, c)| vec![n, c]);
            let images = shapes_of_images(1..4, 1..3).prop_filter("one value has no variance", |shape| {
                shape[0] * shape[2..].iter().product::<usize>() > 1
            });
            of_shape(prop_oneof![flat, images].boxed())
        }

        fn long_cases() -> BoxedStrategy<Case<Self, 3>> {
            let flat = (100..300usize, 60..200usize).prop_map(|(n, c)| vec![n, c]);
            of_shape(prop_oneof![flat, vec(tile(), 2), shapes_of_images(20..40, 5..20)].boxed())
        }

        fn swept() -> Vec<BoxedStrategy<Case<Self, 3>>> {
            swept([&LENGTHS; 3], &[2, 3, 17], |shape| of_shape(Just(shape.to_vec()).boxed()))
        }
    }

    pub(crate) fn shapes_of_images(n: Range<usize>, side: Range<usize>) -> BoxedStrategy<Vec<usize>> {
        (n, 1..4usize, side.clone(), side, any::<bool>())
            .prop_map(|(n, c, h, w, flat)| if flat { vec![n, c, h * w] } else { vec![n, c, h, w] })
            .boxed()
    }

    fn of_shape(shape: BoxedStrategy<Vec<usize>>) -> BoxedStrategy<Case<BatchNorm, 3>> {
        (shape, prop_oneof![Just(1e-5), Just(0.5)])
            .prop_flat_map(|(shape, eps)| {
                let (c, plane) = (shape[1], shape[2..].iter().product::<usize>());
                (spread(&shape), values(&[c]), values(&[c]), Just((eps, shape[0] * plane)))
            })
            .prop_map(|(x, weight, bias, (eps, reduced))| Case {
                op: BatchNorm { eps },
                inputs: [x, weight, bias],
                reduced,
            })
            .boxed()
    }

    /// Values that differ within each channel, with a variance of about two and a non-zero mean.
    pub(crate) fn spread(shape: &[usize]) -> BoxedStrategy<Tensor> {
        let (c, plane) = (shape[1], shape[2..].iter().product::<usize>());
        values_around(shape, move |place| {
            let within_channel = place / (c * plane) * plane + place % plane;
            if within_channel % 2 == 0 { 2.5 } else { -0.5 }
        })
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use crate::Tape;

    #[test]
    fn the_returned_variance_is_unbiased_and_the_normalising_one_is_biased() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::from_slice(&[1.0f32, 3.0], &[2, 1]).unwrap());
        let [y, mean, variance] = x.batch_norm(None, 1e-12).unwrap();
        assert_eq!(y.value().to_f64_vec(), [-1.0, 1.0]);
        assert_eq!((mean.value().item(), variance.value().item()), (Ok(2.0), Ok(2.0)));
    }

    #[test]
    fn a_channel_far_from_zero_keeps_its_precision_in_either_layout() {
        let values: Vec<f32> = (0..400).map(|i| 10_000.0 + if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        for shape in [vec![400, 1], vec![4, 1, 10, 10]] {
            let tape = Tape::new();
            let x = tape.input(&Tensor::from_slice(&values, &shape).unwrap());
            let [y, mean, _] = x.batch_norm(None, 1e-12).unwrap();
            assert_eq!(mean.value().item(), Ok(10_000.0));
            assert!(y.value().to_f64_vec().iter().all(|y| y.abs() == 1.0), "{shape:?}");
        }
    }

    #[test]
    fn a_constant_channel_is_zero_and_huge_values_keep_their_proportions_in_either_layout() {
        for dtype in [DType::F64, DType::F32, DType::BF16] {
            for shape in [vec![30, 1], vec![5, 1, 3, 2], vec![1, 1, 30]] {
                let normed = |value: &dyn Fn(usize) -> f64| {
                    let values: Vec<f64> = (0..30).map(value).collect();
                    let tape = Tape::new();
                    let x = tape.input(&Tensor::from_slice(&values, &shape).unwrap().to_dtype(dtype));
                    let [weight, bias] =
                        [1.0, 0.0].map(|value| tape.input(&Tensor::full(value, &[1], dtype)));
                    let [y, mean, _] = x.batch_norm(Some([&weight, &bias]), 1e-5).unwrap();
                    let dy = Tensor::full(1.0, &shape, dtype);
                    let gradients = tape.backward_from(&y.mul(&y).unwrap(), dy).unwrap();
                    let dweight = gradients.of(&weight).unwrap().item().unwrap();
                    (y.value().to_f64_vec(), mean.value().item().unwrap(), dweight)
                };
                let (y, mean, _) = normed(&|_| 3.3e7);
                let constant = Tensor::full(3.3e7, &[], dtype).item().unwrap();
                assert_eq!((y, mean), (vec![0.0; 30], constant), "a constant {shape:?} in {dtype}");
                for size in [1e20, 1e30] {
                    let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
                    let (y, _, dweight) = normed(&|i| sign(i) * size);
                    let off = |(i, y): (usize, &f64)| (y - sign(i)).abs();
                    let worst = y.iter().enumerate().map(off).fold(0.0, f64::max);
                    assert!(worst <= 8.0 * dtype.epsilon(), "{size:e} {shape:?} in {dtype}: {y:?}");
                    // The gradient of y^2 by the weight is 2 sum(y^2).
                    assert!(
                        (dweight - 60.0).abs() <= 60.0 * 8.0 * dtype.epsilon(),
                        "{size:e} {dtype}: {dweight}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_eps_of_zero_or_below_is_refused() {
        let tape = Tape::new();
        let x = tape.input(&Tensor::zeros(&[2, 3], DType::F32));
        let statistic = Tensor::full(1.0, &[3], DType::F32);
        for eps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let message = x.batch_norm(None, eps).unwrap_err().to_string();
            assert!(message.starts_with("batch_norm: wanted an eps in"), "{message}");
            let message = x.batch_norm_running(None, &statistic, &statistic, eps).unwrap_err().to_string();
            assert!(message.starts_with("batch_norm_running: wanted an eps in"), "{message}");
        }
    }

    #[test]
    fn a_batch_of_one_value_is_an_error() {
        let tape = Tape::new();
        let of = |shape: &[usize]| tape.input(&Tensor::zeros(shape, DType::F32));
        let message = of(&[1, 3]).batch_norm(None, 1e-5).unwrap_err().to_string();
        let wanted = "at least two values of each channel in training, since one has no variance";
        assert_eq!(message, format!("batch_norm: wanted {wanted}, got [1, 3]"));
        assert!(of(&[1, 3, 1, 1]).batch_norm(None, 1e-5).is_err());
        assert!(of(&[0, 3, 2, 2]).batch_norm(None, 1e-5).is_err());
        assert!(of(&[4]).batch_norm(None, 1e-5).is_err());
        assert!(of(&[1, 3, 1, 2]).batch_norm(None, 1e-5).is_ok());
    }
}
