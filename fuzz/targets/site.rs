#![no_main]
use crossrank_fuzz::{replay::watched, site};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| site::run(data)));
