//! The choice between direct convolution and Winograd's minimal filtering.

use std::sync::LazyLock;

use super::winograd::Correlation;

/// The algorithm for convolutions that both algorithms support. The choice changes the last bits of results (in-place
/// reading instead of packing does not).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Winograd's minimal filtering: fewer multiplications and somewhat larger rounding errors.
    Winograd,
    /// Direct convolution, always.
    Direct,
}

impl Algorithm {
    /// Direct if the environment variable `AGON_DIRECT_CONV` is `1`, Winograd otherwise. The variable is read once per
    /// process, so that all steps of a run use the same algorithm.
    pub fn from_environment() -> Self {
        static CHOSEN: LazyLock<Algorithm> = LazyLock::new(|| {
            let is_direct = std::env::var_os("AGON_DIRECT_CONV").is_some_and(|value| value == "1");
            if is_direct { Algorithm::Direct } else { Algorithm::Winograd }
        });
        *CHOSEN
    }

    /// The name that is recorded in the provenance of a run.
    pub fn name(self) -> &'static str {
        match self {
            Self::Winograd => "winograd",
            Self::Direct => "direct",
        }
    }
}

/// Whether this convolution, which Winograd's filtering supports, is computed by it.
pub(super) fn is_filtered(sizes: &Correlation) -> bool {
    Algorithm::from_environment() == Algorithm::Winograd && sizes.is_worth_it()
}
