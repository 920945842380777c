//! How parameters start.

use autograd::Param;
use ndarray::ArrayD;
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::Uniform;
use tensor::random::Stream;
use tensor::{DType, Tensor};

/// Uniform in `+-1 / sqrt(fan_in)`, for weights and biases alike (section 3.6 of the CRE specification).
///
/// `fan_in` counts the numbers that one output is a sum over. The draw is made in 64 bits, so a model of
/// another element type starts from the same numbers, rounded.
pub fn uniform_by_fan_in(shape: &[usize], fan_in: usize, stream: &Stream, dtype: DType) -> Param {
    let bound = 1.0 / (fan_in as f64).sqrt();
    let uniform = Uniform::new(-bound, bound).expect("the bound is positive");
    let values = ArrayD::random_using(shape, uniform, &mut stream.sequence(0));
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
        // A uniform draw in +-b has variance b^2 / 3; over 20,000 numbers its standard error is 0.6 %.
        assert!((variance / (0.01 / 3.0) - 1.0).abs() < 0.035, "{variance}");
    }

    #[test]
    fn every_type_starts_from_the_same_numbers() {
        let stream = Stream::new(1, "init");
        let of = |dtype| uniform_by_fan_in(&[3, 4], 4, &stream, dtype).value();
        assert_eq!(of(DType::F32).to_f64_vec(), of(DType::F64).to_dtype(DType::F32).to_f64_vec());
    }
}
