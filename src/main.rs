//! The `crossrank` command.

#![deny(unsafe_code)]

mod cli;
#[cfg(feature = "search")]
mod vec0;

fn main() -> std::process::ExitCode {
    cli::main()
}
