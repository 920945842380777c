//! libFuzzer target for safetensors files of the run store.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::checkpoint(bytes));
