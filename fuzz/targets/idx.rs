//! libFuzzer target for IDX files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::idx(bytes));
