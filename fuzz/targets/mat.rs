//! libFuzzer target for MATLAB MAT-files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::mat(bytes));
