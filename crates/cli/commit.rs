//! The commit of the program's sources, and the files whose change may change it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The commit outside of a repository, or if git fails.
const UNKNOWN: &str = "unknown";

/// The sources of the program outside of `crates`.
const BESIDE: [&str; 4] = ["Cargo.toml", "Cargo.lock", ".cargo", "kernels"];

/// Folders of a crate that are not compiled into the program.
const NOT_BUILT: [&str; 3] = ["tests", "benches", "examples"];

/// The commit of the repository whose root this folder is, with `-dirty` if a source of the program is modified
/// or untracked. `unknown` if the folder is not the root of a repository.
pub(crate) fn commit(root: &Path) -> String {
    describe(root).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The files and folders that the program is built from.
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

/// The files of git that change with the checked-out commit; none without a repository. The index is not among them:
/// `git status` rewrites it even if no file differs from the commit.
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
    // Cargo treats a missing file as changed and would rebuild each time.
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
    // A removed source is not in the list, so deletions are queried separately.
    let differs = !git(root, &status)?.is_empty() || removed(root)?;
    Some(if differs { format!("{head}-dirty") } else { head })
}

/// Whether a source of the commit was removed.
fn removed(root: &Path) -> Option<bool> {
    let deleted = git(root, &["diff", "--name-only", "--diff-filter=D", "HEAD", "--", "crates", "kernels"])?;
    let is_source = |path: &str| !path.split('/').any(|part| NOT_BUILT.contains(&part));
    Some(deleted.lines().any(is_source))
}

/// Whether this folder is the root of a repository.
fn is_own(root: &Path) -> bool {
    let top = git(root, &["rev-parse", "--show-toplevel"]).map(PathBuf::from);
    match (top.map(fs::canonicalize), fs::canonicalize(root)) {
        (Some(Ok(top)), Ok(root)) => top == root,
        _ => false,
    }
}

/// The output of git in this folder; `None` if it fails or is not installed.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").args(arguments).current_dir(root);
    // A git hook that builds the program sets these for another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The entries of a folder, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
