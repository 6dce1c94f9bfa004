#![no_main]
use crossrank_fuzz::{prepared, replay::watched};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| prepared::run(data)));
