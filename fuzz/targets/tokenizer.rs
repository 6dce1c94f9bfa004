#![no_main]
use crossrank_fuzz::{replay::watched, tokenizer};
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| tokenizer::run(data)));
