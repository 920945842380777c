//! Errors of the program.

use std::path::PathBuf;

use crate::program::with_commands;
use system::exit::ExitStatus;
use system::text;

/// The result of every command.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command names something that does not exist; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A config file is unreadable, not TOML, or invalid; exit code 2.
    #[error(
        "{}: {why}\n`agon train --model NAME --print-config` prints a complete config to start from",
        text::path(file)
    )]
    Config {
        /// The file.
        file: PathBuf,
        /// The error, with the lines of the file that caused it.
        why: String,
    },
    /// The process that reads an untrusted file could not be started or limited.
    #[error("cannot start a process to read {}: {source}; end other programs and run the same command again", path.display())]
    Reader {
        /// The file.
        path: PathBuf,
        /// The system's error message.
        source: std::io::Error,
    },
    /// The HDF5 library hung or crashed on the file, in a process of its own.
    #[error("{} cannot be read: {why}; it is damaged or malicious, or needs a longer `--time-limit`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// How reading ended.
        why: String,
    },
    /// An error of a lower crate.
    #[error(transparent)]
    Experiments(experiments::Error),
}

impl Error {
    /// Stored results lack this entry.
    pub(crate) fn missing(what: String) -> Self {
        Self::Experiments(experiments::Error::Missing(what))
    }

    /// The exit status of the program for this error.
    pub(crate) fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Usage(_) | Self::Config { .. } => ExitStatus::Usage,
            Self::Reader { .. } | Self::Unreadable { .. } => ExitStatus::Failure,
            Self::Experiments(error) => error.exit_status(),
        }
    }

    /// The message for a terminal: one line, whatever file and class names it contains; only config errors have several lines,
    /// which quote the file.
    pub(crate) fn message(&self) -> String {
        let message = with_commands(&self.to_string());
        match self {
            Self::Config { .. } => text::lines(&message).into_owned(),
            _ => text::line(&message).into_owned(),
        }
    }
}

/// Converts errors of lower crates; their usage errors are usage errors here too.
impl<E: Into<experiments::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        match error.into() {
            experiments::Error::Usage(what) => Self::Usage(what),
            error => Self::Experiments(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_to_one_line_in_messages() {
        let path = PathBuf::from("a\nok\u{1b}[2J");
        let message = Error::Unreadable { path, why: "it ends early".into() }.message();
        assert!(
            message.starts_with("a\\nok\\u{1b}[2J cannot be read") && message.lines().count() == 1,
            "{message}"
        );
        assert_eq!(Error::Usage("no run `a\nb`".into()).message(), "no run `a\\nb`");
        let config = Error::Config { file: "a\nb".into(), why: "line 1\nx = \u{1b}[2J".into() };
        let lines: Vec<String> = config.message().lines().map(str::to_owned).collect();
        assert_eq!((lines.len(), &*lines[0], &*lines[1]), (3, "a\\nb: line 1", "x = \\u{1b}[2J"));
    }
}
