//! Compiles the CUDA kernels for every architecture we name, with a compiler but without a GPU.

mod compiler;
mod resources;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use serde_json::json;

use crate::args;
use crate::repo::Repo;
use compiler::Compiler;
use resources::{Resources, of_report};

/// What is compiled for: A100 and H100. Newer GPUs get the intermediate code of the first.
const ARCHITECTURES: [&str; 2] = ["80", "90a"];

/// Where the compiled kernels and their manifest go.
const OUT: &str = "target/kernels";

/// Kernels, by the start of their names, whose registers must all fit: time is spent in them.
const HOT: [&str; 8] =
    ["adam", "attention", "conv", "layer_norm", "matmul", "mse", "sgd", "softmax_cross_entropy"];

/// `cargo xtask kernels`: an error if one does not compile, or a hot one spills registers.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    args::none("kernels", arguments)?;
    let compiler = Compiler::find(repo)?;
    println!("kernels: {}", compiler.version());
    let out = repo.join(OUT);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let headers = sources(repo, "cuh")?;
    let mut files = BTreeMap::new();
    let mut all = Vec::new();
    for source in sources(repo, "cu")? {
        let stem = source.file_stem().context("a kernel's file has a name")?.to_string_lossy().into_owned();
        let report = compiler.fatbin(&source, &out.join(format!("{stem}.fatbin")), &ARCHITECTURES)?;
        let resources = of_report(&report);
        ensure!(!resources.is_empty(), "{} has no kernel", source.display());
        let hash = format!("{:016x}", hash_of(headers.iter().chain([&source]))?);
        files.insert(
            stem,
            json!({ "hash": hash, "kernels": resources.iter().map(Resources::json).collect::<Vec<_>>() }),
        );
        all.extend(resources);
    }
    print!("{}", resources::table(&all));
    let manifest = json!({ "compiler": compiler.version(), "architectures": ARCHITECTURES, "files": files });
    let path = out.join("manifest.json");
    fs::write(&path, format!("{manifest:#}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("kernels: {} entry points, in {OUT}", all.len() / ARCHITECTURES.len());
    refuse_spills(&all)?;
    Ok(ExitCode::SUCCESS)
}

fn refuse_spills(kernels: &[Resources]) -> anyhow::Result<()> {
    let is_hot = |kernel: &Resources| HOT.iter().any(|hot| kernel.name.starts_with(hot));
    let spilling: Vec<String> = (kernels.iter().filter(|kernel| kernel.spilled > 0 && is_hot(kernel)))
        .map(|kernel| format!("{} spills {} bytes on {}", kernel.name, kernel.spilled, kernel.architecture))
        .collect();
    match spilling.is_empty() {
        true => Ok(()),
        false => bail!("registers of hot kernels are spilled\n  {}", spilling.join("\n  ")),
    }
}

/// The files of `kernels/` with this ending, in order.
fn sources(repo: &Repo, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let folder = repo.join("kernels");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.extension().is_some_and(|found| found == ending));
    files.sort();
    Ok(files)
}

/// FNV-1a over the texts, in 64 bits: what a compiled kernel was made of. It tells stale from fresh and guards
/// against nobody.
fn hash_of<'a>(files: impl Iterator<Item = &'a PathBuf>) -> anyhow::Result<u64> {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for file in files {
        for byte in read(file)? {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(hash)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(name: &str, spilled: u32) -> Resources {
        Resources { name: name.into(), architecture: "sm_80".into(), registers: 255, shared: 0, spilled }
    }

    #[test]
    fn a_hot_kernel_that_spills_is_named_and_a_cold_one_may() {
        let error =
            refuse_spills(&[kernel("matmul_f32", 8), kernel("concat_f32", 8)]).unwrap_err().to_string();
        assert!(error.ends_with("\n  matmul_f32 spills 8 bytes on sm_80"), "{error}");
        assert!(refuse_spills(&[kernel("matmul_f32", 0), kernel("concat_f32", 8)]).is_ok());
    }

    #[test]
    fn the_hash_changes_with_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["common.cuh", "add.cu"].map(|name| folder.path().join(name));
        files.iter().for_each(|file| fs::write(file, "// One.\n").unwrap());
        let before = hash_of(files.iter()).unwrap();
        assert_eq!(before, hash_of(files.iter()).unwrap());
        fs::write(&files[0], "// Two.\n").unwrap();
        assert_ne!(before, hash_of(files.iter()).unwrap());
    }
}
