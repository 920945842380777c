//! The convolutional CREs CNN-S and CNN-L (`book/cre.md`, sections 3.2 and 3.3).

use tensor::DType;
use tensor::random::Stream;

use crate::error::positive;
use crate::range;
use crate::{
    Activation, BatchNorm, ChannelDropout, Conv2d, ConvTranspose2d, Cre, Error, Flatten, Linear, MaxPool,
    Result, Sequential,
};

/// The dropout probability of CNN-L in the paper.
pub const PAPER_DROPOUT: f64 = 0.2;

/// Builds the layers of a part.
struct Builder {
    stream: Stream,
    dtype: DType,
    dropout: f64,
}

impl Builder {
    fn new(stream: &Stream, part: &str, dtype: DType, dropout: f64) -> Self {
        Self { stream: stream.child(part), dtype, dropout }
    }

    /// The stream of the next layer, named by its index.
    fn layer(&self, layers: &Sequential) -> Stream {
        self.stream.child(&layers.len().to_string())
    }

    fn conv(&self, layers: Sequential, channels: [usize; 2], kernel: usize) -> Sequential {
        let stream = self.layer(&layers);
        let layers = layers.then(Conv2d::new(channels, kernel, 1, kernel / 2, &stream, self.dtype));
        let stream = self.layer(&layers).child("dropout");
        layers.then(ChannelDropout { p: self.dropout, stream })
    }

    fn norm(&self, layers: Sequential, channels: usize) -> Sequential {
        layers.then(BatchNorm::new(channels, self.dtype))
    }

    /// Appends convolution, channel dropout, batch norm, optional pooling and ReLU.
    fn block(
        &self,
        layers: Sequential,
        channels: [usize; 2],
        kernel: usize,
        pool: Option<MaxPool>,
    ) -> Sequential {
        let layers = self.norm(self.conv(layers, channels, kernel), channels[1]);
        let layers = match pool {
            Some(pool) => layers.then(pool),
            None => layers,
        };
        layers.then(Activation::Relu)
    }

    /// Appends a transposed convolution with a kernel of 3, then an activation.
    fn unblock(
        &self,
        layers: Sequential,
        channels: [usize; 2],
        attributes: [usize; 3],
        activation: Activation,
    ) -> Sequential {
        let stream = self.layer(&layers);
        layers.then(ConvTranspose2d::new(channels, attributes, &stream, self.dtype)).then(activation)
    }

    /// Appends flattening, then one affine layer.
    fn head(&self, layers: Sequential, inputs: usize, outputs: usize) -> Sequential {
        let layers = layers.then(Flatten);
        let stream = self.layer(&layers);
        layers.then(Linear::new(inputs, outputs, &stream, self.dtype))
    }
}

/// CNN-S for images of 1 x 28 x 28. The latent has `latent_channels` x 4 x 4 dimensions; the paper has 16 channels and
/// 10 classes.
///
/// # Errors
/// If the latent has no channels, or there are no classes.
pub fn cnn_s(latent_channels: usize, classes: usize, stream: &Stream, dtype: DType) -> Result<Cre> {
    positive(&[("latent_channels", latent_channels), ("classes", classes)])?;
    let (c, pool) = (latent_channels, |padding| Some(MaxPool { padding, ..MaxPool::HALVING }));
    let build = Builder::new(stream, "encoder", dtype, 0.0);
    let encoder = build.block(Sequential::new(), [1, 16], 3, pool(0));
    let encoder = build.block(encoder, [16, 16], 3, pool(1));
    let encoder = build.block(encoder, [16, c], 3, pool(0));

    let build = Builder::new(stream, "decoder", dtype, 0.0);
    let decoder = build.unblock(Sequential::new(), [c, 16], [2, 1, 1], Activation::Relu);
    let decoder = build.unblock(decoder, [16, 16], [2, 2, 1], Activation::Relu);
    let decoder = build.unblock(decoder, [16, 1], [2, 1, 1], Activation::Tanh);

    let build = Builder::new(stream, "classifier", dtype, 0.0);
    Ok(Cre::new(encoder, decoder, build.head(Sequential::new(), 16 * c, classes), &[1, 28, 28]))
}

/// CNN-L for images of 3 x 32 x 32, with all widths divided by `width_divisor`: 1 in the paper, 4 for training on a
/// CPU.
///
/// In training, the encoder and the classifier drop each channel with probability `dropout`, [`PAPER_DROPOUT`] in the
/// paper.
///
/// # Errors
/// If `width_divisor` does not divide 64, the smallest width, `dropout` is not in [0, 1), or there are no classes.
pub fn cnn_l(
    width_divisor: usize,
    dropout: f64,
    classes: usize,
    stream: &Stream,
    dtype: DType,
) -> Result<Cre> {
    positive(&[("classes", classes)])?;
    if width_divisor == 0 || !64usize.is_multiple_of(width_divisor) {
        let got = width_divisor.to_string();
        return Err(Error::Setting { setting: "narrower", expected: "a divisor of 64", got });
    }
    range::BELOW_ONE.check("dropout", dropout)?;
    let width = |channels: usize| channels / width_divisor;
    let (narrow, wide, widest) = (width(64), width(128), width(256));
    let pool = Some(MaxPool::HALVING);

    let build = Builder::new(stream, "encoder", dtype, dropout);
    let encoder = build.block(Sequential::new(), [3, narrow], 7, None);
    let encoder = build.block(encoder, [narrow, narrow], 7, None);
    let encoder = build.block(encoder, [narrow, wide], 5, pool);
    let encoder = build.block(encoder, [wide, wide], 5, pool);
    let encoder = build.block(encoder, [wide, wide], 3, pool);

    let build = Builder::new(stream, "decoder", dtype, 0.0);
    let decoder = build.unblock(Sequential::new(), [wide, wide], [2, 1, 1], Activation::Relu);
    let decoder = build.unblock(decoder, [wide, wide], [2, 1, 1], Activation::Relu);
    let decoder = build.unblock(decoder, [wide, narrow], [2, 1, 1], Activation::Relu);
    let decoder = build.unblock(decoder, [narrow, narrow], [1, 1, 0], Activation::Relu);
    let decoder = build.unblock(decoder, [narrow, 3], [1, 1, 0], Activation::Tanh);

    // In the second block of the classifier, the pooling is before the norm.
    let build = Builder::new(stream, "classifier", dtype, dropout);
    let classifier = build.block(Sequential::new(), [wide, widest], 3, None);
    let classifier = build.conv(classifier, [widest, widest], 1).then(MaxPool::HALVING);
    let classifier = build.norm(classifier, widest).then(Activation::Relu);
    Ok(Cre::new(encoder, decoder, build.head(classifier, 4 * widest, classes), &[3, 32, 32]))
}

#[cfg(test)]
mod tests {
    use tensor::{Indices, Tensor};

    use super::*;
    use crate::{AdamConfig, CreTrainer, Mode, Module, Part, evaluate};

    fn counts(model: &Cre) -> [usize; 3] {
        Part::ALL.map(|part| model.part(part).n_params())
    }

    fn images(n: usize, pixels: usize) -> Tensor {
        let mut words = Stream::new(4, "images").sequence(0);
        let values = (0..n * pixels).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
        Tensor::from_vec(values, &[n, pixels]).unwrap()
    }

    /// Parameter counts, fact A1 of `book/cre.md`.
    #[test]
    fn the_parameter_counts_are_those_of_the_paper() {
        let stream = Stream::new(0, "init");
        assert_eq!(counts(&cnn_s(16, 10, &stream, DType::F32).unwrap()), [4_896, 4_785, 2_570]);
        let cnn_l = cnn_l(1, PAPER_DROPOUT, 10, &stream, DType::F32).unwrap();
        assert_eq!(counts(&cnn_l), [973_504, 407_619, 372_234]);
    }

    /// Shapes, fact A2 of `book/cre.md`.
    #[test]
    fn the_shapes_are_those_of_the_paper() {
        let stream = Stream::new(0, "init");
        let cases = [
            (cnn_s(16, 10, &stream, DType::F32), 784, 256),
            (cnn_s(2, 10, &stream, DType::F32), 784, 32),
            (cnn_l(4, PAPER_DROPOUT, 10, &stream, DType::F32), 3072, 512),
        ];
        for (model, pixels, latent) in cases {
            let model = model.unwrap();
            let of = model.represent(&images(2, pixels)).unwrap();
            assert_eq!((of.z.shape(), of.logits.shape()), ([2, latent].as_slice(), [2, 10].as_slice()));
            assert_eq!(of.reconstruction.shape(), [2, pixels]);
        }
    }

    #[test]
    fn cnn_l_has_the_requested_dropout() {
        let (images, labels) = (images(2, 3072), Indices::new(vec![3, 1]));
        // In training mode no layer uses running statistics, so the losses of two steps differ only by their dropout
        // masks.
        let losses = |dropout: f64| {
            let model = cnn_l(32, dropout, 10, &Stream::new(0, "init"), DType::F32).unwrap();
            [0, 1].map(|step| {
                let tape = autograd::Tape::new();
                let losses = model.losses(&tape, &images, &labels, 0.5, Mode::Training { step }).unwrap();
                losses.cross_entropy.value().item().unwrap()
            })
        };
        let [first, second] = losses(0.0);
        assert_eq!(first, second);
        let [first, second] = losses(PAPER_DROPOUT);
        assert_ne!(first, second);
    }

    #[test]
    fn invalid_settings_are_refused_by_name() {
        let stream = Stream::new(0, "init");
        let message = |refused: Result<Cre>| refused.err().unwrap().to_string();
        let of_s = message(cnn_s(0, 10, &stream, DType::F32));
        assert_eq!(of_s, "latent_channels: expected at least 1, got 0");
        for width_divisor in [0, 3, 128] {
            let of_l = message(cnn_l(width_divisor, 0.2, 10, &stream, DType::F32));
            assert_eq!(of_l, format!("narrower: expected a divisor of 64, got {width_divisor}"));
        }
        for dropout in [-0.1, 1.0, f64::NAN] {
            let of_l = message(cnn_l(32, dropout, 10, &stream, DType::F32));
            assert_eq!(of_l, format!("dropout: expected a number from 0 and below 1, got {dropout}"));
        }
    }

    #[test]
    fn training_lowers_both_losses_and_a_stored_trainer_resumes_with_the_same_bits() {
        let (images, labels) = (images(16, 784), Indices::new((0..16).map(|row| row % 10).collect()));
        let batch = || [(images.clone(), labels.clone())];
        let config = AdamConfig { learning_rate: 1e-2, ..AdamConfig::PAPER };
        let model = cnn_s(16, 10, &Stream::new(0, "init"), DType::F32).unwrap();
        let mut trainer = CreTrainer::new(&model, config, 0.5).unwrap();
        let first = trainer.epoch(1, batch()).unwrap();
        for epoch in 2..30 {
            trainer.epoch(epoch, batch()).unwrap();
        }
        let state = trainer.state();
        let last = trainer.epoch(30, batch()).unwrap();
        assert!(last.mse < first.mse && last.cross_entropy < first.cross_entropy, "{first:?} {last:?}");

        let other = cnn_s(16, 10, &Stream::new(1, "init"), DType::F32).unwrap();
        let mut resumed = CreTrainer::new(&other, config, 0.5).unwrap();
        resumed.load(|name| state.iter().find(|(own, _)| own == name).map(|(_, t)| t.clone())).unwrap();
        assert_eq!(resumed.epoch(30, batch()).unwrap(), last);
        assert_eq!(evaluate(&other, batch()).unwrap(), evaluate(&model, batch()).unwrap());
    }
}
