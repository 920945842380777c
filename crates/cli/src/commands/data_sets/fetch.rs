//! `agon data fetch`: downloads a set from its publishers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use data::Places;

use super::super::output::say;
use super::verify::{describe, named};
use crate::error::Result;
use crate::progress::{Display, style};

#[derive(Debug, Args)]
pub(super) struct Fetch {
    /// The set, as `agon data list` calls it
    name: String,
    /// The folder in which the set gets a folder of its name, such as that of `--data` elsewhere; else the user's cache
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// A folder with copies of the published files, in place of the publishers' own; http only from this machine
    #[arg(long, value_name = "URL")]
    from: Option<String>,
}

/// Fetches one set; it is in its place whole and verified, or not at all.
pub(super) fn command(asked: &Fetch) -> Result<ExitCode> {
    let all = data::catalogue(&Places::default());
    let listed = named(&all, &asked.name)?;
    let display = Display::of_stderr(0, style("[{bar:32}] {bytes}/{total_bytes}, {eta} to go"));
    let tell = &mut |here, total| {
        if let Display::Terminal(bar) = &display {
            bar.set_length(total);
            bar.set_position(here);
        }
    };
    let fetched = data::fetch(listed.name, asked.to.as_deref(), asked.from.as_deref(), tell);
    if let Display::Terminal(bar) = &display {
        bar.finish_and_clear();
    }
    say(&describe(listed, &fetched?))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn fetched(name: &str, from: &str) -> Error {
        let to = tempfile::tempdir().unwrap();
        let asked = Fetch { name: name.into(), to: Some(to.path().to_owned()), from: Some(from.into()) };
        let error = command(&asked).unwrap_err();
        assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0, "{error}");
        error
    }

    #[test]
    fn an_unknown_set_is_refused_with_the_nearest_and_http_from_elsewhere_at_all() {
        let error = fetched("mnits", "https://example.org");
        assert!(
            matches!(error, Error::Usage(_)) && error.to_string().contains("did you mean `mnist`"),
            "{error}"
        );
        assert!(fetched("mnist", "http://example.org").to_string().contains("wanted https://HOST/FOLDER"));
    }
}
