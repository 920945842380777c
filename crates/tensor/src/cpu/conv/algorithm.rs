//! The choice between direct convolution and Winograd's minimal filtering.

use std::sync::LazyLock;

use super::winograd::Correlation;

/// The algorithm of convolutions whose sizes allow both. It changes the last bits of results, unlike reading in place
/// instead of packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Winograd's minimal filtering: fewer multiplications and somewhat larger rounding errors.
    Winograd,
    /// Direct convolution, always.
    Direct,
}

impl Algorithm {
    /// Direct if the environment sets `AGON_DIRECT_CONV=1`, and Winograd otherwise. It is read once per process, so
    /// that all steps of a run use the same algorithm.
    pub fn from_environment() -> Self {
        static CHOSEN: LazyLock<Algorithm> = LazyLock::new(|| {
            let is_direct = std::env::var_os("AGON_DIRECT_CONV").is_some_and(|value| value == "1");
            if is_direct { Algorithm::Direct } else { Algorithm::Winograd }
        });
        *CHOSEN
    }

    /// The name in the provenance of a run.
    pub fn name(self) -> &'static str {
        match self {
            Self::Winograd => "winograd",
            Self::Direct => "direct",
        }
    }
}

/// Whether a convolution that can be filtered is.
pub(super) fn is_filtered(sizes: &Correlation) -> bool {
    Algorithm::from_environment() == Algorithm::Winograd && sizes.is_worth_it()
}
