//! Per-image errors, and the standard error of their mean.

use tensor::Tensor;

/// The mean squared error of each image of a batch, `[n, ..]`, from its reconstruction.
pub(crate) fn squared_errors(reconstruction: &Tensor, images: &Tensor) -> Vec<f64> {
    let d = (images.len() / images.shape().first().copied().unwrap_or(1).max(1)).max(1);
    let mean = |sum: f64| sum / d as f64;
    if let (Ok(a), Ok(b)) = (reconstruction.as_slice::<f32>(), images.as_slice::<f32>()) {
        let gap = |(&a, &b): (&f32, &f32)| f64::from(a) - f64::from(b);
        let image = |(a, b): (&[f32], &[f32])| mean(a.iter().zip(b).map(gap).map(|gap| gap * gap).sum());
        return a.chunks(d).zip(b.chunks(d)).map(image).collect();
    }
    let (a, b) = (reconstruction.to_f64_vec(), images.to_f64_vec());
    let image = |(a, b): (&[f64], &[f64])| mean(a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum());
    a.chunks(d).zip(b.chunks(d)).map(image).collect()
}

/// The standard error of the mean of values of independent images; `None` for fewer than two.
pub(crate) fn standard_error(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
    (values.len() >= 2).then(|| (squares / (n * (n - 1.0))).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_means_over_the_pixels_of_an_image() {
        let images = Tensor::from_vec(vec![0.0f32, 0.0, 1.0, 1.0], &[2, 2]).unwrap();
        let made = Tensor::from_vec(vec![1.0f32, 3.0, 1.0, 2.0], &[2, 2]).unwrap();
        assert_eq!(squared_errors(&made, &images), [5.0, 0.5]);
    }

    #[test]
    fn the_standard_error_is_the_deviation_over_the_root_of_the_number() {
        // Mean 3, sample variance 2.5.
        assert_eq!(standard_error(&[1.0, 2.0, 3.0, 4.0, 5.0]), Some(0.5f64.sqrt()));
        assert_eq!(standard_error(&[1.0]), None);
    }
}
