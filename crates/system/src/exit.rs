//! The exit codes of the program, in one table.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// The command succeeded.
    Success,
    /// The command failed.
    Failure,
    /// The command line, a config or a name in it is invalid.
    Usage,
    /// There are too few images for advice.
    TooFewImages,
    /// The disk is full.
    DiskFull,
}

impl ExitStatus {
    /// All statuses, in the order of their codes.
    pub const ALL: [Self; 5] =
        [Self::Success, Self::Failure, Self::Usage, Self::TooFewImages, Self::DiskFull];

    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::TooFewImages => 3,
            Self::DiskFull => 4,
        }
    }

    /// The meaning of the code, as documented.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => {
                "all runs finished and all exact facts hold, regardless of the verdicts on the papers' claims"
            }
            Self::Failure => "a failure: an unreadable file, a run that did not finish, a missed exact fact",
            Self::Usage => {
                "a usage error: the command names something that does not exist, or a value out of its range"
            }
            Self::TooFewImages => "`agon advise` has too few images to give advice",
            Self::DiskFull => "the disk is full: free some space and run the same command again",
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_from_zero_in_the_order_of_the_table() {
        assert!((0u8..).zip(ExitStatus::ALL).all(|(code, status)| status.code() == code));
    }
}
