//! Repeats requests to a service: which failures are transient, and how long to wait.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use crate::error::{Error, ErrorKind, Result};

/// The longest wait between requests, unless the service asks for a longer one.
const MAX_DELAY: Duration = Duration::from_secs(8);

/// The longest wait that a service may ask for. If it asks for more, the call fails, so that the
/// caller can decide.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Why a request failed.
pub(crate) enum RequestError {
    /// The same request would fail again.
    Permanent(Error),
    /// A later request may succeed.
    Transient {
        message: String,
        /// The wait that the service asked for.
        retry_after: Option<Duration>,
    },
}

impl RequestError {
    pub(crate) fn transient(message: impl Into<String>) -> RequestError {
        RequestError::Transient { message: message.into(), retry_after: None }
    }
}

impl From<Error> for RequestError {
    fn from(error: Error) -> RequestError {
        RequestError::Permanent(error)
    }
}

/// How often a request is repeated, and after which wait.
#[derive(Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// The maximum number of repetitions.
    pub retries: u32,
    /// The wait before the first one. It doubles for each later one.
    pub first_delay: Duration,
}

impl RetryPolicy {
    /// The wait after a failure, before repetition number `retry`, counted from 0.
    ///
    /// # Errors
    /// The error of a permanent failure, and [`ErrorKind::RemoteUnavailable`] if the request is not to
    /// be repeated again.
    pub(crate) fn wait_after(&self, failure: RequestError, retry: u32) -> Result<Duration> {
        let (message, retry_after) = match failure {
            RequestError::Permanent(error) => return Err(error),
            RequestError::Transient { message, retry_after } => (message, retry_after),
        };
        let wait = retry_after.unwrap_or_else(|| backoff(self.first_delay, retry));
        if retry < self.retries && wait <= MAX_RETRY_AFTER {
            return Ok(wait);
        }
        let wish = match retry_after {
            Some(wait) if !wait.is_zero() => format!(" and asks to wait {} s", wait.as_secs()),
            _ => String::new(),
        };
        let message = format!("{message}{wish}; try again later");
        Err(Error::new(ErrorKind::RemoteUnavailable, message))
    }
}

/// Whether a later request may succeed after a response with this status.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// Reads a `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(header: &str) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(header.trim()).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The wait before repetition number `retry`, counted from 0. Up to a half of it is random, so that
/// clients that failed together do not return together.
fn backoff(first: Duration, retry: u32) -> Duration {
    let random = RandomState::new().hash_one(retry) as f64 / u64::MAX as f64;
    first.saturating_mul(1 << retry.min(30)).min(MAX_DELAY).mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_are_shortened_at_random() {
        let waits = |retry| -> Vec<f64> {
            (0..200).map(|_| backoff(Duration::from_millis(500), retry).as_secs_f64()).collect()
        };
        for (retry, longest) in [(0, 0.5), (1, 1.0), (2, 2.0), (4, 8.0), (5, 8.0), (4000, 8.0)] {
            let waits = waits(retry);
            let all = |test: fn(f64, f64) -> bool| waits.iter().all(|&w| test(w, longest));
            assert!(all(|wait, longest| wait <= longest && wait >= longest / 2.0), "{waits:?}");
            assert!(!all(|wait, longest| wait < longest * 0.75), "never long: {waits:?}");
            assert!(!all(|wait, longest| wait > longest * 0.75), "never short: {waits:?}");
        }
    }
}
