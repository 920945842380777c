//! Finds and calls NVIDIA's CUDA compiler.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use xshell::cmd;

use crate::repo::Repo;
use system::status;

/// The packages of the compiler, all of one version, since newer versions of the second and third produce code that it
/// cannot assemble. The last has the headers for 16-bit types.
const PACKAGES: [&str; 5] = [
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-nvvm==13.0.88",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-cccl==13.0.85",
];

const VENV: &str = ".tools/venv";

/// A working compiler.
pub(super) struct Compiler {
    nvcc: PathBuf,
    version: String,
}

impl Compiler {
    /// Searches the variable NVCC, then `.tools/venv`, then the PATH.
    pub(super) fn find(repo: &Repo) -> anyhow::Result<Self> {
        if let Some(named) = env::var_os("NVCC") {
            return Self::at(repo, named.into())
                .context("the variable NVCC does not name a working compiler");
        }
        let nvcc = in_environment(&repo.join(VENV)).unwrap_or_else(|| "nvcc".into());
        if !repo.has(&nvcc) {
            bail!(
                "nvcc is neither named by the variable NVCC, nor in {VENV}, nor on the PATH; it needs no GPU and is \
                 installed by\n  cargo xtask kernels --install"
            );
        }
        Self::at(repo, nvcc)
    }

    /// Installs the compiler into `.tools/venv`, unless a working one is found.
    pub(super) fn install(repo: &Repo) -> anyhow::Result<()> {
        if Self::find(repo).is_ok() {
            return Ok(());
        }
        status!("kernels: pip installs NVIDIA's compiler into {VENV} (several hundred MB)");
        repo.pip_install(VENV, &PACKAGES)
    }

    fn at(repo: &Repo, nvcc: PathBuf) -> anyhow::Result<Self> {
        let said = cmd!(repo.sh, "{nvcc} --version").quiet().read()?;
        let version = said.lines().find(|line| line.contains("release")).unwrap_or("nvcc").trim().to_owned();
        Ok(Self { nvcc, version })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Compiles `source` for every architecture into one file, and returns the assembler's report.
    pub(super) fn fatbin(&self, source: &Path, out: &Path, architectures: &[&str]) -> anyhow::Result<String> {
        let mut nvcc = Command::new(&self.nvcc);
        nvcc.args(["-std=c++17", "-O3", "-fatbin", "-Xptxas", "-v"]);
        for architecture in architectures {
            nvcc.arg(format!("-gencode=arch=compute_{architecture},code=sm_{architecture}"));
        }
        let oldest = architectures.first().context("at least one architecture")?;
        nvcc.arg(format!("-gencode=arch=compute_{oldest},code=compute_{oldest}"));
        nvcc.arg("-o").arg(out).arg(source);
        let output = nvcc.output().with_context(|| format!("cannot start {}", self.nvcc.display()))?;
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout);
            bail!("nvcc does not compile {}\n{said}{report}", source.display());
        }
        Ok(report)
    }
}

/// The path of the compiler in a virtual environment of any Python version.
fn in_environment(environment: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(environment.join("lib")).ok()?;
    let nvcc = |version: PathBuf| version.join("site-packages/nvidia/cu13/bin/nvcc");
    versions.filter_map(|version| Some(nvcc(version.ok()?.path()))).find(|nvcc| nvcc.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_found_in_an_environment_of_any_python_version() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(in_environment(folder.path()), None);
        let bin = folder.path().join("lib/python3.99/site-packages/nvidia/cu13/bin");
        fs::create_dir_all(&bin).unwrap();
        assert_eq!(in_environment(folder.path()), None);
        fs::write(bin.join("nvcc"), "").unwrap();
        assert_eq!(in_environment(folder.path()), Some(bin.join("nvcc")));
    }
}
