//! The graph of one training step of a CRE.

pub use autograd::View;

use autograd::Tape;
use tensor::{Indices, Tensor};

use crate::{Cre, Mode, Result};

/// The graph of one training step on images `[n, ..]` and their labels, with the gradient norms of its backward pass.
/// No parameter is updated.
///
/// # Errors
/// If a shape does not match, or λ is not in [0, 1].
pub fn of_step(model: &Cre, images: &Tensor, labels: &Indices, lambda: f64) -> Result<View> {
    let tape = Tape::new();
    let losses = model.losses(&tape, images, labels, lambda, Mode::Training { step: 0 })?;
    let loss = losses.mse.add(&losses.cross_entropy)?;
    tape.keep_all();
    let gradients = tape.backward(&loss)?;
    Ok(tape.view().with_names(model.params()).with_gradients(&gradients))
}
