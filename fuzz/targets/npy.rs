//! libFuzzer target for NPY and NPZ files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::npy(bytes));
