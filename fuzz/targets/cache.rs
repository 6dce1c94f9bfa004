#![no_main]
use crossrank_fuzz::{cache, replay::watched};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| cache::run(data)));
