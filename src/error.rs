//! The one error type of the crate.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, for programs to match on.
///
/// [`ErrorKind::code`] is its name in kebab case, which the command line and the JavaScript package
/// show.
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
    /// A file could not be read or written.
    Io,
    /// The model file is damaged, is not ONNX, or cannot be run.
    InvalidModel,
    /// The model is valid, but of a kind that this crate does not run.
    UnsupportedModel,
    /// The model needs the feature `general`, which this build does not have.
    NeedsGeneral,
    /// The tokenizer and the model do not belong together.
    TokenizerMismatch,
    /// The model gave a score or a vector that contains a NaN or an infinity.
    InvalidScore,
    /// No model was named and this build contains none, or the named model is not in the cache.
    ModelNotInstalled,
    /// A service could not be reached, or was too busy to answer. A later call may succeed.
    RemoteUnavailable,
    /// A service refused a request because of its key, its model or its size.
    RemoteRefused,
    /// The answer of a service does not follow its documented API.
    RemoteInvalidAnswer,
    /// There is no GPU, it was lost, or the model does not fit into its memory. The CPU can score
    /// instead.
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
///
/// [`std::error::Error::source`] is the error of the system or of a library that caused it, if
/// there is one. The message already contains its text.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), source: None }
    }

    /// Sets the error that caused this one.
    pub(crate) fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error { source: Some(Arc::from(source.into())), ..self }
    }

    /// Names the place: `at("document 3")` puts "document 3: " before the message.
    pub(crate) fn at(self, place: impl fmt::Display) -> Error {
        Error { message: format!("{place}: {}", self.message), ..self }
    }

    /// The kind of the error, for programs to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Runs `call`, and turns a panic in it into an error of `kind`.
///
/// tract and tokenizers panic on some damaged files. In WebAssembly a panic ends the instance
/// instead, and the npm package replaces it.
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

/// The text on one line, with a space for each run of white space, cut after 300 characters.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(300) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_source() {
        let cause = std::io::Error::other("the disk is full");
        let error = Error::new(ErrorKind::Io, "cannot write (the disk is full)").with_source(cause);
        let error = error.at("line 3").clone();
        assert_eq!(error.to_string(), "line 3: cannot write (the disk is full)");
        let source = error.source().unwrap().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(source.to_string(), "the disk is full");
        assert!(Error::new(ErrorKind::Cancelled, "cancelled").source().is_none());
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let error = catch_panic(ErrorKind::InvalidModel, "it failed", || -> Result<()> {
            panic!("at\n line {}", 3)
        });
        assert_eq!(error.unwrap_err().to_string(), "it failed: at line 3");
    }
}
