//! A deep-learning engine written from scratch: tensors, a tape for reverse-mode differentiation, layers, optimisers and
//! training, on CPUs and NVIDIA GPUs.
//!
//! ```
//! use agon::prelude::*;
//!
//! // Four points of the plane and their classes.
//! let images = Tensor::from_vec(vec![0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], &[4, 2])?;
//! let labels = Indices::new(vec![0, 1, 1, 0]);
//!
//! let init = Stream::new(0, "init");
//! let model = Sequential::new()
//!     .then_with(&init, |stream| Linear::new(2, 16, stream, DType::F32))
//!     .then(Activation::Tanh)
//!     .then_with(&init, |stream| Linear::new(16, 2, stream, DType::F32));
//! let adam = Adam::new(&model.params(), AdamConfig { learning_rate: 0.05, ..AdamConfig::PAPER })?;
//! let mut trainer = LossTrainer::new(model.params(), vec![], adam, Schedule::Constant, |tape, example, mode| {
//!     let scores = model.forward(&tape.constant(&example.images), mode)?;
//!     Ok(scores.softmax_cross_entropy(&example.labels)?)
//! })?;
//! let first = trainer.step((&images, &labels))?.loss;
//! for _ in 0..200 {
//!     trainer.step((&images, &labels))?;
//! }
//! assert!(trainer.step((&images, &labels))?.loss < 0.1 * first);
//! # Ok::<(), agon::Error>(())
//! ```
//!
//! | module | what it has |
//! | --- | --- |
//! | [`prelude`] | the names that most programs need |
//! | [`tensor`] | values, element types, devices, and kernels: [`Kernel`](tensor::Kernel), [`Map`](tensor::Map) |
//! | [`autograd`] | the tape, the operations, [`Op`](autograd::Op) for your own, and [`gradcheck`](fn@autograd::gradcheck) |
//! | [`models`] | layers, architectures, optimisers, training, weights in safetensors files |
//! | `data` | with the feature `data`, which is on by default: data sets, image folders, batches; arrays and images as NPY, NPZ and PNG files |
//! | `theory` | with the feature `theory`: closed forms of linear models, measures of representations |
//!
//! Examples in the documentation of these crates use their own names: `agon_models::Linear` is `agon::models::Linear`
//! here, and `tensor::DType` is `agon::tensor::DType`.
//!
//! The feature `testing` adds the property tests of `autograd`, for operations of your own and their CUDA kernels.
//! `cargo xtask kernels` compiles the CUDA kernels in a clone of the repository, and they are embedded in programs that
//! depend on that clone. Without them, everything runs on CPUs.
#![forbid(unsafe_code)]

pub mod prelude;

pub use autograd;
#[cfg(feature = "data")]
pub use data;
pub use models;
/// The crate whose arrays kernels take as inputs.
pub use ndarray;
pub use tensor;
#[cfg(feature = "theory")]
pub use theory;

/// The error type of models and training, to which errors of tensors and tapes convert.
pub use models::Error;
/// The result type for [`Error`].
pub use models::Result;
