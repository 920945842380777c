//! libFuzzer target for command-line settings.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::settings(bytes));
