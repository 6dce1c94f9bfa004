//! The one error type of the crate.

use std::fmt;

/// Result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in a form programs can match on.
///
/// [`ErrorKind::code`] is the same name in kebab case; the command line and the JavaScript
/// package show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is outside what the call accepts, such as a `top_k` of 0.
    InvalidArgument,
    /// A query or document is longer than [`crate::MAX_TEXT_BYTES`].
    InputTooLarge,
    /// A text is not valid Unicode.
    InvalidText,
    /// An input file is not in the format that was asked for.
    InvalidInput,
    /// A file could not be read.
    Io,
    /// The model file is damaged, is not ONNX, or cannot be run.
    InvalidModel,
    /// The model is sound but of a kind that this crate does not run.
    UnsupportedModel,
    /// The model needs the feature `general`, which this build is without.
    NeedsGeneral,
    /// The tokenizer and the model do not belong together.
    TokenizerMismatch,
    /// The model gave a score or a vector that is not of numbers.
    InvalidScore,
    /// This build carries no model and none was named, or the one named is not in the cache.
    ModelNotInstalled,
    /// A service could not be reached, or was too busy to answer; a later call may succeed.
    RemoteUnavailable,
    /// A service refused a request: its key, its model or its size.
    RemoteRefused,
    /// A service answered something else than its API documents.
    RemoteInvalidAnswer,
    /// There is no GPU, it was lost, or it has no room for the model; the CPU does the same.
    GpuFailed,
    /// The caller cancelled the call.
    Cancelled,
}

impl ErrorKind {
    /// The stable name of the kind, in kebab case.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::InvalidArgument => "invalid-argument",
            ErrorKind::InputTooLarge => "input-too-large",
            ErrorKind::InvalidText => "invalid-text",
            ErrorKind::InvalidInput => "invalid-input",
            ErrorKind::Io => "io",
            ErrorKind::InvalidModel => "invalid-model",
            ErrorKind::UnsupportedModel => "unsupported-model",
            ErrorKind::NeedsGeneral => "needs-general",
            ErrorKind::TokenizerMismatch => "tokenizer-mismatch",
            ErrorKind::InvalidScore => "invalid-score",
            ErrorKind::ModelNotInstalled => "model-not-installed",
            ErrorKind::RemoteUnavailable => "remote-unavailable",
            ErrorKind::RemoteRefused => "remote-refused",
            ErrorKind::RemoteInvalidAnswer => "remote-invalid-answer",
            ErrorKind::GpuFailed => "gpu-failed",
            ErrorKind::Cancelled => "cancelled",
        }
    }
}

/// An error: a kind for programs, and a sentence for people that says what to do.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }

    /// Names the place: `at("document 3")` puts "document 3: " before the message.
    pub(crate) fn at(self, place: impl fmt::Display) -> Error {
        Error { kind: self.kind, message: format!("{place}: {}", self.message) }
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Runs `call`, and turns a panic in it into an error of `kind`.
///
/// tract and tokenizers panic on some damaged files. In WebAssembly a panic ends the instance
/// instead, and the package replaces it.
pub(crate) fn catch_panic<T>(
    kind: ErrorKind,
    what: &str,
    call: impl FnOnce() -> Result<T>,
) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let reason = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no reason given");
        Err(Error::new(kind, format!("{what}: {}", one_line(reason))))
    })
}

/// The text with line breaks turned into spaces, cut after 300 characters.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(300) {
        line.truncate(end);
        line.push('…');
    }
    line
}
