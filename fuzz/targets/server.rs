#![no_main]
use crossrank_fuzz::{replay::watched, server};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| server::run(data)));
