//! The commands as a user runs them.

mod command;
#[path = "../../../tests/common/mod.rs"]
mod common;
#[cfg(feature = "gpu")]
mod devices;
mod hub;
mod inputs;
mod jsonl;
#[cfg(all(feature = "mcp", feature = "search"))]
mod mcp;
mod output;
mod prepare;
#[cfg(feature = "search")]
mod search;
mod terminal;
