//! The wait before a request is sent again.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

/// The longest wait between two requests.
const MAX_DELAY: Duration = Duration::from_secs(8);
/// If a server asks for a longer wait, the request has failed, and the caller decides what to do.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The wait before a retry. Retries count from 0. Half of the wait is random, so that clients that
/// failed together do not return together.
pub(crate) fn backoff(first: Duration, retry: u32) -> Duration {
    let chance = RandomState::new().hash_one(retry) as f64 / u64::MAX as f64;
    first.saturating_mul(1 << retry.min(30)).min(MAX_DELAY).mul_f64(0.5 + chance / 2.0)
}

/// Parses the wait that a server asks for: seconds, or a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(header: &str) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(header.trim()).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_half_of_each_is_random() {
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
