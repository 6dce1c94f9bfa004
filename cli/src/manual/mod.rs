//! `crossrank man` and `crossrank completions`: what other programs show of the command.

mod command;
mod markdown;
mod roff;

pub use command::{CompletionsArgs, ManArgs, completions, man};
