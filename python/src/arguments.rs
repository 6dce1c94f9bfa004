//! Arguments from Python.

use std::fmt::Display;

use crossrank::{ErrorKind, LongDocuments, Truncation};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyString;

use crate::error::of_kind;

/// A text without a copy of it. `place` is its name in error messages.
pub fn text(value: &Bound<PyAny>, place: impl Display) -> PyResult<PyBackedStr> {
    let Ok(text) = value.cast::<PyString>() else {
        let message = format!("{place} must be a str, not {}", value.get_type().name()?);
        return Err(PyTypeError::new_err(message));
    };
    PyBackedStr::try_from(text.clone()).map_err(|error| {
        match error.is_instance_of::<PyUnicodeEncodeError>(value.py()) {
            true => of_kind(
                ErrorKind::InvalidText,
                &format!("{place} is not valid Unicode ({})", error.value(value.py())),
            ),
            false => error,
        }
    })
}

/// Texts in order.
pub fn texts(values: &Bound<PyAny>, place: &str) -> PyResult<Vec<PyBackedStr>> {
    let items = items(values, place, "texts")?;
    items.enumerate().map(|(i, item)| text(&item?, format_args!("{place}[{i}]"))).collect()
}

/// Pairs of texts in order.
pub fn pairs(values: &Bound<PyAny>, place: &str) -> PyResult<Vec<(PyBackedStr, PyBackedStr)>> {
    let items = items(values, place, "pairs")?;
    items
        .enumerate()
        .map(|(i, item)| {
            let place = format!("{place}[{i}]");
            let two = texts(&item?, &place)?;
            let [query, document] = <[PyBackedStr; 2]>::try_from(two).map_err(|texts| {
                let message = format!("{place} must be two texts, and it has {}", texts.len());
                of_kind(ErrorKind::InvalidArgument, &message)
            })?;
            Ok((query, document))
        })
        .collect()
}

fn items<'py>(
    values: &Bound<'py, PyAny>,
    place: &str,
    what: &str,
) -> PyResult<impl Iterator<Item = PyResult<Bound<'py, PyAny>>>> {
    let iterator = match values.is_instance_of::<PyString>() {
        true => None,
        false => values.try_iter().ok(),
    };
    iterator.ok_or_else(|| {
        let given =
            values.get_type().name().map_or_else(|_| "that".into(), |name| name.to_string());
        PyTypeError::new_err(format!("{place} must be a list of {what}, not {given}"))
    })
}

pub fn truncation(name: &str) -> PyResult<Truncation> {
    match name {
        "right" => Ok(Truncation::Right),
        "left" => Ok(Truncation::Left),
        "never" => Ok(Truncation::Never),
        _ => Err(not_one_of("truncation", name, "right, left or never")),
    }
}

pub fn long_documents(name: &str) -> PyResult<LongDocuments> {
    match name {
        "truncate" => Ok(LongDocuments::Truncate),
        "windows" => Ok(LongDocuments::Windows),
        _ => Err(not_one_of("long_documents", name, "truncate or windows")),
    }
}

pub fn not_one_of(argument: &str, given: &str, choices: &str) -> PyErr {
    let message = format!("{argument} must be {choices}, not {given:?}");
    of_kind(ErrorKind::InvalidArgument, &message)
}
