//! The error type of this crate.

use std::path::PathBuf;

use crate::range::Range;

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of models and their training.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation failed.
    #[error(transparent)]
    Autograd(#[from] autograd::Error),
    /// A kernel failed.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// A loss is not finite.
    #[error(
        "training diverged at step {step}: {loss} is {value}{}; try a smaller learning rate",
        found(first)
    )]
    Diverged {
        /// The index of the step from 0: within the epoch, or since the start of training if steps are run
        /// individually.
        step: usize,
        /// The name of the loss.
        loss: &'static str,
        /// The value of the loss.
        value: f64,
        /// A description of the first operation of the step with a non-finite result; `None` without anomaly detection.
        first: Option<String>,
    },
    /// A setting is invalid.
    #[error("{setting}: expected {expected}, got {got}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// The valid values.
        expected: &'static str,
        /// The actual value.
        got: String,
    },
    /// A numeric setting is out of range.
    #[error("{setting}: expected a number {range}, got {got}")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// The valid values.
        range: Range,
        /// The actual value.
        got: f64,
    },
    /// An optimiser was given another list of parameters than at its construction.
    #[error(
        "{optimiser}: expected {expected}, got {got}; pass the same parameters in the same order as to its constructor"
    )]
    OtherParams {
        /// The optimiser.
        optimiser: &'static str,
        /// The expected parameters.
        expected: String,
        /// The given parameters.
        got: String,
    },
    /// Two parts of a model with separate optimisers share a parameter.
    #[error(
        "`{first}` and `{second}` are the same parameter, in two parts with separate optimisers; expected parts that share no \
         parameter: tie weights within a part, or train with one optimiser (`LossTrainer`)"
    )]
    Shared {
        /// The parameter's name in the first part.
        first: String,
        /// The parameter's name in the other part.
        second: String,
    },
    /// A stored state does not match the model.
    #[error("the stored state does not match the model: {name}: expected {expected}, got {got}")]
    State {
        /// The name of the tensor.
        name: String,
        /// The model's tensor.
        expected: String,
        /// The stored tensor.
        got: String,
    },
    /// A file of weights could not be read or written.
    #[error("cannot {doing} {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The attempted action.
        doing: &'static str,
        /// The reason from the system or the file format.
        reason: String,
    },
    /// The disk is full.
    #[error("the disk is full: cannot write {}: {reason}; free some space and run the same command again", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// The reason from the system.
        reason: String,
    },
    /// The weights in a file do not match the model.
    #[error("{} does not match the model: {}", path.display(), misfits.join("; "))]
    Weights {
        /// The file.
        path: PathBuf,
        /// Every mismatched name, with the expected and the stored tensor.
        misfits: Vec<String>,
    },
    /// There were no batches to train on or to evaluate.
    #[error(
        "batches: expected at least one complete batch of images, got fewer images; use a smaller batch size"
    )]
    NoBatches,
}

fn found(first: &Option<String>) -> String {
    first.as_ref().map_or(String::new(), |first| format!(", the first non-finite value is in {first}"))
}

/// Returns an error that names the first setting of zero.
pub(crate) fn positive(settings: &[(&'static str, usize)]) -> Result<()> {
    match settings.iter().find(|(_, value)| *value == 0) {
        Some((setting, _)) => Err(Error::Setting { setting, expected: "at least 1", got: "0".into() }),
        None => Ok(()),
    }
}

/// Returns an error that names the setting if `legal` is false.
pub(crate) fn require(legal: bool, setting: &'static str, expected: &'static str, got: f64) -> Result<()> {
    match legal {
        true => Ok(()),
        false => Err(Error::Setting { setting, expected, got: got.to_string() }),
    }
}
