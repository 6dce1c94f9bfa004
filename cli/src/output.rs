//! What commands write to standard output and show on a terminal.

use std::io::{self, ErrorKind, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{self, CliError};

/// Prints the result of a command.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    is_read(written, "the result").map(|_| ())
}

/// Whether the reader of an output still reads, after a write to it. A reader such as `head` stops
/// when it has seen enough, which is not an error.
pub fn is_read(written: io::Result<()>, output: &str) -> Result<bool, CliError> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error::io(format!("cannot write {output}"))(error)),
    }
}

/// A value as indented JSON, with a line break at the end.
pub fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("the value has only text keys and numbers") + "\n"
}

/// A progress bar on standard error. It is shown only on a terminal.
pub fn progress_bar(total: usize, unit: &str) -> ProgressBar {
    let style = format!("{{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&style).expect("the template is valid");
    ProgressBar::new(total as u64).with_style(style)
}

/// The start of a passage, for one line of a terminal.
pub fn excerpt(text: &str) -> String {
    const MAX_CHARACTERS: usize = 90;
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
