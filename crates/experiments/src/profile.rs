//! How much of an experiment is run.

use std::fmt;
use std::str::FromStr;

use system::nearest::nearest;

/// How much of an experiment is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Seconds: shows that everything works and decides nothing.
    Smoke,
    /// Minutes on two cores, with the embedded data.
    Quick,
    /// The paper: full data sets, fine grids; hours on a CPU.
    Full,
}

impl Profile {
    /// All profiles, smallest first.
    pub const ALL: [Self; 3] = [Self::Smoke, Self::Quick, Self::Full];

    /// Whether its numbers say anything of a claim. Where they do not, every claim is undecided; exact facts are checked
    /// all the same.
    pub fn decides(self) -> bool {
        self != Self::Smoke
    }

    /// The name on the command line and of the output folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|profile| profile.name() == text).ok_or_else(|| {
            format!("no profile `{text}`{}; there are {}", nearest(text, &names), names.join(", "))
        })
    }
}
