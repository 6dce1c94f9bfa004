//! Errors and panics of code that reads untrusted files or texts, as errors of this crate.

use anyhow::Result as AnyResult;

use crate::error::{Error, ErrorKind, Result, catch_panic, one_line};

/// What failed when a graph cannot be read.
pub(super) const UNREADABLE_GRAPH: &str = "the ONNX graph cannot be read";
/// What failed when a step of a run does.
pub(super) const FAILED_ON_TEXT: &str = "the model failed on a text";

/// Calls `call`. Its errors and panics become [`ErrorKind::InvalidModel`], with `what` in front and all
/// causes in the message. An error of this crate among the causes stays as it is.
pub(super) fn guarded<T>(what: &str, call: impl FnOnce() -> AnyResult<T>) -> Result<T> {
    catch_panic(ErrorKind::InvalidModel, what, || {
        call().map_err(|error| {
            error.downcast().unwrap_or_else(|error| {
                let reason = one_line(&format!("{error:#}"));
                Error::new(ErrorKind::InvalidModel, format!("{what} ({reason})"))
            })
        })
    })
}
