//! Parameter counts without building a model, to reject models that exceed the memory.

use super::Architecture;
use crate::{fc, vit};

impl Architecture {
    /// The number of parameters of the model of [`Architecture::build`].
    ///
    /// It is meaningful only if the model can be built. It saturates at `u64::MAX`.
    pub fn n_params(&self) -> u64 {
        // Computed in `f64`, which is exact up to 2^53 and does not overflow for any setting.
        let n = match *self {
            Self::Fc(config) => of_fully_connected(&config),
            Self::CnnS { latent_channels, classes } => of_cnn_s(latent_channels as f64, classes as f64),
            Self::CnnL { width_divisor, classes, .. } => of_cnn_l(width_divisor.max(1), classes as f64),
            Self::Vit(config) => of_transformer(&config),
            Self::Linear { pixels, classes, latent } => {
                through(&[pixels, latent]) + through(&[latent, pixels]) + through(&[latent, classes])
            }
        };
        n as u64
    }
}

/// The number of parameters of a stack of affine layers with these widths.
fn through(widths: &[usize]) -> f64 {
    widths.windows(2).map(|pair| affine(pair[0] as f64, pair[1] as f64)).sum()
}

fn affine(from: f64, to: f64) -> f64 {
    from * to + to
}

/// The parameters of a convolution or transposed convolution with a bias.
fn conv(from: f64, to: f64, kernel: f64) -> f64 {
    from * to * kernel * kernel + to
}

/// The parameters of a convolution and of the norm after it.
fn normed(from: f64, to: f64, kernel: f64) -> f64 {
    conv(from, to, kernel) + 2.0 * to
}

fn of_fully_connected(config: &fc::Config) -> f64 {
    config.widths().iter().map(|widths| through(widths)).sum()
}

fn of_cnn_s(latent: f64, classes: f64) -> f64 {
    let encoder = normed(1.0, 16.0, 3.0) + normed(16.0, 16.0, 3.0) + normed(16.0, latent, 3.0);
    let decoder = conv(latent, 16.0, 3.0) + conv(16.0, 16.0, 3.0) + conv(16.0, 1.0, 3.0);
    encoder + decoder + affine(16.0 * latent, classes)
}

fn of_cnn_l(width_divisor: usize, classes: f64) -> f64 {
    let [narrow, wide, widest] = [64, 128, 256].map(|width| (width / width_divisor) as f64);
    let encoder = normed(3.0, narrow, 7.0)
        + normed(narrow, narrow, 7.0)
        + normed(narrow, wide, 5.0)
        + normed(wide, wide, 5.0)
        + normed(wide, wide, 3.0);
    let decoder = 2.0 * conv(wide, wide, 3.0)
        + conv(wide, narrow, 3.0)
        + conv(narrow, narrow, 3.0)
        + conv(narrow, 3.0, 3.0);
    let classifier = normed(wide, widest, 3.0) + normed(widest, widest, 1.0) + affine(4.0 * widest, classes);
    encoder + decoder + classifier
}

fn of_transformer(config: &vit::Config) -> f64 {
    let vit::Config { channels, classes, patch, encoder, decoder, mlp_ratio, .. } = *config;
    let values = patch as f64 * patch as f64 * channels as f64;
    // Two norms, the queries, keys and values, the output projection, and the MLP.
    let blocks = |vit::Stack { width, depth, .. }: vit::Stack| {
        let (d, hidden) = (width as f64, mlp_ratio as f64 * width as f64);
        depth as f64 * (4.0 * d + affine(d, 3.0 * d) + affine(d, d) + affine(d, hidden) + affine(hidden, d))
    };
    let (e, d) = (encoder.width as f64, decoder.width as f64);
    // The parameters outside of the blocks: each part's embedding, learned token, last norm and output layer.
    let encoder = affine(values, e) + e + blocks(encoder) + 2.0 * e;
    let decoder = affine(e, d) + d + blocks(decoder) + 2.0 * d + affine(d, values);
    encoder + decoder + affine(e, classes as f64)
}

#[cfg(test)]
mod tests {
    use tensor::DType;
    use tensor::random::Stream;

    use super::*;
    use crate::fc::Size;
    use crate::{Module, Part};

    #[test]
    fn built_models_have_the_declared_number_of_parameters() {
        let wider = vit::Config {
            encoder: vit::Stack { width: 16, depth: 3, heads: 2 },
            mlp_ratio: 3,
            channels: 3,
            ..vit::Config::M
        };
        let mut all = vec![
            Architecture::Fc(fc::Config { encoder: Size::L, ..fc::Config::of(Size::S, 7) }),
            Architecture::Fc(fc::Config { classified: Some(2), ..fc::Config::of(Size::M, 5) }),
            Architecture::Linear { pixels: 784, classes: 10, latent: 3 },
            Architecture::Vit(wider),
        ];
        all.extend([Size::S, Size::M, Size::L].map(|size| Architecture::Fc(fc::Config::of(size, 16))));
        all.extend([1, 16].map(|latent_channels| Architecture::CnnS { latent_channels, classes: 3 }));
        all.extend([1, 4, 64].map(|width_divisor| Architecture::CnnL {
            width_divisor,
            dropout: 0.2,
            classes: 3,
        }));
        all.extend([vit::Config::S, vit::Config::L, vit::Config::CIFAR10].map(Architecture::Vit));
        for architecture in all {
            let model = architecture.build(&Stream::new(0, "init"), DType::F32).unwrap();
            let built: usize = Part::ALL.map(|part| model.part(part).n_params()).iter().sum();
            assert_eq!(architecture.n_params(), built as u64, "{}", architecture.label());
        }
    }

    #[test]
    fn sizes_beyond_all_bounds_are_counted_without_overflow() {
        let stack = vit::Stack { width: usize::MAX, depth: usize::MAX, heads: 1 };
        let endless = vit::Config { encoder: stack, decoder: stack, mlp_ratio: usize::MAX, ..vit::Config::S };
        for architecture in [
            Architecture::Fc(fc::Config::of(Size::L, usize::MAX)),
            Architecture::CnnS { latent_channels: usize::MAX, classes: 10 },
            Architecture::Vit(endless),
            Architecture::Linear { pixels: usize::MAX, classes: usize::MAX, latent: usize::MAX },
        ] {
            assert!(architecture.n_params() > 1 << 60);
        }
    }
}
