#![no_main]
#![allow(dead_code)]
#[path = "../../cli/src/serve/connection.rs"]
mod connection;
#[path = "../../cli/src/serve/http.rs"]
mod http;
#[path = "../../cli/src/serve/listen.rs"]
mod listen;
#[path = "../../cli/src/serve/scorer.rs"]
mod scorer;
#[path = "../src/command/http.rs"]
mod target;

use crossrank_fuzz::replay::watched;
libfuzzer_sys::fuzz_target!(|data: &[u8]| watched(|| target::run(data)));
