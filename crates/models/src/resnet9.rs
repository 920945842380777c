//! ResNet9, a small residual image classifier (`book/lbr.md`, section 3.10).

use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::error::positive;
use crate::{Activation, BatchNorm, Conv2d, GlobalMaxPool, Linear, MaxPool, Residual, Result, Sequential};

/// The configuration of a ResNet9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The number of channels of an image.
    pub channels: usize,
    /// The numbers of channels after each change of width; [`WIDTHS`] in the paper.
    pub widths: [usize; 5],
    /// The number of classes.
    pub classes: usize,
}

/// The widths of the paper. The last one is 1,028 in the authors' code, not 1,024.
pub const WIDTHS: [usize; 5] = [64, 128, 256, 512, 1028];

/// The minimum side of an image, which is halved four times.
pub const MIN_SIDE: usize = 16;

/// Builds the classifier, which maps images `[n, channels, h, w]` to logits `[n, classes]`.
///
/// The sides are halved four times, so the forward pass returns an error for images with a side below [`MIN_SIDE`].
///
/// # Errors
/// If a size is zero.
pub fn classifier(config: &Config, stream: &Stream, dtype: DType) -> Result<Sequential> {
    let Config { channels, widths, classes } = *config;
    positive(&[("channels", channels), ("classes", classes)])?;
    positive(&widths.map(|width| ("widths", width)))?;
    let block = |channels| move |stream: &Stream| block(channels, stream, dtype);
    let residual = |width| {
        move |stream: &Stream| {
            let body = Sequential::new().then_with(stream, block([width, width]));
            Residual::new(body.then_with(stream, block([width, width])))
        }
    };
    let [a, b, c, d, e] = widths;
    Ok(Sequential::new()
        .then_with(stream, block([channels, a]))
        .then_with(stream, block([a, b]))
        .then(MaxPool::HALVING)
        .then_with(stream, residual(b))
        .then_with(stream, block([b, c]))
        .then(MaxPool::HALVING)
        .then_with(stream, block([c, d]))
        .then(MaxPool::HALVING)
        .then_with(stream, residual(d))
        .then_with(stream, block([d, e]))
        .then(MaxPool::HALVING)
        .then_with(stream, residual(e))
        .then(GlobalMaxPool)
        .then_with(stream, |stream| Linear::new(e, classes, stream, dtype)))
}

/// Convolution, batch norm and ReLU. The convolution keeps its bias, as in the authors' code.
fn block(channels: [usize; 2], stream: &Stream, dtype: DType) -> Sequential {
    Sequential::new()
        .then_with(stream, |stream| Conv2d::new(channels, 3, 1, 1, stream, dtype))
        .then(BatchNorm::new(channels[1], dtype))
        .then(Activation::Relu)
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::Module;

    fn build(channels: usize, widths: [usize; 5], classes: usize) -> Result<Sequential> {
        classifier(&Config { channels, widths, classes }, &Stream::new(0, "init"), DType::F32)
    }

    /// Parameter counts (fact LBR C14 of `book/lbr.md`). Only the last layer depends on the number of classes.
    #[test]
    fn the_parameter_counts_are_those_of_the_specification() {
        let ten = build(3, WIDTHS, 10).unwrap().n_params();
        assert_eq!(ten, 30_348_918);
        for (classes, count) in [(28, 30_367_440), (100, 30_441_528), (200, 30_544_428)] {
            assert_eq!(ten + (classes - 10) * (1028 + 1), count);
        }
        let [few, many] = [10, 28].map(|classes| build(3, [1, 2, 3, 4, 5], classes).unwrap().n_params());
        assert_eq!(many - few, 18 * (5 + 1));
    }

    #[test]
    fn scores_come_out_for_any_image_with_sides_of_at_least_16() {
        let model = build(2, [2, 3, 4, 5, 6], 7).unwrap();
        for [h, w] in [[16, 16], [32, 32], [28, 17]] {
            let images = Tensor::full(0.5, &[3, 2, h, w], DType::F32);
            assert_eq!(model.output(&images).unwrap().shape(), [3, 7]);
        }
        for shape in [[3, 2, 15, 16], [3, 3, 16, 16]] {
            assert!(model.output(&Tensor::zeros(&shape, DType::F32)).is_err());
        }
    }

    #[test]
    fn a_size_of_zero_is_refused_by_name() {
        let message = |built: Result<Sequential>| built.err().unwrap().to_string();
        assert_eq!(message(build(0, WIDTHS, 10)), "channels: expected at least 1, got 0");
        assert_eq!(message(build(3, [1, 1, 0, 1, 1], 10)), "widths: expected at least 1, got 0");
        assert_eq!(message(build(3, [1; 5], 0)), "classes: expected at least 1, got 0");
    }
}
