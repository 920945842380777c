//! Layers, architectures, initialisers, optimisers and training.
//!
//! A [`Module`] maps a variable to a variable and lists its parameters. A [`Cre`] is an encoder with a decoder and a
//! classifier on a shared latent. [`fc`] builds fully connected CREs, [`cnn`] convolutional ones and [`vit`]
//! transformers; an [`Architecture`] describes any of them. A [`CreTrainer`] trains all three parts with one forward
//! and one backward pass per step.
//!
//! [`mlp`] and [`resnet9`] build plain classifiers; [`mlpae`], [`dcae`] and [`resnet_autoencoder`] build an
//! [`Autoencoder`], and [`Guided`] adds two probes to its latent. A [`LossTrainer`] trains any of them. The training step
//! is in [`train`].
//!
//! With the facade `agon` as the only dependency, the names of the examples `agon_models::…`, `autograd::…`, `data::…` and
//! `tensor::…` are `agon::models::…`, `agon::autograd::…` and so on, and the most common ones are in `agon::prelude`.
//!
//! ```
//! use agon_models::{Activation, Adam, AdamConfig, Linear, LossTrainer, Module, Schedule, Sequential};
//! use tensor::random::Stream;
//! use tensor::{DType, Indices, Tensor};
//!
//! let init = Stream::new(0, "init");
//! let model = Sequential::new()
//!     .then_with(&init, |stream| Linear::new(4, 8, stream, DType::F32))
//!     .then(Activation::Relu)
//!     .then_with(&init, |stream| Linear::new(8, 3, stream, DType::F32));
//! let adam = Adam::new(&model.params(), AdamConfig::PAPER)?;
//! let mut trainer =
//!     LossTrainer::new(model.params(), model.buffers(), adam, Schedule::Constant, |tape, example, mode| {
//!         let scores = model.forward(&tape.constant(&example.images), mode)?;
//!         Ok(scores.softmax_cross_entropy(&example.labels)?)
//!     })?;
//!
//! let images = Tensor::from_vec(vec![0.1f32, 0.9, 0.2, 0.4, 0.7, 0.3, 0.8, 0.5], &[2, 4])?;
//! let batches = vec![(images, Indices::new(vec![2, 0])); 10];
//! println!("{:.3}", trainer.epoch(1, batches)?.loss);
//! # Ok::<(), agon_models::Error>(())
//! ```
#![forbid(unsafe_code)]

mod error;
mod module;
mod gradcheck;
mod linear;
mod conv;
mod norm;
mod pool;
mod prepared;
mod attention;
mod attentive;
mod block;
mod patches;
mod position;
mod tokens;
mod mask;
mod residual;
pub mod init;
mod example;
mod cre;
pub mod fc;
pub mod cnn;
pub mod vit;
mod architecture;
pub mod mlp;
pub mod resnet9;
mod autoencoder;
pub mod mlpae;
pub mod dcae;
pub mod resnet_autoencoder;
pub mod guidance;
mod learned;
pub mod range;
mod schedule;
mod slots;
mod decay;
mod adam;
mod sgd;
mod mixing;
pub mod train;
pub mod graph;
mod input_sensitivity;
mod layers;
pub mod predictive_coding;
pub mod recurrent;
mod optimiser;
mod clipped;
mod loss_scale;
mod affine;
mod device;
pub mod weights;

pub use adam::{Adam, AdamConfig, ParamGroup};
pub use affine::affine;
pub use architecture::Architecture;
pub use attention::SelfAttention;
pub use attentive::AttentiveProbe;
pub use autoencoder::Autoencoder;
pub use block::Block;
pub use clipped::Clipped;
pub use conv::{Conv2d, ConvTranspose2d};
pub use cre::{Cre, Losses, Part, Representation};
pub use decay::Decayed;
pub use device::to_device;
pub use error::{Error, Result};
pub use example::Example;
pub use gradcheck::check_gradients;
pub use guidance::{Guided, GuidedLosses, ProbeOutput};
pub use input_sensitivity::input_sensitivity;
pub use learned::Learned;
pub use linear::Linear;
pub use loss_scale::LossScale;
pub use mask::{KeepPatches, Mask, MaskTokens, MaskedLoss, Masking, Masks};
pub use mixing::Mixing;
pub use module::{Activation, Mode, Module, Next, Role, Sequential};
pub use norm::{BatchNorm, LayerNorm};
pub use optimiser::Optimiser;
pub use patches::{PatchEmbedding, Unpatchify};
pub use pool::{ChannelDropout, Flatten, GlobalMaxPool, MaxPool, Unflatten};
pub use position::PositionalEncoding;
pub use residual::Residual;
pub use schedule::{Schedule, ScheduleValue};
pub use sgd::{Sgd, SgdConfig};
pub use tokens::{ClassToken, TokenMean, WithoutClassToken};
pub use train::{
    Batches, Conflict, Convergence, CreTrainer, DeviceBatches, EpochReport, Evaluation, FullConflict,
    LossTrainer, ProbeTrainer, StepReport, Train, Trainer, correct, count_correct, evaluate, evaluate_masked,
    mean_cross_entropy,
};
pub use weights::fitting;
