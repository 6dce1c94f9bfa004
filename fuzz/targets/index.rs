#![no_main]
use crossrank_fuzz::{index, replay::watched};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| index::run(data)));
