//! The one error type of the commands.

use std::io;
use std::path::Path;

use crossrank::ErrorKind;

/// Why a command failed: an error code, and one line that says what to do.
#[derive(Debug)]
pub struct CliError {
    pub code: &'static str,
    pub message: String,
}

impl CliError {
    pub fn new(code: &'static str, message: impl Into<String>) -> CliError {
        CliError { code, message: message.into() }
    }

    /// Adds what was probably meant, if that is known.
    pub fn did_you_mean(mut self, name: Option<String>) -> CliError {
        if let Some(name) = name {
            self.message += &format!("; did you mean {name}?");
        }
        self
    }
}

impl From<crossrank::Error> for CliError {
    fn from(error: crossrank::Error) -> CliError {
        CliError::new(error.kind().code(), error.to_string())
    }
}

/// Names the file that the library could not write.
pub fn not_written(path: &Path) -> impl FnOnce(crossrank::Error) -> CliError {
    move |error| match error.kind() {
        ErrorKind::Io => CliError::new("io", format!("{}: {error}", path.display())),
        _ => error.into(),
    }
}

/// Turns an error of the system into an `io` error. `what` says what could not be done.
pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> CliError {
    let what = what.into();
    move |error| CliError::new("io", format!("{what} ({error})"))
}
