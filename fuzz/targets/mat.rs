//! libFuzzer on the reader of MATLAB's files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::mat(bytes));
