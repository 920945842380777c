//! Compiles every kernel as C++ for the emulator, with one translation unit per file, like `nvcc`.
//!
//! The kernels of another project are in the folder that the environment variable `AGON_KERNELS` names.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The sources of the emulator, the kernels with planted faults for its tests, and those of the example.
const EMULATOR: &[&str] =
    &["emulator/fibers.cpp", "emulator/interface.cpp", "emulator/planted.cpp", "examples/custom_cuda_op.cu"];

/// The variable with the folder of the kernels of another project, as an absolute path.
const OTHERS: &str = "AGON_KERNELS";

fn main() {
    // Watches the whole package, so that new kernels are detected too.
    println!("cargo::rerun-if-changed=.");
    println!("cargo::rerun-if-env-changed={OTHERS}");
    let others = env::var(OTHERS).ok();
    if let Some(folder) = &others {
        println!("cargo::rerun-if-changed={folder}");
    }
    let of_others = |ending| others.as_deref().map(|folder| files((folder, ending))).unwrap_or_default();
    let headers = [(".", "cuh"), ("emulator", "h")].into_iter().flat_map(files).chain(of_others("cuh"));
    let headers: Vec<PathBuf> = headers.collect();
    let sources = EMULATOR.iter().map(PathBuf::from).chain(files((".", "cu"))).chain(of_others("cu"));
    let sources: Vec<PathBuf> = sources.collect();
    let mut archive = compiler();
    archive.cargo_metadata(false);
    for object in objects(&headers, &sources) {
        archive.object(object);
    }
    archive.compile("emulated_kernels");
    // Kernels register themselves, so the linker must keep unreferenced objects.
    println!("cargo::rustc-link-search=native={}", out_folder().display());
    println!("cargo::rustc-link-lib=static:+whole-archive=emulated_kernels");
    println!("cargo::rustc-link-lib={}", if cfg!(target_vendor = "apple") { "c++" } else { "stdc++" });
}

fn compiler() -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .include(".")
        .opt_level(1)
        .warnings(true)
        .flag_if_supported("-Wno-unknown-pragmas")
        // Kernels load four adjacent elements as one vector, which violates the strict aliasing rule.
        .flag("-fno-strict-aliasing")
        // Indices out of bounds, oversized shifts and misaligned vectors are reported with their thread.
        .flag("-fsanitize=undefined")
        .flag("-fno-sanitize=vptr")
        .flag("-fsanitize-undefined-trap-on-error");
    build
}

/// Compiles the sources into objects; unchanged sources are not compiled again.
fn objects(headers: &[PathBuf], sources: &[PathBuf]) -> Vec<PathBuf> {
    let of_headers: Vec<Vec<u8>> = headers.iter().map(|header| read(header)).collect();
    let key = |source: &Path| {
        let mut hasher = DefaultHasher::new();
        (read(Path::new("build.rs")), &of_headers, read(source)).hash(&mut hasher);
        hasher.finish()
    };
    sources
        .iter()
        .map(|source| out_folder().join(format!("{}-{:x}.o", stem(source), key(source))))
        .zip(sources)
        .map(|(object, source)| {
            if !object.exists() {
                let compiled = compiler().file(as_cpp(source)).compile_intermediates();
                fs::rename(&compiled[0], &object).expect("OUT_DIR is writable");
            }
            object
        })
        .collect()
}

/// A C++ file that includes `file`: compilers select the language by the extension.
fn as_cpp(file: &Path) -> PathBuf {
    let cpp = out_folder().join(format!("{}.cpp", stem(file)));
    let file = file.canonicalize().expect("the file was just read");
    fs::write(&cpp, format!("#include \"{}\"\n", file.display())).expect("the folder can be written");
    cpp
}

fn stem(file: &Path) -> String {
    file.file_stem().expect("a source has a name").to_string_lossy().into_owned()
}

fn out_folder() -> PathBuf {
    env::var_os("OUT_DIR").expect("cargo sets OUT_DIR").into()
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()))
}

/// The sorted files of a folder with an extension.
fn files((folder, ending): (&str, &str)) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot read the folder {folder}: {error}"));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder can be read to its end").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    files
}
