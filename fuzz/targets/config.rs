#![no_main]
use crossrank_fuzz::{config, replay::watched};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| config::run(data)));
