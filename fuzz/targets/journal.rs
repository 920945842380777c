//! libFuzzer target for journals of the run store.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::journal(bytes));
