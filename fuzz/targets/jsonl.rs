#![no_main]
#![allow(dead_code)]
#[path = "../../cli/src/content.rs"]
mod content;
#[path = "../../cli/src/error.rs"]
mod error;
#[path = "../../cli/src/input.rs"]
mod input;
#[path = "../../cli/src/jsonl.rs"]
mod jsonl;
#[path = "../../cli/src/output.rs"]
mod output;
#[path = "../../cli/src/records/mod.rs"]
mod records;
#[path = "../../cli/src/suggest.rs"]
mod suggest;
#[path = "../src/command/jsonl.rs"]
mod target;
#[path = "../../cli/src/units.rs"]
mod units;

use crossrank_fuzz::replay::watched;
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| target::run(data)));
