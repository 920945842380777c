//! libFuzzer target for JPEG and PNG images.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::readers::image(bytes));
