//! The choice between direct convolution and Winograd's minimal filtering.

use std::sync::LazyLock;

use super::winograd::Correlation;

/// How convolutions are computed where their sizes leave a choice of other sums. Reading in place instead of packing is none: it
/// changes no bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// By Winograd's minimal filtering, with fewer multiplications and somewhat larger rounding errors.
    Winograd,
    /// As direct sums, always.
    Direct,
}

impl Algorithm {
    /// Direct where the environment sets `AGON_DIRECT_CONV=1`, and Winograd otherwise. It does not change while a
    /// program runs, since a run that is continued must find the bits that it had.
    pub fn from_environment() -> Self {
        static CHOSEN: LazyLock<Algorithm> = LazyLock::new(|| {
            let is_direct = std::env::var_os("AGON_DIRECT_CONV").is_some_and(|value| value == "1");
            if is_direct { Algorithm::Direct } else { Algorithm::Winograd }
        });
        *CHOSEN
    }

    /// The name in what a run records.
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
