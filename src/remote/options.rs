//! The options of a service.

use std::fmt;
use std::time::Duration;

use super::api::Api;

/// The options of a [`Remote`](crate::Remote): which service, and how long to wait for it.
#[derive(Clone)]
#[non_exhaustive]
pub struct RemoteOptions {
    /// The base address of the service, such as `https://api.cohere.com`. The path of the API is
    /// appended (`/v2/rerank`, `/v1/rerank`, or `/rerank` for TEI), unless the address ends in
    /// `/rerank`.
    pub url: String,
    /// The API that the service speaks.
    pub api: Api,
    /// The key, which is sent as a bearer token. No error message shows it.
    pub api_key: Option<String>,
    /// The service's name for the model. Required by all APIs except TEI.
    pub model: Option<String>,
    /// Whether the service gives logits where the API has scores from 0 to 1. The score of a result is
    /// then the sigmoid of the logit. TEI is always asked for logits.
    pub raw_scores: bool,
    /// The maximum number of documents in a request. Longer lists are split, which does not change
    /// the scores of a cross-encoder. Default: 32 for TEI, which is its own default, else 1000.
    pub max_documents: Option<usize>,
    /// How often a request is repeated after a transient failure: no connection, a timeout, or status
    /// 408, 429 or 5xx. Default: 2.
    pub retries: u32,
    /// The wait before the first retry. It doubles for each later one up to 8 s, and is shortened by
    /// a random part of up to a half. `Retry-After` replaces it; if that is more than 60 s, the call
    /// fails. Default: 500 ms.
    pub retry_delay: Duration,
    /// The timeout of one request. Default: 30 s.
    pub timeout: Duration,
}

impl RemoteOptions {
    /// The default options for a service.
    pub fn new(url: impl Into<String>, api: Api) -> RemoteOptions {
        RemoteOptions {
            url: url.into(),
            api,
            api_key: None,
            model: None,
            raw_scores: false,
            max_documents: None,
            retries: 2,
            retry_delay: Duration::from_millis(500),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Leaves out the key, and the address, which may hold one.
impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions")
            .field("api", &self.api)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}
