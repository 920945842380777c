//! Compiles the CUDA kernels for every supported architecture, without a GPU.

mod compiler;
mod resources;
#[path = "../../crates/tensor/source_hash.rs"]
mod source_hash;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::repo::Repo;
use compiler::Compiler;
use resources::{Resources, of_report};
use system::status;

/// The target architectures: A100 and H100. Newer GPUs use the PTX of the first.
const ARCHITECTURES: [&str; 2] = ["80", "90a"];

/// The folder of the compiled kernels and their manifest.
const OUT: &str = "target/kernels";

/// Name prefixes of performance-critical kernels, which must not spill registers.
const HOT: [&str; 8] =
    ["adam", "attention", "conv", "layer_norm", "matmul", "mse", "sgd", "softmax_cross_entropy"];

/// A compiled file of kernels.
struct Compiled {
    stem: String,
    kernels: Vec<Resources>,
}

/// The options of `cargo xtask kernels`.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Install NVIDIA's compiler into .tools/venv first, if there is none (several hundred MB, no GPU needed)
    #[arg(long)]
    pub(crate) install: bool,
}

/// Compiles all kernels; fails if one does not compile, has a stack frame, or is a hot one and spills registers.
pub(crate) fn run(repo: &Repo, options: &Options) -> anyhow::Result<()> {
    if options.install {
        Compiler::install(repo)?;
    }
    let compiler = Compiler::find(repo)?;
    status!("kernels: {}", compiler.version());
    let out = repo.sh.create_dir(OUT)?;
    let hash = source_hash::of(&repo.join("kernels")).context("cannot read the kernels")?;
    let files = compile_all(&compiler, &sources(repo)?, &out)?;
    let all: Vec<&Resources> = files.iter().flat_map(|file| &file.kernels).collect();
    system::terminal::status(&resources::table(&all));
    let manifest = json!({
        "compiler": compiler.version(),
        "architectures": ARCHITECTURES,
        "sources": format!("{hash:016x}"),
        "files": files.iter().map(Compiled::json).collect::<Vec<_>>(),
    });
    repo.sh.write_file(out.join("manifest.json"), format!("{manifest:#}\n"))?;
    repo.sh.write_file(out.join("images.rs"), images(hash, &files))?;
    status!("kernels: {} entry points, in {OUT}", all.len() / ARCHITECTURES.len());
    refuse_slow_memory(&all)
}

/// Compiles in parallel on all cores; returns the files in order.
fn compile_all(compiler: &Compiler, sources: &[PathBuf], out: &Path) -> anyhow::Result<Vec<Compiled>> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let work = || -> anyhow::Result<Vec<Compiled>> {
        let mut done = Vec::new();
        while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(compile(compiler, source, out)?);
        }
        Ok(done)
    };
    let outcomes: Vec<anyhow::Result<Vec<Compiled>>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker thread does not panic")).collect()
    });
    let mut files: Vec<Compiled> =
        outcomes.into_iter().collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect();
    files.sort_by(|a, b| a.stem.cmp(&b.stem));
    Ok(files)
}

fn compile(compiler: &Compiler, source: &Path, out: &Path) -> anyhow::Result<Compiled> {
    let stem = source.file_stem().context("a kernel's file has a name")?.to_string_lossy().into_owned();
    let report = compiler.fatbin(source, &out.join(format!("{stem}.fatbin")), &ARCHITECTURES)?;
    let kernels = of_report(&report);
    ensure!(!kernels.is_empty(), "{}: expected at least one kernel, got none", source.display());
    Ok(Compiled { stem, kernels })
}

impl Compiled {
    fn json(&self) -> Value {
        json!({ "file": self.stem, "kernels": self.kernels.iter().map(Resources::json).collect::<Vec<_>>() })
    }

    /// The distinct names of the entry points.
    fn names(&self) -> BTreeSet<&str> {
        self.kernels.iter().map(|kernel| kernel.name.as_str()).collect()
    }
}

/// The source file that the build of `tensor` includes: every file with its entry points.
fn images(hash: u64, files: &[Compiled]) -> String {
    let of_file = |file: &Compiled| {
        let Compiled { stem, .. } = file;
        let names = file.names();
        let names: Vec<&str> = names.into_iter().collect();
        format!(
            "    Image {{ file: {stem:?}, kernels: &{names:?}, bytes: &Aligned(*include_bytes!(\"{stem}.fatbin\")).0 \
             }},\n"
        )
    };
    let list: String = files.iter().map(of_file).collect();
    format!("{}\npub(super) static IMAGES: &[Image] = &[\n{list}];\n", source_hash::line(hash))
}

/// Local memory is as slow as the memory of the GPU: a stack frame is an array that is not in registers, such as the
/// argument reduction of a sine in double precision.
fn refuse_slow_memory(kernels: &[&Resources]) -> anyhow::Result<()> {
    let is_hot = |kernel: &Resources| HOT.iter().any(|hot| kernel.name.starts_with(hot));
    let described = |kernel: &&Resources| {
        let Resources { name, architecture, spilled, stack, .. } = *kernel;
        let what = match is_hot(kernel) && *spilled > 0 {
            true => format!("spills {spilled} bytes"),
            // Spilled registers are part of the frame.
            false if *spilled == 0 && *stack > 0 => format!("has a stack frame of {stack} bytes"),
            false => return None,
        };
        Some(format!("{name} {what} on {architecture}"))
    };
    let refused: Vec<String> = kernels.iter().filter_map(described).collect();
    match refused.is_empty() {
        true => Ok(()),
        false => bail!("kernels use local memory\n  {}", refused.join("\n  ")),
    }
}

/// The `.cu` files of `kernels/`, in order.
fn sources(repo: &Repo) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = repo.sh.read_dir("kernels")?;
    files.retain(|path| path.extension().is_some_and(|found| found == "cu"));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn kernel(name: &str, spilled: u32) -> Resources {
        let (name, architecture) = (name.into(), "sm_80".into());
        Resources { name, architecture, registers: 255, shared: 0, spilled, stack: spilled }
    }

    #[test]
    fn a_hot_kernel_that_spills_is_named_and_a_cold_one_may() {
        let [hot, cold] = ["matmul_f32", "concat_f32"].map(|name| kernel(name, 8));
        let error = refuse_slow_memory(&[&hot, &cold]).unwrap_err().to_string();
        assert!(error.ends_with("\n  matmul_f32 spills 8 bytes on sm_80"), "{error}");
        assert!(refuse_slow_memory(&[&kernel("matmul_f32", 0), &cold]).is_ok());
    }

    #[test]
    fn a_stack_frame_without_spills_is_refused_in_any_kernel() {
        let framed = Resources { stack: 40, ..kernel("concat_f32", 0) };
        let error = refuse_slow_memory(&[&framed]).unwrap_err().to_string();
        assert!(error.ends_with("\n  concat_f32 has a stack frame of 40 bytes on sm_80"), "{error}");
    }

    #[test]
    fn the_hash_changes_with_a_header_and_not_with_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let hash = || source_hash::of(folder.path()).unwrap();
        write("common.cuh", "// One.\n");
        write("add.cu", "// One.\n");
        let before = hash();
        write("build.rs", "// One.\n");
        assert_eq!(before, hash());
        write("common.cuh", "// Two.\n");
        assert_ne!(before, hash());
    }

    #[test]
    fn the_list_names_every_entry_point_once_beside_its_file() {
        let kernels = ["sm_80", "sm_90a"]
            .map(|architecture| Resources { architecture: architecture.into(), ..kernel("add_f32", 0) });
        let text = images(7, &[Compiled { stem: "add".into(), kernels: kernels.into() }]);
        assert_eq!(
            text,
            "// sources 0000000000000007\npub(super) static IMAGES: &[Image] = &[\n    Image { file: \"add\", kernels: \
             &[\"add_f32\"], bytes: &Aligned(*include_bytes!(\"add.fatbin\")).0 },\n];\n"
        );
    }
}
