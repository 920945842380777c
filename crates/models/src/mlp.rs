//! Multilayer perceptrons with equally spaced widths (`book/lbr.md`, section 3.10).

use serde::{Deserialize, Serialize};
use tensor::DType;
use tensor::random::Stream;

use crate::error::positive;
use crate::{Activation, BatchNorm, Error, Flatten, Linear, Result, Sequential};

/// The configuration of an MLP classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The number of input features over all channels: 3,072 for images of 3 x 32 x 32.
    pub inputs: usize,
    /// The number of classes.
    pub classes: usize,
    /// The number of layer widths, including input and output: 4 in the paper.
    pub depth: usize,
}

/// `n` equally spaced integers from `first` to `last`, rounded down (`lin` in `book/lbr.md`, section 3.10).
///
/// # Errors
/// If `n`, the depth of a model, is below 2.
pub fn equally_spaced(first: usize, last: usize, n: usize) -> Result<Vec<usize>> {
    if n < 2 {
        return Err(Error::Setting { setting: "depth", expected: "at least 2", got: n.to_string() });
    }
    let steps = n - 1;
    Ok((0..n).map(|step| ((steps - step) * first + step * last) / steps).collect())
}

/// Builds the classifier, which maps images `[n, ..]` of any shape to logits `[n, classes]`.
///
/// # Errors
/// If a size is zero or the depth is below 2.
pub fn classifier(config: &Config, stream: &Stream, dtype: DType) -> Result<Sequential> {
    let Config { inputs, classes, depth } = *config;
    positive(&[("inputs", inputs), ("classes", classes)])?;
    let mut widths = equally_spaced(classes, inputs, depth)?;
    widths.reverse();
    Ok(through(Sequential::new().then(Flatten), &widths, stream, dtype))
}

/// Appends affine layers with these widths to `layers`, with batch norm and ReLU between them.
///
/// Only the last layer has a bias, because a batch norm cancels the bias of the layer before it.
pub(crate) fn through(mut layers: Sequential, widths: &[usize], stream: &Stream, dtype: DType) -> Sequential {
    let n_layers = widths.len() - 1;
    for (layer, pair) in widths.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        layers = if layer + 1 == n_layers {
            layers.then_with(stream, |stream| Linear::new(inputs, outputs, stream, dtype))
        } else {
            layers
                .then_with(stream, |stream| Linear::without_bias(inputs, outputs, stream, dtype))
                .then(BatchNorm::new(outputs, dtype))
                .then(Activation::Relu)
        };
    }
    layers
}

/// The number of parameters for these widths, for models that are too large to build in a test.
#[cfg(test)]
pub(crate) fn count_through(widths: &[usize]) -> usize {
    let (last, hidden) = (widths[widths.len() - 1], &widths[1..widths.len() - 1]);
    let weights: usize = widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
    weights + 2 * hidden.iter().sum::<usize>() + last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Module;

    #[test]
    fn equal_spacing_gives_the_widths_of_the_specification() {
        let expected: [(usize, usize, &[usize]); 10] = [
            (10, 3072, &[10, 1030, 2051, 3072]),
            (28, 3072, &[28, 1042, 2057, 3072]),
            (100, 3072, &[100, 1090, 2081, 3072]),
            (200, 12288, &[200, 4229, 8258, 12288]),
            (32, 512, &[32, 272, 512]),
            (32, 512, &[32, 152, 272, 392, 512]),
            (512, 3072, &[512, 1792, 3072]),
            (512, 3072, &[512, 1152, 1792, 2432, 3072]),
            (9, 4, &[9, 6, 4]),
            (7, 8, &[7, 8]),
        ];
        for (first, last, widths) in expected {
            assert_eq!(equally_spaced(first, last, widths.len()).unwrap(), widths);
        }
    }

    /// Parameter counts (fact LBR C14 of `book/lbr.md`). The largest model, with 137 million, is counted from its
    /// widths.
    #[test]
    fn the_parameter_counts_are_those_of_the_specification() {
        let widths = |inputs, classes| {
            let mut widths = equally_spaced(classes, inputs, 4).unwrap();
            widths.reverse();
            widths
        };
        let expected =
            [(3072, 10, 8_429_674), (3072, 28, 8_497_900), (3072, 100, 8_776_564), (12288, 200, 137_268_360)];
        for (inputs, classes, count) in expected {
            assert_eq!(count_through(&widths(inputs, classes)), count, "{inputs} inputs, {classes} classes");
        }
        for (inputs, classes, depth) in [(3072, 10, 4), (60, 7, 2), (60, 7, 3), (61, 7, 6)] {
            let config = Config { inputs, classes, depth };
            let model = classifier(&config, &Stream::new(0, "init"), DType::F32).unwrap();
            let mut widths = equally_spaced(classes, inputs, depth).unwrap();
            widths.reverse();
            assert_eq!(model.n_params(), count_through(&widths), "{config:?}");
        }
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let message = |inputs, classes, depth| {
            let config = Config { inputs, classes, depth };
            classifier(&config, &Stream::new(0, "init"), DType::F32).err().unwrap().to_string()
        };
        assert_eq!(message(0, 10, 4), "inputs: expected at least 1, got 0");
        assert_eq!(message(64, 0, 4), "classes: expected at least 1, got 0");
        assert_eq!(message(64, 10, 1), "depth: expected at least 2, got 1");
        assert_eq!(message(64, 10, 0), "depth: expected at least 2, got 0");
    }
}
