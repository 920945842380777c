//! Embeds the CUDA kernels compiled by `cargo xtask kernels` if they match the current sources.

#[path = "../../kernels/source_hash.rs"]
mod source_hash;

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (sources, compiled) = (root.join("kernels"), root.join("target/kernels/images.rs"));
    // Cargo treats a missing file as changed and would rebuild everything each time.
    if !compiled.exists() {
        let _ = placeholder(&compiled);
    }
    for path in [&sources, &compiled] {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("images.rs");
    fs::write(&out, images(&sources, &compiled)).expect("OUT_DIR is writable");
}

/// Creates an empty file with a modification time before any build.
fn placeholder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().expect("the file has a parent folder"))?;
    fs::File::create(path)?.set_modified(SystemTime::UNIX_EPOCH)
}

/// The source text of `images.rs`.
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
    format!("pub(super) static IMAGES: &[Image] = &[];\npub(super) const MISSING: &str = {missing:?};\n")
}
