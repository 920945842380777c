//! The names that most programs need, for `use agon::prelude::*`. They do not include `Result`, so that of `std` is
//! kept.
//!
//! ```
//! use agon::prelude::*;
//!
//! fn slope_at(x: f64) -> Result<f64, agon::Error> {
//!     let tape = Tape::new();
//!     let x = tape.input(&Tensor::full(x, &[], DType::F64));
//!     let gradients = tape.backward(&x.square()?)?;
//!     Ok(gradients.of(&x)?.item()?)
//! }
//! assert_eq!(slope_at(3.0), Ok(6.0));
//! ```

pub use autograd::{Gradients, Op, Param, Tape, Var, gradcheck};
pub use models::{
    Activation, Adam, AdamConfig, Autoencoder, BatchNorm, Conv2d, ConvTranspose2d, Example, Flatten,
    LayerNorm, Learned, Linear, LossTrainer, MaxPool, Mode, Module, Optimiser, Schedule, Sequential, Sgd,
    SgdConfig, Unflatten, weights,
};
pub use tensor::random::Stream;
pub use tensor::{DType, Device, Indices, Kernel, Map, Map2, Real, Tensor};
