//! Embeds the CUDA kernels compiled by `cargo xtask kernels` if they match the current sources.
//!
//! Only a clone of the repository contains compiled kernels. The published package is built without them and reads no
//! files outside of its own folder.

mod source_hash;

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let root = package.join("../..");
    let text = match package.ends_with("crates/tensor") && root.join("kernels").is_dir() {
        true => in_repository(&root),
        false => none(
            "the published package has no CUDA kernels; depend on a clone of the repository, or use the device `cpu`",
        ),
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("images.rs");
    fs::write(&out, text).expect("OUT_DIR is writable");
}

/// The source text of `images.rs` in a clone of the repository.
fn in_repository(root: &Path) -> String {
    let (sources, compiled) = (root.join("kernels"), root.join("target/kernels/images.rs"));
    // Cargo treats a missing file as changed and would rebuild everything each time.
    if !compiled.exists() {
        let _ = placeholder(&compiled);
    }
    for path in [&sources, &compiled] {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    images(&sources, &compiled)
}

/// Creates an empty file with a modification time before any build.
fn placeholder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().expect("the file has a parent folder"))?;
    fs::File::create(path)?.set_modified(SystemTime::UNIX_EPOCH)
}

/// The source text that includes the compiled kernels, if they were compiled from the current sources.
fn images(sources: &Path, compiled: &Path) -> String {
    let again = "run `cargo xtask kernels`, build again, or use the device `cpu`";
    let missing = match (fs::read_to_string(compiled), source_hash::of(sources)) {
        (Err(_), _) => format!("this program was built without CUDA kernels; {again}"),
        (Ok(text), _) if text.is_empty() => format!("this program was built without CUDA kernels; {again}"),
        (Ok(text), Ok(hash)) if text.contains(&source_hash::line(hash)) => {
            return format!(
                "include!({:?});\npub(super) const MISSING: &str = \"\";\n",
                compiled.display().to_string()
            );
        }
        (Ok(_), Ok(_)) => {
            format!("this program was built with CUDA kernels older than their sources; {again}")
        }
        (Ok(_), Err(error)) => {
            format!("the sources of the CUDA kernels could not be read ({error}); {again}")
        }
    };
    none(&missing)
}

/// The source text of `images.rs` for a build without kernels, with the reason why there are none.
fn none(missing: &str) -> String {
    format!("pub(super) static IMAGES: &[Image] = &[];\npub(super) const MISSING: &str = {missing:?};\n")
}
