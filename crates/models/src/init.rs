//! Parameter initialisation.

use autograd::Param;
use ndarray::ArrayD;
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::{Distribution, Normal, Uniform};
use tensor::random::Stream;
use tensor::{DType, Tensor};

use crate::Result;
use crate::range;

/// PyTorch's default initialisation of weights and biases: uniform in `+-1 / sqrt(fan_in)` (`book/cre.md`, section
/// 3.6), or zero if `fan_in` is zero.
///
/// `fan_in` is the number of inputs of each output. All initialisers sample in 64 bits, so models of other element
/// types have the same initial values up to rounding.
pub fn uniform_by_fan_in(shape: &[usize], fan_in: usize, stream: &Stream, dtype: DType) -> Param {
    uniform(shape, 1.0 / (fan_in as f64).sqrt(), stream, dtype)
}

/// Xavier initialisation (Glorot and Bengio, 2010, AISTATS) of a weight `[outputs, inputs]`: uniform in
/// `+-sqrt(6 / (inputs + outputs))`. Used for the affine layers of the ViT (`book/cre.md`, section 3.4).
pub fn xavier_uniform([outputs, inputs]: [usize; 2], stream: &Stream, dtype: DType) -> Param {
    uniform(&[outputs, inputs], (6.0 / (inputs as f64 + outputs as f64)).sqrt(), stream, dtype)
}

/// Normal initialisation with mean 0 and standard deviation `deviation`. Used for the learned tokens of the ViT
/// (`book/cre.md`, section 3.4).
///
/// # Errors
/// [`Error::OutOfRange`](crate::Error::OutOfRange) if the deviation is negative or not finite.
pub fn normal(shape: &[usize], deviation: f64, stream: &Stream, dtype: DType) -> Result<Param> {
    range::NON_NEGATIVE.check("standard deviation", deviation)?;
    Ok(drawn(shape, Normal::new(0.0, deviation).expect("the deviation is finite"), stream, dtype))
}

/// A learned token of `d` features with its initial value.
pub(crate) fn token(d: usize, stream: &Stream, dtype: DType) -> Param {
    /// The initial standard deviation of learned tokens.
    const DEVIATION: f64 = 0.02;
    normal(&[d], DEVIATION, stream, dtype).expect("the deviation is finite")
}

/// Uniform in `+-bound`; zero if the bound is infinite, which is the case for a `fan_in` of zero.
fn uniform(shape: &[usize], bound: f64, stream: &Stream, dtype: DType) -> Param {
    match Uniform::new(-bound, bound) {
        Ok(uniform) => drawn(shape, uniform, stream, dtype),
        Err(_) => Param::new(Tensor::zeros(shape, dtype)),
    }
}

/// Samples in 64 bits, rounded to the element type; zeros in a dry run, which reads no values.
fn drawn(shape: &[usize], from: impl Distribution<f64>, stream: &Stream, dtype: DType) -> Param {
    if tensor::is_dry_run() {
        return Param::new(Tensor::zeros(shape, dtype));
    }
    let values = ArrayD::random_using(shape, from, &mut stream.sequence(0));
    Param::new(Tensor::from_array(&values).to_dtype(dtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draw_is_within_its_bound_and_has_its_variance() {
        let param = uniform_by_fan_in(&[200, 100], 100, &Stream::new(1, "init"), DType::F64);
        let values = param.value().to_f64_vec();
        assert!(values.iter().all(|x| x.abs() <= 0.1));
        let variance = values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64;
        // The uniform distribution in +-b has variance b^2 / 3; over 20,000 samples its standard error is 0.6 %.
        assert!((variance / (0.01 / 3.0) - 1.0).abs() < 0.035, "{variance}");
    }

    #[test]
    fn xaviers_draw_is_within_its_bound_and_has_its_variance() {
        let param = xavier_uniform([100, 200], &Stream::new(1, "init"), DType::F64);
        let values = param.value().to_f64_vec();
        assert!(values.iter().all(|x| x.abs() <= 0.02f64.sqrt()));
        let variance = values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64;
        // b^2 = 6 / 300 and the variance is b^2 / 3; the standard error is 0.6 %, as above.
        assert!((variance / (0.02 / 3.0) - 1.0).abs() < 0.035, "{variance}");
    }

    #[test]
    fn the_normal_draw_has_its_mean_deviation_and_tails() {
        let values =
            normal(&[20_000], 0.02, &Stream::new(1, "init"), DType::F64).unwrap().value().to_f64_vec();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| x * x).sum::<f64>() / n;
        let beyond_two = values.iter().filter(|x| x.abs() > 0.04).count() as f64 / n;
        // Five standard errors: that of the mean is 0.02 / sqrt(n) = 1.4e-4, that of the variance sqrt(2 / n) = 1 % of
        // it, and that of the fraction 0.0455 beyond two standard deviations 0.0015.
        assert!(mean.abs() < 7e-4 && (variance / 4e-4 - 1.0).abs() < 0.05, "{mean} {variance}");
        assert!((beyond_two - 0.0455).abs() < 0.0075, "{beyond_two}");
    }

    #[test]
    fn every_type_starts_from_the_same_values() {
        let stream = Stream::new(1, "init");
        let of = |dtype| uniform_by_fan_in(&[3, 4], 4, &stream, dtype).value();
        assert_eq!(of(DType::F32).to_f64_vec(), of(DType::F64).to_dtype(DType::F32).to_f64_vec());
    }
}
