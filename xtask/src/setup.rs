//! Prepares a machine for building: checks the compilers and installs cmake where `.cargo/config.toml` expects it.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use xshell::cmd;

use crate::repo::Repo;
use system::status;

/// The minimum supported Rust version, such as `1.95`.
const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// For the bundled HDF5, which needs cmake 3.26 or later; ninja is used if make is not installed. Both are wheels of
/// the Python package index, so that neither root nor a compiler is needed.
const PACKAGES: [&str; 2] = ["cmake==3.31.10", "ninja==1.13.0"];

const VENV: &str = ".tools/venv";

/// The path of cmake in `.cargo/config.toml`.
const CMAKE: &str = ".tools/venv/bin/cmake";

/// Replaces pip's script, which does not find ninja. It is written last, so that an incomplete environment is not
/// considered ready.
const WRAPPER: &str = r#"#!/bin/sh
# Written by `cargo xtask setup`.
here=$(cd "${0%/*}" && pwd)
command -v make >/dev/null || export CMAKE_GENERATOR=Ninja
export PATH="$here:$PATH"
exec "$here/python" -m cmake "$@"
"#;

/// Ensures that the machine can build; called first by commands that build.
pub(crate) fn ensure(repo: &Repo) -> anyhow::Result<()> {
    if cmake_is_ready(repo) { Ok(()) } else { run(repo) }
}

/// `cargo xtask setup`: may be repeated at any time, also after a kill.
pub(crate) fn run(repo: &Repo) -> anyhow::Result<()> {
    check_rust(repo)?;
    compiler(repo, "CC", "cc", "gcc libc6-dev")?;
    compiler(repo, "CXX", "c++", "g++")?;
    install_cmake(repo)?;
    status!("setup: this machine is ready to build");
    Ok(())
}

fn check_rust(repo: &Repo) -> anyhow::Result<()> {
    let found = cmd!(repo.sh, "rustc --version").quiet().read()?;
    ensure!(
        version_in(&found) >= version_in(OLDEST_RUST),
        "rustc {OLDEST_RUST} or later is needed, found {found}; run `rustup toolchain install {OLDEST_RUST}`"
    );
    Ok(())
}

fn compiler(repo: &Repo, variable: &str, name: &str, packages: &str) -> anyhow::Result<()> {
    let named = env::var_os(variable).map_or_else(|| name.into(), PathBuf::from);
    ensure!(
        repo.has(&named),
        "the compiler {} is not installed; run `apt-get install {packages}`",
        named.display()
    );
    Ok(())
}

fn install_cmake(repo: &Repo) -> anyhow::Result<()> {
    repo.sh.create_dir(".tools")?;
    let lock = fs::File::create(repo.join(".tools/setup.lock")).context("cannot write .tools/setup.lock")?;
    lock.lock().context("cannot lock .tools/setup.lock")?;
    if cmake_is_ready(repo) {
        return Ok(());
    }
    status!("setup: pip installs {} into {VENV}", PACKAGES.join(" and "));
    let cmake = repo.join(CMAKE);
    // pip would write through a link.
    let _ = fs::remove_file(&cmake);
    repo.pip_install(VENV, &PACKAGES)
        .context("cannot install cmake (the variable CMAKE may name cmake 3.26 or later instead)")?;
    repo.sh.write_file(&cmake, WRAPPER)?;
    fs::set_permissions(&cmake, PermissionsExt::from_mode(0o755)).context("cannot make cmake executable")?;
    ensure!(cmake_is_ready(repo), "{CMAKE} --version fails; remove {VENV} and run this command again");
    Ok(())
}

/// Whether our cmake, or the one named by the variable CMAKE, works.
fn cmake_is_ready(repo: &Repo) -> bool {
    let ours = repo.join(CMAKE);
    // Under `cargo xtask`, cargo sets the variable to our cmake unless the caller has set it.
    let named = env::var_os("CMAKE").map_or_else(|| ours.clone(), PathBuf::from);
    (named != ours || repo.sh.read_file(&ours).is_ok_and(|text| text == WRAPPER)) && repo.has(named)
}

/// The first `MAJOR.MINOR` in a text: `rustc 1.95.0 (...)` gives `(1, 95)`.
fn version_in(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut parts = word.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version_in("rustc 1.95.0 (f2d3ce0bd 2026-03-21)"), Some((1, 95)));
        assert_eq!(version_in("command not found"), None);
        assert!(version_in("1.100.0") > version_in(OLDEST_RUST));
    }

    #[test]
    fn without_make_the_wrapper_selects_ninja_and_forwards_its_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::at(folder.path()).unwrap();
        repo.sh.write_file(CMAKE, WRAPPER).unwrap();
        let python = repo.join(VENV).join("bin/python");
        repo.sh.write_file(&python, "#!/bin/sh\necho \"$CMAKE_GENERATOR ${PATH%%:*} $*\"\n").unwrap();
        fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).unwrap();
        let cmake = repo.join(CMAKE);
        let said = cmd!(repo.sh, "/bin/sh {cmake} --build 'a b'").env("PATH", "/nowhere").read().unwrap();
        let bin = folder.path().canonicalize().unwrap().join(VENV).join("bin");
        assert_eq!(said, format!("Ninja {} -m cmake --build a b", bin.display()));
    }
}
