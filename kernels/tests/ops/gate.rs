//! Tests that every kernel file is compiled for the emulator.
//!
//! `cargo xtask tidy` ensures that every kernel of this repository has a `launch`, whose default is an error.

use std::fs;

#[test]
fn every_file_is_compiled_for_the_emulator() {
    let names = kernels::names();
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "cu") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let entries = text.match_indices("KERNEL(").map(|(at, word)| &text[at + word.len()..]);
        for entry in entries {
            let stem = entry.split(['#', ',']).next().unwrap();
            let compiled = names.iter().any(|name| name == stem || name.starts_with(&format!("{stem}f32")));
            assert!(compiled, "{}: kernels/build.rs has not compiled `{stem}`", path.display());
        }
    }
}
