//! Which parameters of a finished run are stored.

use models::Part;

/// Which parameters of a finished run are stored: those of hundreds of runs would fill a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// None, except for the encoders that other runs of the sweep read.
    WhatIsReread,
    /// Those of the encoder.
    Encoder,
    /// All parameters.
    EveryParameter,
}

impl Keep {
    /// Whether the parameter of this name is stored.
    pub(super) fn includes(self, name: &str) -> bool {
        match self {
            Self::WhatIsReread => false,
            Self::Encoder => is_of_encoder(name),
            Self::EveryParameter => true,
        }
    }
}

/// Whether the parameter of this name belongs to the encoder of a CRE.
pub fn is_of_encoder(name: &str) -> bool {
    name.split_once('.').is_some_and(|(part, _)| part == Part::Encoder.name())
}
