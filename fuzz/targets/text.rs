#![no_main]
use crossrank_fuzz::{replay::watched, text};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| text::run(data)));
