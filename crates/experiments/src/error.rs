//! What can go wrong in experiments.

use std::path::PathBuf;

use system::{files, text};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in experiments.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command asks for something that does not exist; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A config file cannot be read, is no TOML, or holds what no run has; exit code 2.
    #[error(
        "{}: {why}\n`agon train --model NAME --print-config` writes a whole config to begin with",
        text::path(file)
    )]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong, with the lines of the file that are.
        why: String,
    },
    /// The run store.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// A cluster, or a task on one of its nodes.
    #[error(transparent)]
    Cluster(#[from] crate::cluster::Error),
    /// A data set.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// A model or its training.
    #[error(transparent)]
    Models(#[from] models::Error),
    /// A tensor.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// A closed form.
    #[error(transparent)]
    Theory(#[from] theory::Error),
    /// A run stopped where it must not: a fault of ours. What had been recorded of it stays.
    #[error("{run}: stopped by a fault of this program: {why}; runs before it are stored")]
    Panicked {
        /// The run.
        run: String,
        /// What the program said.
        why: String,
    },
    /// A figure or the page.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// A file that could not be written.
    #[error("cannot write {}: {source}; nothing stored before is lost", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system starts no more threads.
    #[error(
        "cannot start {wanted} threads: {why}; end other programs, raise the limit (`ulimit -u`), or ask for fewer \
         with `--jobs`"
    )]
    Threads {
        /// How many were wanted at once.
        wanted: usize,
        /// What the system said.
        why: String,
    },
    /// The process that reads a file from elsewhere could not be started or limited; nothing is known of the file.
    #[error("cannot start a process to read {}: {source}; end other programs and run the same command again", path.display())]
    Reader {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file from elsewhere on which the library that reads it hung or crashed, in a process of its own.
    #[error("{} cannot be read: {why}; it is damaged, was made to do this, or needs a longer `--time-limit`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// How the reading ended.
        why: String,
    },
    /// Stored results lack something that a figure or an expectation reads.
    #[error("the results have no {0}")]
    Missing(String),
}

impl Error {
    /// What the program ends with: 2 for a command that asks for what does not exist, 4 for a full disk, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Config { .. }
            | Self::Data(
                data::Error::UnknownSet { .. }
                | data::Error::NotFound { .. }
                | data::Error::Incomplete { .. },
            ) => 2,
            _ if self.is_disk_full() => 4,
            _ => 1,
        }
    }

    /// Whether there was no room for what was written.
    fn is_disk_full(&self) -> bool {
        use crate::store::Error as Stored;
        match self {
            Self::Store(Stored::DiskFull { .. }) | Self::Models(models::Error::DiskFull { .. }) => true,
            Self::Store(Stored::NotWritable { source, .. }) => matches!(**source, Stored::DiskFull { .. }),
            Self::Write { source, .. }
            | Self::Cluster(crate::cluster::Error::Unwritable { file: _, source })
            | Self::Data(data::Error::Io { cause: source, .. }) => files::is_full(source),
            _ => false,
        }
    }

    /// The message for a terminal: one line, whatever is in the names of files and classes; only what is wrong with a
    /// config has several, which quote its lines.
    pub fn message(&self) -> String {
        match self {
            Self::Config { .. } => text::lines(&self.to_string()).into_owned(),
            error => text::line(&error.to_string()).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_has_exit_code_4_whoever_wrote_to_it() {
        let full = || io::Error::from(rustix::io::Errno::NOSPC);
        let (path, reason) = (PathBuf::from("f"), String::new());
        for error in [
            Error::Write { path: path.clone(), source: full() },
            Error::Write { path: path.clone(), source: rustix::io::Errno::FBIG.into() },
            Error::Cluster(crate::cluster::Error::Unwritable { file: path.clone(), source: full() }),
            Error::Data(data::Error::Io { file: "f".into(), cause: full() }),
            Error::Models(models::Error::DiskFull { path: path.clone(), reason }),
        ] {
            assert_eq!(error.exit_code(), 4, "{error}");
        }
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(Error::Write { path, source: denied }.exit_code(), 1);
    }

    #[test]
    fn a_name_adds_no_line_to_a_message() {
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
