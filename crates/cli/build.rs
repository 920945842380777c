//! Embeds the commit of the sources in the program.

#[path = "commit.rs"]
mod commit;

use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=commit.rs");
    for path in commit::sources(&root).into_iter().chain(commit::references(&root)) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!("cargo::rustc-env=AGON_COMMIT={}", commit::commit(&root));
}
