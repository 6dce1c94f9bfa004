//! Reading a body.

use serde::de::DeserializeOwned;

use crate::error::one_line;

use super::error::ApiError;

/// Reads a JSON object. The error names the field at fault.
pub(super) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(body).map_err(|e| {
        let message =
            format!("the body is not valid UTF-8 at byte {}; encode it as UTF-8", e.valid_up_to());
        ApiError::bad(message)
    })?;
    // serde would read an array as the fields of a struct in their order.
    if !text.trim_start().starts_with('{') {
        return Err(ApiError::bad("the body is not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let reason = one_line(&e.inner().to_string());
        let path = e.path().to_string();
        let in_a_field = e.inner().is_data() && path != ".";
        let place = if in_a_field { &path } else { "the body is not the expected JSON" };
        ApiError::bad(format!("{place}: {reason}"))
    })?;
    deserializer
        .end()
        .map_err(|e| ApiError::bad(format!("the body continues after the JSON object: {e}")))?;
    Ok(value)
}

/// Checks a number of results or tokens: absent, or at least 1.
pub(super) fn at_least_one(name: &str, value: Option<i64>) -> Result<Option<usize>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    match usize::try_from(value) {
        Ok(value) if value > 0 => Ok(Some(value)),
        _ => Err(ApiError::bad(format!("{name} is {value} and must be at least 1"))),
    }
}
