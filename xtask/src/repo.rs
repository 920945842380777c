//! Where the repository is, and how programs are started in it.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The root folder of the checkout.
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    /// The checkout that this program was built from; cargo tells, also when the target folder is shared.
    pub(crate) fn of_this_program() -> Self {
        let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&here).parent().expect("xtask lies in the root folder");
        Repo { root: root.to_owned() }
    }

    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Repo { root: root.to_owned() }
    }

    /// `path` below the root.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> PathBuf {
        self.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// cargo, in the folder of the caller, so that relative paths among the arguments keep their meaning.
    pub(crate) fn cargo(&self) -> Command {
        Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }
}

/// Runs `command` with its output shown, and says whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> anyhow::Result<bool> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    Ok(status.success())
}

/// Runs `command` out of sight and returns what it printed; a failure quotes the end of its complaint.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", name(command)))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaint = if complaint.trim().is_empty() { said } else { complaint };
        let lines: Vec<&str> = complaint.lines().filter(|line| !line.trim().is_empty()).collect();
        let end = lines[lines.len().saturating_sub(6)..].join("\n    ");
        bail!("{} failed ({})\n    {end}", name(command), output.status);
    }
    Ok(said)
}

/// The first executable called `program` in the folders of PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|file| Command::new(file).arg("--version").output().is_ok())
}

/// The program and its arguments as one would type them.
fn name(command: &Command) -> String {
    let words: Vec<_> =
        [command.get_program()].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_quoted_with_the_end_of_its_complaint() {
        let error = capture(Command::new("sh").args(["-c", "echo no luck >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("echo no luck") && text.ends_with("\n    no luck"), "{text}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = capture(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
        assert_eq!(on_path("no-such-program"), None);
    }

    #[test]
    fn the_root_folder_holds_the_workspace() {
        assert!(Repo::of_this_program().join("xtask/Cargo.toml").is_file());
    }
}
