//! Layers without parameters: pooling, dropping channels, flattening.

use autograd::ops::max_pool2d::MaxPool2d;
use autograd::{Param, Var};
use tensor::random::Stream;

use crate::{Mode, Module, Result};

/// The largest number of each window of 2 by 2, with stride 2.
#[derive(Debug, Clone, Copy)]
pub struct MaxPool {
    /// Rows and columns of minus infinity around the image.
    pub padding: usize,
}

impl Module for MaxPool {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        Ok(x.max_pool2d(MaxPool2d::square(2, 2, self.padding))?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// In training, drops whole channels with probability `p` and divides the others by `1 - p`.
#[derive(Debug, Clone, Copy)]
pub struct ChannelDropout {
    /// The probability, in [0, 1).
    pub p: f64,
    /// Chooses the channels, together with the step.
    pub stream: Stream,
}

impl Module for ChannelDropout {
    fn forward<'t>(&self, x: &Var<'t>, mode: Mode) -> Result<Var<'t>> {
        match mode {
            Mode::Training { step } if self.p > 0.0 => Ok(x.channel_dropout(self.p, self.stream, step)?),
            _ => Ok(x.clone()),
        }
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

/// `[n, c, h, w]` to `[n, c h w]`.
#[derive(Debug, Clone, Copy)]
pub struct Flatten;

impl Module for Flatten {
    fn forward<'t>(&self, x: &Var<'t>, _: Mode) -> Result<Var<'t>> {
        let n = x.shape().first().copied().unwrap_or(0);
        Ok(x.reshape(&[n, x.value().len() / n.max(1)])?)
    }

    fn params(&self) -> Vec<(String, &Param)> {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use autograd::Tape;
    use tensor::{DType, Tensor};

    use super::*;

    #[test]
    fn channels_are_dropped_in_training_only_and_others_in_each_step() {
        let layer = ChannelDropout { p: 0.5, stream: Stream::new(0, "dropout") };
        let tape = Tape::new();
        let x = tape.constant(&Tensor::full(1.0, &[4, 16, 1, 1], DType::F32));
        let of = |mode| layer.forward(&x, mode).unwrap().value().to_f64_vec();
        let [first, second] = [0, 1].map(|step| of(Mode::Training { step }));
        assert!(first.contains(&0.0) && first.contains(&2.0) && first != second);
        assert_eq!(of(Mode::Evaluation), x.value().to_f64_vec());
    }
}
