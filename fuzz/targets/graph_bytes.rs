#![no_main]
use crossrank_fuzz::{graph, replay::watched};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| graph::bytes(data)));
