//! Puts a working cmake at `.tools/venv/bin/cmake`, by whichever way this machine allows.
//!
//! The bundled HDF5 library needs it. The link to cmake is made last, so what is found there is whole;
//! everything else below `.tools/venv` and `.tools/cmake` may be left over from a kill and is made anew.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use system::tell;

use super::version_in;
use crate::repo::{Repo, capture, on_path};

/// From the Python package index: programs in wheels, so that neither root nor a compiler is needed.
const CMAKE: &str = "cmake==3.31.10";
const NINJA: &str = "ninja==1.13.0";

/// What the bundled HDF5 asks for.
const OLDEST: (u32, u32) = (3, 26);

/// Where `.cargo/config.toml` says that cmake is.
const LINK: &str = ".tools/venv/bin/cmake";

/// Does cmake answer already?
pub(super) fn is_ready(repo: &Repo) -> bool {
    version_of(&repo.join(LINK)).is_some_and(|version| version >= OLDEST)
}

/// Tries every way in turn and says what it found or did; the error holds what each way lacked.
pub(super) fn install(repo: &Repo) -> anyhow::Result<String> {
    fs::create_dir_all(repo.join(".tools")).context("cannot make the folder .tools")?;
    let lock = fs::File::create(repo.join(".tools/setup.lock")).context("cannot write .tools/setup.lock")?;
    lock.lock().context("cannot lock .tools/setup.lock")?;
    if is_ready(repo) {
        return Ok(format!("cmake is at {LINK}"));
    }
    let ways: [fn(&Repo) -> anyhow::Result<String>; 3] = [by_pip, from_the_system, by_pip_after_apt];
    let mut lacks = Vec::new();
    for way in ways {
        match way(repo) {
            Ok(done) if is_ready(repo) => return Ok(format!("{done}, linked at {LINK}")),
            Ok(done) => lacks.push(format!("{done}, but `{LINK} --version` does not answer")),
            Err(error) => lacks.push(format!("{error:#}")),
        }
    }
    bail!(
        "no way to get cmake worked\n  {}\n  run `apt-get install python3-venv` (with a network), or install \
         cmake {}.{} or later and make, then `cargo xtask setup` again",
        lacks.join("\n  "),
        OLDEST.0,
        OLDEST.1
    )
}

/// Lets pip unpack cmake into `.tools/cmake`; where there is no make, ninja too.
fn by_pip(repo: &Repo) -> anyhow::Result<String> {
    let (venv, folder) = (repo.join(".tools/venv"), repo.join(".tools/cmake"));
    remove(&venv)?;
    remove(&folder)?;
    let python = python_with_pip(&venv)?;
    let packages: &[&str] = if on_path("make").is_some() { &[CMAKE] } else { &[CMAKE, NINJA] };
    tell!("setup: pip installs {} into .tools", packages.join(" and "));
    capture(
        Command::new(python)
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--retries", "2"])
            .arg("--target")
            .arg(&folder)
            .args(packages),
    )
    .context("pip could not install cmake (is there a network?)")?;
    // Relative, so that the checkout may be moved.
    link(repo, Path::new("../../cmake/cmake/data/bin/cmake"))?;
    Ok(format!("installed {}", packages.join(" and ")))
}

/// A Python whose pip works: of a new virtual environment, or else the system's own.
fn python_with_pip(venv: &Path) -> anyhow::Result<PathBuf> {
    capture(Command::new("python3").arg("--version"))
        .context("python3 is not installed; run `apt-get install python3 python3-venv`")?;
    let of_venv = venv.join("bin/python");
    if capture(Command::new("python3").args(["-m", "venv"]).arg(venv)).is_ok() && has_pip(&of_venv) {
        return Ok(of_venv);
    }
    let system = PathBuf::from("python3");
    if has_pip(&system) {
        return Ok(system);
    }
    bail!("python3 can neither make virtual environments nor run pip; run `apt-get install python3-venv`")
}

fn has_pip(python: &Path) -> bool {
    capture(Command::new(python).args(["-m", "pip", "--version"])).is_ok()
}

/// Links the system's cmake, if it is recent enough and has something to build with.
fn from_the_system(repo: &Repo) -> anyhow::Result<String> {
    let system = on_path("cmake").context("there is no cmake on the PATH")?;
    match version_of(&system) {
        Some(version) if version >= OLDEST => {}
        _ => bail!("{} is older than {}.{}", system.display(), OLDEST.0, OLDEST.1),
    }
    if on_path("make").is_none() && on_path("ninja").is_none() {
        bail!("{} has neither make nor ninja to build with; run `apt-get install make`", system.display());
    }
    link(repo, &system)?;
    Ok(format!("found {}", system.display()))
}

/// As root on Debian: installs what Python lacks, and asks pip again.
fn by_pip_after_apt(repo: &Repo) -> anyhow::Result<String> {
    let root = capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root || on_path("apt-get").is_none() {
        bail!("only root can use apt-get, and only where there is one");
    }
    if python_with_pip(&repo.join(".tools/venv")).is_ok() {
        bail!("apt-get has nothing to add: python3 has pip");
    }
    tell!("setup: apt-get installs python3-venv");
    capture(Command::new("apt-get").arg("update"))?;
    capture(Command::new("apt-get").args([
        "install",
        "--yes",
        "--no-install-recommends",
        "python3",
        "python3-venv",
    ]))?;
    by_pip(repo)
}

/// Puts `cmake` at the link, in one step; `cmake` is absolute or relative to the link's folder.
fn link(repo: &Repo, cmake: &Path) -> anyhow::Result<()> {
    let link = repo.join(LINK);
    let folder = link.parent().expect("the link has a folder");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let new = folder.join("cmake.new");
    remove(&new)?;
    if on_path("make").is_some() {
        symlink(cmake, &new)
    } else {
        fs::write(&new, with_ninja(cmake))
            .and_then(|()| fs::set_permissions(&new, PermissionsExt::from_mode(0o755)))
    }
    .and_then(|()| fs::rename(&new, &link))
    .with_context(|| format!("cannot write {}", link.display()))
}

/// A bare machine has no make, which cmake takes for granted; this script gives it ninja.
fn with_ninja(cmake: &Path) -> String {
    let folder = if cmake.is_absolute() { "" } else { "$tools/venv/bin/" };
    format!(
        "#!/bin/sh\n\
         # Written by `cargo xtask setup`: there is no make here, so cmake builds with ninja.\n\
         tools=$(cd \"$(dirname \"$0\")/../..\" && pwd)\n\
         export PATH=\"$tools/cmake/bin:$PATH\" CMAKE_GENERATOR=\"${{CMAKE_GENERATOR:-Ninja}}\"\n\
         exec \"{folder}{}\" \"$@\"\n",
        cmake.display()
    )
}

fn version_of(cmake: &Path) -> Option<(u32, u32)> {
    version_in(&capture(Command::new(cmake).arg("--version")).ok()?)
}

/// Removes a file, link or folder, if there is one.
fn remove(path: &Path) -> anyhow::Result<()> {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    gone.with_context(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with a `.tools` folder in which a script stands for cmake.
    fn checkout(script: &str) -> (tempfile::TempDir, Repo) {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::at(folder.path());
        fs::create_dir_all(repo.join(".tools/cmake/cmake/data/bin")).unwrap();
        let cmake = repo.join(".tools/cmake/cmake/data/bin/cmake");
        fs::write(&cmake, script).unwrap();
        fs::set_permissions(&cmake, PermissionsExt::from_mode(0o755)).unwrap();
        (folder, repo)
    }

    #[test]
    fn cmake_is_ready_once_it_is_linked_and_not_before() {
        let (_folder, repo) = checkout("#!/bin/sh\necho cmake version 3.31.10\n");
        assert!(!is_ready(&repo));
        link(&repo, Path::new("../../cmake/cmake/data/bin/cmake")).unwrap();
        assert!(is_ready(&repo));
    }

    #[test]
    fn an_old_or_broken_cmake_is_not_ready() {
        for script in ["#!/bin/sh\necho cmake version 3.25.1\n", "#!/bin/sh\nexit 1\n"] {
            let (_folder, repo) = checkout(script);
            link(&repo, Path::new("../../cmake/cmake/data/bin/cmake")).unwrap();
            assert!(!is_ready(&repo), "{script}");
        }
    }

    #[test]
    fn the_ninja_script_hands_on_its_arguments_and_brings_ninja_into_reach() {
        let (folder, repo) = checkout("#!/bin/sh\necho \"$CMAKE_GENERATOR ${PATH%%:*} $*\"\n");
        fs::create_dir_all(repo.join(".tools/venv/bin")).unwrap();
        fs::write(repo.join(LINK), with_ninja(Path::new("../../cmake/cmake/data/bin/cmake"))).unwrap();
        let said = capture(Command::new("sh").arg(repo.join(LINK)).args(["--build", "a b"])).unwrap();
        let tools = folder.path().canonicalize().unwrap().join(".tools/cmake/bin");
        assert_eq!(said.trim(), format!("Ninja {} --build a b", tools.display()));
    }
}
