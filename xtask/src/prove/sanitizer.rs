//! Row R17: the tests of the crate with unsafe code under AddressSanitizer, and a planted overflow that it must detect.

use anyhow::{Context, ensure};
use reliability::Measurement;
use xshell::cmd;

use crate::repo::Repo;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A read one past the end of a heap allocation.
const PLANTED: &str = r#"
fn main() {
    let values = vec![1u8; std::env::args().count() + 7];
    let place = values.as_ptr();
    println!("{}", unsafe { std::ptr::read_volatile(place.add(values.len())) });
}
"#;

/// `cargo xtask address-sanitizer`, in a temporary target folder.
pub(crate) fn run(repo: &Repo) -> anyhow::Result<()> {
    let measured = Measurement::of("R17", "the unsafe code makes no memory error that AddressSanitizer sees");
    let sh = &repo.sh;
    let folder = sh.create_dir("target/address-sanitizer")?;
    let (source, program) = (folder.join("planted.rs"), folder.join("planted"));
    sh.write_file(&source, PLANTED)?;
    cmd!(sh, "rustc -Zsanitizer=address --target {TARGET} -O -o {program} {source}")
        .env("RUSTC_BOOTSTRAP", "1")
        .run()?;
    let planted = cmd!(sh, "{program}").ignore_status().quiet().output()?;
    let said = String::from_utf8_lossy(&planted.stderr).into_owned();
    let caught = !planted.status.success() && said.contains("AddressSanitizer: heap-buffer-overflow");
    ensure!(caught, "a planted overflow was not detected, so the result would be meaningless");
    let tests = cmd!(sh, "cargo test --release -p agon-tensor --lib --tests --target {TARGET}")
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("RUSTC_BOOTSTRAP", "1")
        // Allocations for the lifetime of the program are not leaks.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .run();
    sh.remove_path(&folder)?;
    tests.context("AddressSanitizer found something, or a test failed")?;
    measured.passed(2, "all tests of `tensor`, 0 findings; a planted overflow is seen");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planted_program_compiles() {
        let (repo, folder) = (Repo::of_this_program().unwrap(), tempfile::tempdir().unwrap());
        let [source, metadata] = ["planted.rs", "planted.rmeta"].map(|name| folder.path().join(name));
        repo.sh.write_file(&source, PLANTED).unwrap();
        cmd!(repo.sh, "rustc --emit=metadata -o {metadata} {source}").quiet().run().unwrap();
        assert!(metadata.is_file());
    }
}
