//! One question to a service: timeouts, retries, and what its refusals mean.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Response, Uri};

use super::api::complaint;
use super::{RemoteOptions, invalid_argument};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::{MAX_RETRY_AFTER, backoff, retry_after};

/// How soon a cancelled call ends.
const TICK: Duration = Duration::from_millis(10);
/// A thousand scores take less than 100 kB.
const LARGEST_ANSWER: u64 = 64 << 20;

#[derive(Clone)]
pub(super) struct Line {
    agent: Agent,
    url: String,
    api_key: Option<String>,
    retries: u32,
    retry_delay: Duration,
    timeout: Duration,
    cancel: Option<Arc<AtomicBool>>,
}

/// Why a request brought no answer.
enum RequestError {
    Final(Error),
    /// It may be over by the next request.
    Passing {
        message: String,
        retry_after: Option<Duration>,
    },
}

impl Line {
    pub(super) fn new(options: &RemoteOptions) -> Result<Line> {
        let api_key = options.api_key.clone();
        if api_key
            .as_ref()
            .is_some_and(|k| k.is_empty() || !k.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(invalid_argument(
                "api_key is no text of visible ASCII characters; look for spaces or line ends",
            ));
        }
        let agent = Agent::config_builder()
            .user_agent(concat!("crossrank/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // The key is for this service only.
            .max_redirects(0)
            .timeout_global(Some(options.timeout))
            .build()
            .new_agent();
        Ok(Line {
            agent,
            url: endpoint(&options.url, options.api.path())?,
            api_key,
            retries: options.retries,
            retry_delay: options.retry_delay,
            timeout: options.timeout,
            cancel: None,
        })
    }

    pub(super) fn cancelled_by(&self, flag: Arc<AtomicBool>) -> Line {
        Line { cancel: Some(flag), ..self.clone() }
    }

    /// Posts JSON and gives the JSON of the answer.
    pub(super) fn ask(&self, question: &Value) -> Result<Value> {
        let body: Arc<str> = question.to_string().into();
        for retry in 0.. {
            self.check_cancelled()?;
            let (message, retry_after) = match self.send(&body) {
                Ok(answer) => return Ok(answer),
                Err(RequestError::Final(error)) => return Err(error),
                Err(RequestError::Passing { message, retry_after }) => (message, retry_after),
            };
            let wait = retry_after.unwrap_or_else(|| backoff(self.retry_delay, retry));
            if retry == self.retries || wait > MAX_RETRY_AFTER {
                let rest = retry_after.filter(|r| !r.is_zero());
                let rest = rest.map(|r| format!(" and asks for {} s of rest", r.as_secs()));
                let message = format!("{message}{}; try again later", rest.unwrap_or_default());
                return Err(self.error(ErrorKind::RemoteUnavailable, &message));
            }
            let end = Instant::now() + wait;
            while let Some(rest) = end.checked_duration_since(Instant::now()) {
                self.check_cancelled()?;
                std::thread::sleep(rest.min(TICK));
            }
        }
        unreachable!("the last retry returns")
    }

    fn send(&self, body: &Arc<str>) -> Result<Value, RequestError> {
        let response = match &self.cancel {
            None => self.exchange(body),
            // A request cannot be stopped; it is left to a thread, which its timeout ends.
            Some(_) => {
                let (sender, receiver) = mpsc::channel();
                let (line, body) = (self.clone(), body.clone());
                std::thread::spawn(move || {
                    // After a cancel nobody listens.
                    let _ = sender.send(line.exchange(&body));
                });
                loop {
                    match receiver.recv_timeout(TICK) {
                        Ok(response) => break response,
                        Err(RecvTimeoutError::Timeout) => {
                            self.check_cancelled().map_err(RequestError::Final)?
                        }
                        Err(RecvTimeoutError::Disconnected) => {
                            break Err(ureq::Error::ConnectionFailed);
                        }
                    }
                }
            }
        };
        let response = response.map_err(|error| {
            let message = match error {
                ureq::Error::Timeout(_) => {
                    format!("does not answer within {} ms", self.timeout.as_millis())
                }
                error => format!("cannot be reached, or hangs up ({error})"),
            };
            RequestError::Passing { message, retry_after: None }
        })?;
        self.read(&response)
    }

    fn exchange(&self, body: &str) -> Result<Response<String>, ureq::Error> {
        let mut request = self.agent.post(&self.url).content_type("application/json");
        if let Some(key) = &self.api_key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let (head, mut body) = request.send(body)?.into_parts();
        let config = body.with_config().limit(LARGEST_ANSWER).lossy_utf8(true);
        Ok(Response::from_parts(head, config.read_to_string()?))
    }

    fn read(&self, response: &Response<String>) -> Result<Value, RequestError> {
        let (status, text) = (response.status(), response.body());
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let refused = |what: &str| RequestError::Final(self.error(ErrorKind::RemoteRefused, what));
        if status.is_redirection() {
            let to = header("location")
                // A query may hold a key.
                .map(|to| format!(" to {}", to.split('?').next().unwrap_or_default()))
                .unwrap_or_default();
            return Err(refused(&format!("redirects{to}; give the address that it leads to")));
        }
        if !status.is_success() {
            let message = match complaint(&self.redact(text)) {
                none if none.is_empty() => format!("answers {}", status.as_u16()),
                said => format!("answers {}: {said}", status.as_u16()),
            };
            if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
                let retry_after = header("retry-after").and_then(retry_after);
                return Err(RequestError::Passing { message, retry_after });
            }
            let advice = match status.as_u16() {
                401 | 403 => "; check the API key",
                404 => "; check the address and the model's name",
                413 | 422 => "; send less at once with max_documents, or shorten the texts",
                _ => "",
            };
            return Err(refused(&format!("{message}{advice}")));
        }
        serde_json::from_str(text).map_err(|_| {
            let what = "answers no JSON; check that the address is that of an API";
            RequestError::Final(self.error(ErrorKind::RemoteInvalidAnswer, what))
        })
    }

    fn check_cancelled(&self) -> Result<()> {
        if self.cancel.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Error::new(ErrorKind::Cancelled, "the call was cancelled"));
        }
        Ok(())
    }

    /// Names the service by its address without the query string, where some services take keys,
    /// and takes the key out of what the service quotes.
    fn error(&self, kind: ErrorKind, what: &str) -> Error {
        let place = self.url.split('?').next().unwrap_or_default();
        Error::new(kind, format!("{place} {}", self.redact(what)))
    }

    fn redact(&self, text: &str) -> String {
        match &self.api_key {
            Some(key) => text.replace(key, "[key]"),
            None => text.to_owned(),
        }
    }
}

fn endpoint(url: &str, path: &str) -> Result<String> {
    let parsed: Option<Uri> = url.parse().ok();
    let scheme = parsed.as_ref().and_then(|uri| uri.scheme_str());
    let authority = parsed.as_ref().and_then(|uri| uri.authority());
    if !matches!(scheme, Some("http" | "https"))
        || authority.is_none_or(|a| a.as_str().contains('@'))
    {
        return Err(invalid_argument(
            "url must begin with http: or https:, and hold no user name; name the service, such \
             as https://api.example.com",
        ));
    }
    let (base, question) = url.split_once('?').map_or((url, None), |(b, q)| (b, Some(q)));
    let base = base.trim_end_matches('/');
    let path = if base.ends_with("/rerank") { "" } else { path };
    Ok(format!("{base}{path}{}", question.map(|q| format!("?{q}")).unwrap_or_default()))
}
