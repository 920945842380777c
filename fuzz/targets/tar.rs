//! libFuzzer target for tar archives.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::tar(bytes));
