//! The commit of the sources of this program, and the files that say when it may have changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What does not belong to a repository of its own, or is not known to.
const UNKNOWN: &str = "unknown";

/// What beside the crates makes the program.
const BESIDE: [&str; 4] = ["Cargo.toml", "Cargo.lock", ".cargo", "kernels"];

/// Folders of a crate that are not part of the program.
const NOT_BUILT: [&str; 3] = ["tests", "benches", "examples"];

/// The commit of the repository whose root this folder is, with `-dirty` where a source of the program differs from it
/// or is not in it. `unknown` where the folder is in no repository, or is a mere part of another one.
pub(crate) fn commit(root: &Path) -> String {
    describe(root).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The files and folders that make the program: a change of one may make the sources differ from their commit.
pub(crate) fn sources(root: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = BESIDE.iter().map(|name| root.join(name)).collect();
    for package in entries(&root.join("crates")) {
        paths.extend(
            entries(&package).into_iter().filter(|path| {
                !NOT_BUILT.iter().any(|name| path.file_name().is_some_and(|own| own == *name))
            }),
        );
    }
    paths.retain(|path| path.exists());
    paths
}

/// The files of git that change when another commit is checked out or made; none without a repository. The index is not
/// among them: it is rewritten by a mere `git status`, and what it holds does not say whether files differ from a commit.
pub(crate) fn references(root: &Path) -> Vec<PathBuf> {
    if !is_own(root) {
        return vec![];
    }
    let mut paths = Vec::new();
    for (folder, names) in
        [("--git-dir", &["HEAD"][..]), ("--git-common-dir", &["refs/heads", "packed-refs"])]
    {
        if let Some(folder) = git(root, &["rev-parse", folder]) {
            paths.extend(names.iter().map(|name| root.join(&folder).join(name)));
        }
    }
    // Cargo takes a file that is not there for one that changed, and would build each time.
    paths.retain(|path| path.exists());
    paths
}

fn describe(root: &Path) -> Option<String> {
    if !is_own(root) {
        return None;
    }
    let head = git(root, &["rev-parse", "HEAD"])?;
    let sources = sources(root);
    let mut status = vec!["status", "--porcelain", "--untracked-files=all", "--"];
    status.extend(sources.iter().map(|path| path.to_str()).collect::<Option<Vec<&str>>>()?);
    // A source that was removed is not in the list, so its folder is asked about too.
    let differs = !git(root, &status)?.is_empty() || removed(root)?;
    Some(if differs { format!("{head}-dirty") } else { head })
}

/// Whether a source of the commit is not there any more.
fn removed(root: &Path) -> Option<bool> {
    let deleted = git(root, &["diff", "--name-only", "--diff-filter=D", "HEAD", "--", "crates", "kernels"])?;
    let is_source = |path: &str| !path.split('/').any(|part| NOT_BUILT.contains(&part));
    Some(deleted.lines().any(is_source))
}

/// Whether this folder is the root of a repository and not a folder inside another one.
fn is_own(root: &Path) -> bool {
    let top = git(root, &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
    match (top.map(fs::canonicalize), fs::canonicalize(root)) {
        (Some(Ok(top)), Ok(root)) => top == root,
        _ => false,
    }
}

/// What git says of this folder; `None` if it fails or is not there.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").args(arguments).current_dir(root);
    // A hook of git that builds the program sets these for another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// What is in a folder, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
