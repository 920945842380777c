//! The workloads that benchmarks time: the models of the papers, and those of the shared peers, on one
//! random batch.
#![forbid(unsafe_code)]

mod shared;

use models::fc::{self, Config, Size};
use models::{Activation, AdamConfig, Cre, Trainer, cnn};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor};

/// The names of all workloads: the papers' models, then the shared ones.
pub const NAMES: [&str; 7] = ["fc_s", "fc_m", "fc_l", "cnn_s", "cnn_l", "mlp_ae", "cnn_cre"];

/// A model and the batch that it is trained on, over and over.
pub struct Workload {
    /// The model.
    pub model: Cre,
    /// Images `[batch, ..]` in [-1, 1).
    pub images: Tensor,
    /// Their classes.
    pub labels: Indices,
    /// The optimisers.
    adam: AdamConfig,
}

impl Workload {
    /// One of [`NAMES`], with its own batch size or another; nothing for other names.
    pub fn named(name: &str, batch: Option<usize>) -> Option<Self> {
        let stream = &Stream::new(0, "init");
        let (model, image, own_batch): (_, &[usize], _) = match name {
            "fc_s" => (fc(Size::S, stream)?, &[784], 512),
            "fc_m" => (fc(Size::M, stream)?, &[784], 512),
            "fc_l" => (fc(Size::L, stream)?, &[784], 512),
            "cnn_s" => (cnn::cnn_s(16, stream, DType::F32), &[1, 28, 28], 512),
            "cnn_l" => (cnn::cnn_l(1, stream, DType::F32), &[3, 32, 32], 64),
            "mlp_ae" => (shared::mlp_ae(stream), &[784], 128),
            "cnn_cre" => (shared::cnn_cre(stream), &[3, 32, 32], 128),
            _ => return None,
        };
        let adam = match name {
            "mlp_ae" | "cnn_cre" => AdamConfig { learning_rate: 1e-4, ..AdamConfig::PAPER },
            _ => AdamConfig::PAPER,
        };
        let batch = batch.unwrap_or(own_batch);
        let mut words = Stream::new(0, "images").sequence(0);
        let pixels = batch * image.iter().product::<usize>();
        let pixels = (0..pixels).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
        let images = Tensor::from_vec(pixels, &[&[batch], image].concat()).ok()?;
        let labels = Indices::new((0..batch).map(|_| (10.0 * words.uniform()) as u32).collect());
        Some(Self { model, images, labels, adam })
    }

    /// The model in training at lambda = 0.5.
    pub fn trainer(&self) -> Trainer<'_> {
        Trainer::new(&self.model, self.adam, 0.5)
    }
}

/// A fully connected CRE with k = 16 ReLU latents.
fn fc(size: Size, stream: &Stream) -> Option<Cre> {
    let latent_activation = Activation::Relu;
    let config = Config { size, pixels: 784, classes: 10, latent: 16, latent_activation };
    fc::cre(&config, stream, DType::F32).ok()
}
