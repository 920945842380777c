//! Profiles: how many runs of each experiment are computed, and how long they train.

use std::fmt;
use std::str::FromStr;

use system::nearest::nearest;

/// The size of a reproduction. Profiles share the runs that they have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For a first look; decides nothing.
    Smoke,
    /// The default.
    Quick,
    /// All that the embedded images and parts of other data sets can answer.
    Standard,
    /// Whole data sets.
    Paper,
    /// For a GPU or a cluster.
    Full,
}

impl Profile {
    /// All profiles, smallest first.
    pub const ALL: [Self; 5] = [Self::Smoke, Self::Quick, Self::Standard, Self::Paper, Self::Full];

    /// Whether its verdicts count. If not, every claim is undecided; exact facts are still checked.
    pub fn decides(self) -> bool {
        self != Self::Smoke
    }

    /// The time on two cores, for help texts; a test compares README and book with it.
    pub fn time(self) -> &'static str {
        match self {
            Self::Smoke => "one minute",
            Self::Quick => "5 minutes",
            Self::Standard => "about an hour",
            Self::Paper => "a night",
            Self::Full => "weeks",
        }
    }

    /// What it computes, for help texts; a test compares the book with it.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Smoke => "checks that everything runs, without verdicts on claims",
            Self::Quick => "the main questions of both papers, on the embedded images",
            Self::Standard => "every experiment, on the embedded images and on parts of other data sets",
            Self::Paper => "the main questions on whole data sets",
            Self::Full => "everything in the papers, with fine grids, for a GPU or a cluster",
        }
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
            format!("no profile `{text}`{}; the profiles are {}", nearest(text, &names), names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_and_book_name_the_profiles_with_these_times() {
        let read = |file: &str| {
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../").to_owned() + file).unwrap()
        };
        let (readme, commands) = (read("README.md"), read("book/commands.md"));
        for profile in Profile::ALL {
            let row = format!("| `{profile}` | {} | {} |", profile.time(), profile.purpose());
            assert!(commands.contains(&row), "{row}");
        }
        for profile in [Profile::Smoke, Profile::Quick, Profile::Standard] {
            assert!(readme.contains(profile.time()), "{profile}");
        }
    }
}
