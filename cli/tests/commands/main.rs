//! The commands as a user runs them.

mod command;
#[path = "../../../tests/common/mod.rs"]
mod common;
#[cfg(feature = "gpu")]
mod devices;
mod doctor;
mod faults;
mod hub;
mod inputs;
mod jsonl;
mod manners;
mod manual;
#[cfg(all(feature = "mcp", feature = "search"))]
mod mcp;
mod output;
mod passages;
mod prepare;
#[cfg(feature = "search")]
mod search;
#[cfg(feature = "site")]
mod site;
mod terminal;
mod trim;
