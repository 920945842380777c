//! The workloads that benchmarks time: the fully connected CREs of the paper on one random batch.
#![forbid(unsafe_code)]

use models::fc::{self, Config, Size};
use models::{Activation, AdamConfig, Cre, Trainer};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

/// The batch size of the paper.
pub const BATCH: usize = 512;

/// A model and the batch that it is trained on, over and over.
pub struct Workload {
    /// The model.
    pub model: Cre,
    /// Images `[batch, 784]` in [-1, 1).
    pub images: Tensor,
    /// Their classes.
    pub labels: Indices,
}

impl Workload {
    /// `fc_s`, `fc_m` or `fc_l` with k = 16 ReLU latents; nothing for other names.
    pub fn named(name: &str, batch: usize) -> Option<Self> {
        let size = match name {
            "fc_s" => Size::S,
            "fc_m" => Size::M,
            "fc_l" => Size::L,
            _ => return None,
        };
        let latent_activation = Activation::Relu;
        let config = Config { size, pixels: 784, classes: 10, latent: 16, latent_activation };
        let model = fc::cre(&config, &Stream::new(0, "init"), DType::F32).ok()?;
        let mut words = Stream::new(0, "images").sequence(0);
        let pixels = (0..batch * 784).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
        let images = Tensor::from_vec(pixels, &[batch, 784]).ok()?;
        let labels = Indices::new((0..batch).map(|_| (10.0 * words.uniform()) as u32).collect());
        Some(Self { model, images, labels })
    }

    /// The optimisers of the paper at lambda = 0.5.
    pub fn trainer(&self) -> Trainer<'_> {
        Trainer::new(&self.model, AdamConfig::PAPER, 0.5)
    }
}
