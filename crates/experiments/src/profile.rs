//! Profiles: how many runs of each experiment are computed, and how long they train.

use std::fmt;
use std::str::FromStr;

use system::nearest::nearest;

/// The size of a reproduction. Profiles share the runs that they have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One minute: shows that everything works and decides nothing.
    Smoke,
    /// Five minutes on two cores: the main questions of both papers, on the embedded images.
    Quick,
    /// Half an hour on two cores: every experiment, on the embedded images and on parts of other data sets.
    Standard,
    /// Hours on two cores: the main questions on whole data sets.
    Paper,
    /// Everything in the papers, with fine grids: for a GPU or a cluster.
    Full,
}

impl Profile {
    /// All profiles, smallest first.
    pub const ALL: [Self; 5] = [Self::Smoke, Self::Quick, Self::Standard, Self::Paper, Self::Full];

    /// Whether its verdicts count. If not, every claim is undecided; exact facts are checked all the same.
    pub fn decides(self) -> bool {
        self != Self::Smoke
    }

    /// The name on the command line and of the output folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Paper => "paper",
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
