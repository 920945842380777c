//! libFuzzer on the reader of settings of the command line.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::settings(bytes));
