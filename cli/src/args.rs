//! Numbers in arguments.

use crate::error::CliError;

/// The number of an option that must be at least 1.
pub fn at_least_one(name: &str, value: i64) -> Result<usize, CliError> {
    usize::try_from(value).ok().filter(|&v| v > 0).ok_or_else(|| {
        CliError::new("invalid-argument", format!("{name} is {value} and must be at least 1"))
    })
}

/// The number of threads that this machine runs at the same time.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}
