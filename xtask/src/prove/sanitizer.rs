//! Row R17: the tests of the crate with unsafe code under AddressSanitizer, and a planted overflow that it must see.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use reliability::Measurement;

use crate::args;
use crate::repo::{Repo, succeeds};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A read one past the end of a heap allocation.
const PLANTED: &str = r#"
fn main() {
    let values = vec![1u8; std::env::args().count() + 7];
    let place = values.as_ptr();
    println!("{}", unsafe { std::ptr::read_volatile(place.add(values.len())) });
}
"#;

/// `cargo xtask address-sanitizer`, in a target folder of its own that is removed afterwards.
pub(crate) fn run(repo: &Repo, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    args::none("address-sanitizer", arguments)?;
    let measured = Measurement::of("R17", "the unsafe code makes no memory error that AddressSanitizer sees");
    let folder = repo.join("target/address-sanitizer");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let caught = sees_a_planted_overflow(&folder)?;
    ensure!(caught, "a planted overflow was not seen, so a run without findings would say nothing");
    let mut tests = repo.cargo();
    tests.args(["test", "--release", "-p", "tensor", "--lib", "--tests", "--target", TARGET]);
    tests
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("RUSTC_BOOTSTRAP", "1");
    // What is allocated once for the life of the program is no leak.
    tests.env("ASAN_OPTIONS", "detect_leaks=0").current_dir(repo.root());
    let passed = succeeds(&mut tests)?;
    fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    ensure!(passed, "AddressSanitizer found something, or a test failed; see above");
    measured.passed(2, "all tests of `tensor`, 0 findings; a planted overflow is seen");
    Ok(ExitCode::SUCCESS)
}

fn sees_a_planted_overflow(folder: &Path) -> anyhow::Result<bool> {
    let (source, program) = (folder.join("planted.rs"), folder.join("planted"));
    fs::write(&source, PLANTED).with_context(|| format!("cannot write {}", source.display()))?;
    let mut compiler = Command::new("rustc");
    compiler.args(["-Zsanitizer=address", "--target", TARGET, "-O", "-o"]).arg(&program).arg(&source);
    let compiled = succeeds(compiler.env("RUSTC_BOOTSTRAP", "1"))?;
    ensure!(compiled, "rustc has no AddressSanitizer for {TARGET}");
    let output = Command::new(&program).output().context("cannot start the planted overflow")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(!output.status.success() && said.contains("AddressSanitizer: heap-buffer-overflow"))
}
