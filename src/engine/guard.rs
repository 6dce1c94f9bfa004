//! Errors and panics of code that reads untrusted files or texts, as errors of this crate.

use anyhow::Result as AnyResult;

use crate::error::{Error, ErrorKind, Result, catch_panic, one_line};

/// What failed when a graph cannot be read.
pub(super) const DAMAGED_GRAPH: &str = "the ONNX file is damaged or not a text encoder";
/// What failed when a step of a run does.
pub(super) const FAILED_ON_TEXT: &str = "the model failed on a text";

/// Calls `call`. Its errors and panics become [`ErrorKind::InvalidModel`], with `what` in front and all
/// causes in the message.
pub(super) fn guarded<T>(what: &str, call: impl FnOnce() -> AnyResult<T>) -> Result<T> {
    catch_panic(ErrorKind::InvalidModel, what, || {
        call().map_err(|e| {
            let reason = one_line(&format!("{e:#}"));
            Error::new(ErrorKind::InvalidModel, format!("{what} ({reason})"))
        })
    })
}
