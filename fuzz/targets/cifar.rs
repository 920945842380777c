//! libFuzzer target for CIFAR records.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::cifar(bytes));
