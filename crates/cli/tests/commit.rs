//! Tests that the commit embedded in the program is that of its sources, not of the folder in which it is run.
#![allow(clippy::unwrap_used)]

#[path = "../commit.rs"]
mod commit;

use std::fs;
use std::path::Path;
use std::process::Command;

use commit::{commit, references, sources};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]);
    let output = command.args(arguments).current_dir(folder).env_remove("GIT_DIR").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder structured like this repository, without git.
fn unpacked(root: &Path) {
    for file in ["Cargo.toml", "Cargo.lock", "README.md", "kernels/add.cu"] {
        write(root, file, "1");
    }
    for file in ["crates/a/Cargo.toml", "crates/a/src/lib.rs", "crates/a/tests/b.rs"] {
        write(root, file, "1");
    }
}

fn committed(root: &Path) -> String {
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "-m", "a"]);
    git(root, &["rev-parse", "HEAD"])
}

#[test]
fn the_commit_is_that_of_the_sources_and_is_marked_where_they_differ() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    unpacked(root);
    assert_eq!((commit(root), references(root)), ("unknown".into(), vec![]));
    git(root, &["init", "--quiet"]);
    assert_eq!(commit(root), "unknown", "a repository without a commit");
    let first = committed(root);
    assert_eq!(commit(root), first);
    // Files that are not compiled do not matter.
    for file in ["README.md", "crates/a/tests/b.rs", "notes.txt"] {
        write(root, file, "2");
        assert_eq!(commit(root), first, "{file}");
    }
    for file in
        ["crates/a/src/lib.rs", "crates/a/src/new.rs", "crates/a/build.rs", "kernels/add.cu", "Cargo.lock"]
    {
        write(root, file, "2");
        assert_eq!(commit(root), format!("{first}-dirty"), "{file}");
        git(root, &["stash", "--quiet", "--include-untracked"]);
        assert_eq!(commit(root), first, "{file}");
        git(root, &["stash", "drop", "--quiet"]);
    }
    fs::remove_file(root.join("crates/a/Cargo.toml")).unwrap();
    assert_eq!(commit(root), format!("{first}-dirty"));
    let second = committed(root);
    assert!(second != first && commit(root) == second);
}

#[test]
fn every_file_that_may_change_the_commit_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    unpacked(root);
    git(root, &["init", "--quiet"]);
    committed(root);
    let watched = [sources(root), references(root)].concat();
    for file in
        ["Cargo.lock", "kernels", "crates/a/src", "crates/a/Cargo.toml", ".git/HEAD", ".git/refs/heads"]
    {
        assert!(watched.contains(&root.join(file)), "{file}: {watched:?}");
    }
    assert!(watched.iter().all(|path| path.exists() && !path.ends_with("tests")), "{watched:?}");
}

#[test]
fn a_folder_inside_another_repository_has_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet"]);
    let root = folder.path().join("vendored/agon");
    unpacked(&root);
    committed(folder.path());
    assert_eq!((commit(&root), references(&root)), ("unknown".into(), vec![]));
}

#[test]
fn a_run_records_the_commit_of_the_program_in_whatever_repository_it_is_started() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet"]);
    fs::write(folder.path().join("a"), "1").unwrap();
    let foreign = committed(folder.path());
    let data =
        r#"families.*.data=[{name = "fashion-mnist-embedded", train = 40, validation = 0, test = 20}]"#;
    let arguments = ["reproduce", "--profile", "smoke", "--only", "pca-images", "--out", "out", "-s", data];
    let mut program = Command::new(env!("CARGO_BIN_EXE_agon"));
    program.args(arguments).current_dir(folder.path()).env("HOME", "/dev/null/nonexistent");
    let output = program.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = folder.path().join("out/smoke/pca-images/pca-images.h5");
    let noted = runs::store::read_results(&file).unwrap().provenance["commit"].clone();
    assert!(noted == agon_cli::provenance::COMMIT && !noted.contains(&foreign), "{noted}");
}
