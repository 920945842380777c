//! Hostile inputs for every reader of untrusted bytes (row R13 of `book/reliability.md`).
//!
//! [`readers`] lists the readers; [`hostile`] builds hostile inputs, [`mutation`] mutates valid ones, and [`envelope`]
//! repairs their checksums so that mutations get past them. `tests/mutate.rs` runs all of it with a stable compiler.
//! libFuzzer uses the same readers and the same corpus; it works on stable too:
//!
//! ```text
//! RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
//!     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
//!     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1" \
//!     cargo build --release --target x86_64-unknown-linux-gnu -p fuzz --features libfuzzer
//! mkdir -p out/fuzz
//! target/x86_64-unknown-linux-gnu/release/fuzz-idx -max_total_time=60 out/fuzz fuzz/corpus/idx
//! ```
#![forbid(unsafe_code)]

pub mod readers;

pub mod hostile;
pub mod mutation;
pub mod envelope;

pub mod corpus;
