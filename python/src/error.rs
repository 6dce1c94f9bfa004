//! Errors as exceptions of `crossrank._errors`.

use pyo3::prelude::*;

/// The exception for an error of the library.
pub fn exception(error: &crossrank::Error) -> PyErr {
    of_kind(error.kind(), &error.to_string())
}

/// The exception for an error of this kind.
pub fn of_kind(kind: crossrank::ErrorKind, message: &str) -> PyErr {
    Python::attach(|py| {
        let made = || py.import("crossrank._errors")?.getattr("exception");
        match made().and_then(|make| make.call1((kind.code(), message))) {
            Ok(exception) => PyErr::from_value(exception),
            Err(failure) => failure,
        }
    })
}
