//! What can go wrong with models and their training.

use std::path::PathBuf;

use crate::range::Range;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong with models and their training.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation failed.
    #[error(transparent)]
    Autograd(#[from] autograd::Error),
    /// A kernel failed.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// A loss is no longer a number.
    #[error(
        "training diverged at step {step}: {loss} is {value}{}; try a smaller learning rate",
        found(first)
    )]
    Diverged {
        /// The step from 0: within the epoch, or since the start where steps are taken one by one.
        step: usize,
        /// Which loss.
        loss: &'static str,
        /// Its value.
        value: f64,
        /// The first operation of the step whose result was not finite, with the parameter before it, in words; `None`
        /// where nobody looked.
        first: Option<String>,
    },
    /// A setting that no model can be built from.
    #[error("{setting}: wanted {wanted}, got {got}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// What it may be.
        wanted: &'static str,
        /// What it was.
        got: String,
    },
    /// A number that a setting may not have.
    #[error("{setting}: wanted a number {range}, got {got}")]
    OutOfRange {
        /// Which setting.
        setting: &'static str,
        /// What it may be.
        range: Range,
        /// What it was.
        got: f64,
    },
    /// An optimiser was handed another list of parameters than the one that it was made for.
    #[error(
        "{optimiser}: expected {expected}, got {got}; hand it the list that it was made for, in the same order"
    )]
    OtherParams {
        /// The optimiser.
        optimiser: &'static str,
        /// What it was made for.
        expected: String,
        /// What it was handed.
        got: String,
    },
    /// Two parts of a model share a parameter, and each part has an optimiser of its own.
    #[error(
        "`{first}` and `{second}` are one parameter, which the optimisers of both parts would step; expected parts that \
         share none, so tie weights within a part or train with one optimiser (`LossTrainer`)"
    )]
    Shared {
        /// Its name in the first part.
        first: String,
        /// Its name in the other part.
        second: String,
    },
    /// Stored numbers do not belong to this model.
    #[error("the stored state does not fit the model: {name}: wanted {wanted}, got {got}")]
    State {
        /// The name of the tensor.
        name: String,
        /// What the model has.
        wanted: String,
        /// What was stored.
        got: String,
    },
    /// A file of weights could not be read or written.
    #[error("cannot {doing} {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system or the file's format says.
        reason: String,
    },
    /// There is no room for a file of weights.
    #[error("the disk is full: cannot write {}: {reason}; free some space and run the same command again", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The weights in a file are not those of the model.
    #[error("{} does not fit the model: {}", path.display(), misfits.join("; "))]
    Weights {
        /// The file.
        path: PathBuf,
        /// Every name that does not fit, with what was wanted and what was stored.
        misfits: Vec<String>,
    },
    /// There was nothing to train on or to evaluate.
    #[error("no batches were given; is the data set smaller than one batch?")]
    NoBatches,
}

fn found(first: &Option<String>) -> String {
    first.as_ref().map_or(String::new(), |first| format!(", first in {first}"))
}

/// Refuses a setting of zero, by its name.
pub(crate) fn positive(settings: &[(&'static str, usize)]) -> Result<()> {
    match settings.iter().find(|(_, value)| *value == 0) {
        Some((setting, _)) => Err(Error::Setting { setting, wanted: "at least 1", got: "0".into() }),
        None => Ok(()),
    }
}

/// Refuses a number outside of its range, by its name; `legal` says whether it is within.
pub(crate) fn require(legal: bool, setting: &'static str, wanted: &'static str, got: f64) -> Result<()> {
    match legal {
        true => Ok(()),
        false => Err(Error::Setting { setting, wanted, got: got.to_string() }),
    }
}
