//! The repository root, and a shell in it.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;
use xshell::{Shell, cmd};

/// A checkout of the repository.
pub(crate) struct Repo {
    root: PathBuf,
    /// Runs commands in the root folder.
    pub(crate) sh: Shell,
}

impl Repo {
    /// The checkout that this program was built from, as given by cargo, also if the target folder is shared.
    pub(crate) fn of_this_program() -> anyhow::Result<Self> {
        let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Self::at(Path::new(&here).parent().context("xtask has no parent folder")?)
    }

    pub(crate) fn at(root: &Path) -> anyhow::Result<Self> {
        let sh = Shell::new()?;
        sh.change_dir(root);
        Ok(Repo { root: root.to_owned(), sh })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `path` below the root.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// The target folder of cargo.
    pub(crate) fn target(&self) -> PathBuf {
        self.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
    }

    /// Whether `program --version` succeeds.
    pub(crate) fn has(&self, program: impl AsRef<Path>) -> bool {
        self.sh.cmd(program).arg("--version").quiet().ignore_stdout().ignore_stderr().run().is_ok()
    }

    /// Installs Python packages into the virtual environment `venv` relative to the root, which is created if missing.
    pub(crate) fn pip_install(&self, venv: &str, packages: &[&str]) -> anyhow::Result<()> {
        let folder = self.join(venv);
        let python = folder.join("bin/python");
        if !folder.join("bin/pip").is_file() {
            cmd!(self.sh, "python3 -m venv --clear {folder}")
                .run()
                .with_context(|| format!("cannot make {venv}; run `apt-get install python3-venv`"))?;
        }
        cmd!(self.sh, "{python} -m pip install --disable-pip-version-check --quiet {packages...}")
            .run()
            .with_context(|| {
                format!("pip cannot install {}; check the network connection", packages.join(" "))
            })
    }
}

/// The executables by target name, from cargo's JSON messages.
pub(crate) fn executables(messages: &str) -> BTreeMap<String, PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let named = |message: Value| {
        Some((message["target"]["name"].as_str()?.to_owned(), message["executable"].as_str()?.into()))
    };
    messages.filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"tensor"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"ops"},"executable":"target/release/deps/ops-1"}
            {"reason":"build-finished","success":true}"#;
        let expected = BTreeMap::from([("ops".to_owned(), PathBuf::from("target/release/deps/ops-1"))]);
        assert_eq!(executables(messages), expected);
    }

    #[test]
    fn a_program_that_is_not_installed_is_not_found() {
        let repo = Repo::of_this_program().unwrap();
        assert!(repo.has("cargo") && !repo.has("no-such-program"));
    }
}
