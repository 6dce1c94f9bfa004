//! A request to a service: timeouts, retries, and errors from its responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Response, Uri};

use super::api::error_message;
use super::options::RemoteOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::retry::{RequestError, RetryPolicy, is_transient, retry_after};

/// How often a call checks whether it was cancelled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// A thousand scores take less than 100 kB.
const MAX_RESPONSE_BYTES: u64 = 64 << 20;

/// The address of a service, with the key and the limits of requests.
#[derive(Clone)]
pub(super) struct Endpoint {
    agent: Agent,
    url: String,
    api_key: Option<String>,
    retry: RetryPolicy,
    timeout: Duration,
    cancel: Option<Arc<AtomicBool>>,
}

impl Endpoint {
    /// Checks the address and the key.
    pub(super) fn new(options: &RemoteOptions) -> Result<Endpoint> {
        let api_key = options.api_key.clone();
        if api_key
            .as_ref()
            .is_some_and(|k| k.is_empty() || !k.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(invalid_argument(
                "api_key must consist of visible ASCII characters; look for spaces or line breaks",
            ));
        }
        let agent = Agent::config_builder()
            .user_agent(concat!("crossrank/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // The key must be sent only to this service.
            .max_redirects(0)
            .timeout_global(Some(options.timeout))
            .build()
            .new_agent();
        Ok(Endpoint {
            agent,
            url: request_url(&options.url, options.api.path())?,
            api_key,
            retry: RetryPolicy { retries: options.retries, first_delay: options.retry_delay },
            timeout: options.timeout,
            cancel: None,
        })
    }

    /// The same endpoint with a flag that cancels its requests.
    pub(super) fn cancelled_by(&self, flag: Arc<AtomicBool>) -> Endpoint {
        Endpoint { cancel: Some(flag), ..self.clone() }
    }

    /// Posts JSON and returns the JSON of the response, with retries.
    pub(super) fn post(&self, body: &Value) -> Result<Value> {
        let body: Arc<str> = body.to_string().into();
        for retry in 0.. {
            self.check_cancelled()?;
            let wait = match self.send(&body) {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.retry.wait_after(failure, retry)?,
            };
            let end = Instant::now() + wait;
            while let Some(rest) = end.checked_duration_since(Instant::now()) {
                self.check_cancelled()?;
                std::thread::sleep(rest.min(POLL_INTERVAL));
            }
        }
        unreachable!("the last retry returns")
    }

    /// Makes one attempt, which ends early if the call is cancelled.
    fn send(&self, body: &Arc<str>) -> Result<Value, RequestError> {
        let response = match &self.cancel {
            None => self.exchange(body),
            // A request cannot be stopped, so it runs on a thread of its own until its timeout.
            Some(_) => {
                let (sender, receiver) = mpsc::channel();
                let (endpoint, body) = (self.clone(), body.clone());
                std::thread::spawn(move || {
                    // After a cancelled call there is no receiver.
                    let _ = sender.send(endpoint.exchange(&body));
                });
                loop {
                    match receiver.recv_timeout(POLL_INTERVAL) {
                        Ok(response) => break response,
                        Err(RecvTimeoutError::Timeout) => {
                            self.check_cancelled()?;
                        }
                        Err(RecvTimeoutError::Disconnected) => {
                            break Err(ureq::Error::ConnectionFailed);
                        }
                    }
                }
            }
        };
        let response = response.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(limit) => {
                let what = format!(
                    "answers with more than the limit of {limit} bytes; check that the address is the \
                     address of an API"
                );
                RequestError::Permanent(self.error(ErrorKind::RemoteInvalidAnswer, &what))
            }
            ureq::Error::Timeout(_) => {
                let what = format!("does not answer within {} ms", self.timeout.as_millis());
                RequestError::transient(self.message(&what))
            }
            error => {
                let what = format!("cannot be reached, or hangs up ({error})");
                RequestError::transient(self.message(&what))
            }
        })?;
        self.read(&response)
    }

    /// Sends a request and reads the whole response.
    fn exchange(&self, body: &str) -> Result<Response<String>, ureq::Error> {
        let mut request = self.agent.post(&self.url).content_type("application/json");
        if let Some(key) = &self.api_key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let (head, mut body) = request.send(body)?.into_parts();
        let config = body.with_config().limit(MAX_RESPONSE_BYTES).lossy_utf8(true);
        Ok(Response::from_parts(head, config.read_to_string()?))
    }

    /// The JSON of a response, or what its status means.
    fn read(&self, response: &Response<String>) -> Result<Value, RequestError> {
        let (status, text) = (response.status(), response.body());
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let refused =
            |what: &str| RequestError::Permanent(self.error(ErrorKind::RemoteRefused, what));
        if status.is_redirection() {
            let to = header("location")
                // A query may hold a key.
                .map(|to| format!(" to {}", to.split('?').next().unwrap_or_default()))
                .unwrap_or_default();
            return Err(refused(&format!("redirects{to}; give the address that it leads to")));
        }
        if !status.is_success() {
            let message = match error_message(&self.redact(text)) {
                empty if empty.is_empty() => format!("answers {}", status.as_u16()),
                message => format!("answers {}: {message}", status.as_u16()),
            };
            if is_transient(status.as_u16()) {
                let retry_after = header("retry-after").and_then(retry_after);
                let message = self.message(&message);
                return Err(RequestError::Transient { message, retry_after });
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
            let what = "answers no JSON; check that the address is the address of an API";
            RequestError::Permanent(self.error(ErrorKind::RemoteInvalidAnswer, what))
        })
    }

    fn check_cancelled(&self) -> Result<()> {
        if self.cancel.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Error::new(ErrorKind::Cancelled, "the call was cancelled"));
        }
        Ok(())
    }

    fn error(&self, kind: ErrorKind, what: &str) -> Error {
        Error::new(kind, self.message(what))
    }

    /// A message that names the service by its address, without the query string, in which some
    /// services take keys. The key is removed from the text of the service.
    fn message(&self, what: &str) -> String {
        let address = self.url.split('?').next().unwrap_or_default();
        format!("{address} {}", self.redact(what))
    }

    /// A text without the key.
    fn redact(&self, text: &str) -> String {
        match &self.api_key {
            Some(key) => text.replace(key, "[key]"),
            None => text.to_owned(),
        }
    }
}

/// The address for requests: the base address with the path of the API.
fn request_url(url: &str, path: &str) -> Result<String> {
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
    let (base, query) = url.split_once('?').map_or((url, None), |(b, q)| (b, Some(q)));
    let base = base.trim_end_matches('/');
    let path = if base.ends_with("/rerank") { "" } else { path };
    Ok(format!("{base}{path}{}", query.map(|q| format!("?{q}")).unwrap_or_default()))
}

pub(super) fn invalid_argument(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
