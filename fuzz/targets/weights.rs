//! libFuzzer target for safetensors files of models.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::weights(bytes));
