//! Flags and numbers in the forms in which programs send them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::error::ApiError;

/// A flag: `true`, `"true"`, `"True"`, `1` and `"1"`, or `false` and so on.
#[derive(Clone, Copy)]
pub(super) struct Flag(bool);

/// An integer: `3`, `3.0` or `"3"`.
#[derive(Clone, Copy)]
pub(super) struct Count(i64);

impl Flag {
    pub fn or(flag: Option<Flag>, default: bool) -> bool {
        flag.map_or(default, |Flag(value)| value)
    }
}

impl Count {
    /// A limit of results, tokens or windows. Without one, or with 0, there is none.
    pub fn limit(name: &str, count: Option<Count>) -> Result<Option<usize>, ApiError> {
        let Some(Count(value)) = count else { return Ok(None) };
        let value = usize::try_from(value).map_err(|_| {
            ApiError::bad(format!("{name} is {value} and must be at least 1, or 0 for no limit"))
        })?;
        Ok((value > 0).then_some(value))
    }

    /// A number of results, which may be absent and is at least 1.
    pub fn at_least_one(name: &str, count: Option<Count>) -> Result<Option<usize>, ApiError> {
        let Some(Count(value)) = count else { return Ok(None) };
        match usize::try_from(value) {
            Ok(value) if value > 0 => Ok(Some(value)),
            _ => Err(ApiError::bad(format!("{name} is {value} and must be at least 1"))),
        }
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flag, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Flag, E> {
        match value {
            0 => Ok(Flag(false)),
            1 => Ok(Flag(true)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Flag, E> {
        match value.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Flag(true)),
            "false" | "0" => Ok(Flag(false)),
            _ => Err(E::invalid_value(Unexpected::Str(value), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Count, E> {
        Ok(Count(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Count, E> {
        // A larger number than any list has items means all of them.
        Ok(Count(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Count, E> {
        if value.fract() == 0.0 {
            Ok(Count(value as i64))
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Count, E> {
        let number = value.trim().parse::<f64>().ok().filter(|number| number.fract() == 0.0);
        match number {
            Some(number) => Ok(Count(number as i64)),
            None => Err(E::invalid_value(Unexpected::Str(value), &self)),
        }
    }
}
