//! `agon data fetch`: downloads a set from its publishers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use data::SearchFolders;

use super::verify::{describe, described, named};
use crate::error::Result;
use crate::output::print_result;
use crate::progress::{Display, style};

#[derive(Debug, Args)]
pub(super) struct Fetch {
    /// The data set, as named by `agon data list`
    name: String,
    /// The parent of the data set's folder, as for --data elsewhere; by default the user's cache
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// A URL with copies of the published files, instead of the publishers' own; http only from this machine
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Downloads one set; it is stored complete and verified, or not at all.
pub(super) fn command(args: &Fetch) -> Result<ExitCode> {
    let all = data::catalogue(&SearchFolders::default());
    let listed = named(&all, &args.name)?;
    let display = Display::of_stderr(0, style("[{bar:32}] {bytes}/{total_bytes}, {eta} left"));
    let tell = &mut |here, total| {
        if let Display::Terminal(bar) = &display {
            bar.set_length(total);
            bar.set_position(here);
        }
    };
    let fetched = data::fetch(listed.name, args.to.as_deref(), args.from.as_deref(), tell);
    if let Display::Terminal(bar) = &display {
        bar.finish_and_clear();
    }
    let fetched = fetched?;
    print_result(args.json, &described(listed, &fetched), || describe(listed, &fetched))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn fetched(name: &str, from: &str) -> Error {
        let to = tempfile::tempdir().unwrap();
        let args =
            Fetch { name: name.into(), to: Some(to.path().to_owned()), from: Some(from.into()), json: false };
        let error = command(&args).unwrap_err();
        assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0, "{error}");
        error
    }

    #[test]
    fn an_unknown_set_is_refused_with_the_nearest_and_remote_http_always() {
        let error = fetched("mnits", "https://example.org");
        assert!(
            matches!(error, Error::Usage(_)) && error.to_string().contains("did you mean `mnist`"),
            "{error}"
        );
        assert!(fetched("mnist", "http://example.org").to_string().contains("expected https://HOST/FOLDER"));
    }
}
