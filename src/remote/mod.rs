//! Reranking by a service over HTTP, with the results of the local reranker.

mod api;
mod backend;
mod http;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

pub use api::Api;
pub use backend::{Backend, Fallback};

use crate::error::{Error, ErrorKind, Result};
use crate::kernels;
use crate::rank;
use crate::reranker::{RankedDocument, Ranking, RerankOptions, check_request};
use crate::score::Score;

/// Requests under way at once in one call.
const LANES: usize = 4;

/// What [`Remote`] asks, and how patiently.
#[derive(Clone)]
#[non_exhaustive]
pub struct RemoteOptions {
    /// The service's base address, such as `https://api.cohere.com`; the API's path is appended
    /// (`/v2/rerank`, `/v1/rerank`, or `/rerank` for TEI). An address that ends in `/rerank` is
    /// taken as it is.
    pub url: String,
    /// The API that the service speaks.
    pub api: Api,
    /// Sent as a bearer token; no message shows it.
    pub api_key: Option<String>,
    /// The service's name for the model. All but TEI need it.
    pub model: Option<String>,
    /// The service gives the model's plain output where the API has scores from 0 to 1: the
    /// score is then its sigmoid. TEI is asked for plain output anyway.
    pub raw_scores: bool,
    /// The most documents in a request; longer lists are split, which changes no score of a
    /// cross-encoder. Default: 32 for TEI, which is its own default, else 1000.
    pub max_documents: Option<usize>,
    /// Requests after one that failed in a passing way: no connection, no answer in time, status
    /// 408, 429 or 5xx. Default: 2.
    pub retries: u32,
    /// The wait before the first retry, doubled for each later one up to 8 s, less up to a half
    /// by chance. Default: 500 ms. A service's `Retry-After` goes before it; one of more than
    /// 60 s ends the call.
    pub retry_delay: Duration,
    /// The longest that one request may take. Default: 30 s.
    pub timeout: Duration,
}

impl RemoteOptions {
    /// The defaults for a service.
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

/// A reranker that asks a service. Clones share its connections.
///
/// `truncated` and `query_truncated` are false and `tokens` is 0, because services do not say. The logit of a
/// service that gives scores alone is the log odds of the score: as exact as the score's digits,
/// and infinite where it is 0 or 1.
#[derive(Clone)]
pub struct Remote {
    line: http::Line,
    api: Api,
    model: Option<String>,
    raw_scores: bool,
    max_documents: usize,
}

impl Remote {
    /// Checks the options; nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for options that cannot work.
    pub fn new(options: RemoteOptions) -> Result<Remote> {
        let line = http::Line::new(&options)?;
        if options.model.is_none() && options.api.names_model() {
            return Err(invalid_argument("no model is named; give the service's name for it"));
        }
        let max_documents = options.max_documents.unwrap_or(options.api.max_documents());
        if max_documents == 0 {
            return Err(invalid_argument("max_documents must be at least 1"));
        }
        let raw_scores = options.raw_scores || options.api == Api::Tei;
        Ok(Remote { line, api: options.api, model: options.model, raw_scores, max_documents })
    }

    /// The same reranker, whose calls end with [`ErrorKind::Cancelled`] soon after the flag is
    /// set. The answer to a request under way is then left unread.
    pub fn cancelled_by(&self, flag: Arc<AtomicBool>) -> Remote {
        Remote { line: self.line.cancelled_by(flag), ..self.clone() }
    }

    /// As [`crate::Reranker::rerank`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an empty query or a `top_k` of 0,
    /// [`ErrorKind::RemoteUnavailable`], [`ErrorKind::RemoteRefused`] or
    /// [`ErrorKind::RemoteInvalidAnswer`] where the service fails, [`ErrorKind::InvalidScore`]
    /// for a score outside 0..1.
    pub fn rerank<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        top_k: usize,
    ) -> Result<Ranking> {
        check_request(query, &RerankOptions { top_k: Some(top_k), ..Default::default() })?;
        let documents: Vec<&str> = documents.iter().map(AsRef::as_ref).collect();
        let values = self.values(query, &documents)?;
        let place = |index: usize| {
            let Score { score, logit, truncated, span, .. } = self.score_of(values[index])?;
            Ok(RankedDocument { index, score, logit, truncated, span })
        };
        let results = rank::order(&values, top_k).into_iter().map(place).collect::<Result<_>>()?;
        Ok(Ranking { results, query_truncated: false, partial: false })
    }

    /// As [`crate::Reranker::score`]: scores pairs, in the order given. Pairs of one query are
    /// asked for together.
    ///
    /// # Errors
    /// As [`Remote::rerank`], where the service fails.
    pub fn score<Q: AsRef<str>, D: AsRef<str>>(&self, pairs: &[(Q, D)]) -> Result<Vec<Score>> {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, (query, _)) in pairs.iter().enumerate() {
            places.entry(query.as_ref()).or_default().push(i);
        }
        let mut values = vec![0.0; pairs.len()];
        for (query, places) in places {
            let documents: Vec<&str> = places.iter().map(|&i| pairs[i].1.as_ref()).collect();
            for (place, value) in places.into_iter().zip(self.values(query, &documents)?) {
                values[place] = value;
            }
        }
        values.into_iter().map(|value| self.score_of(value)).collect()
    }

    /// A value for each document, which are asked for in lists that the API takes.
    fn values(&self, query: &str, documents: &[&str]) -> Result<Vec<f64>> {
        let lists: Vec<&[&str]> = documents.chunks(self.max_documents).collect();
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        // Every lane takes the next list until none is left or one has failed.
        let work = || -> Result<Vec<(usize, Vec<f64>)>> {
            let mut answered = Vec::new();
            while !failed.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(list) = lists.get(index) else { break };
                let question = self.api.request(query, list, self.model.as_deref());
                let answer = self.line.ask(&question);
                let values = answer.and_then(|answer| self.api.values(&answer, list.len()));
                if values.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                answered.push((index, values?));
            }
            Ok(answered)
        };
        let mut values = vec![Vec::new(); lists.len()];
        let shares: Vec<_> = std::thread::scope(|scope| {
            let lanes = LANES.min(lists.len()).saturating_sub(1);
            let helpers: Vec<_> = (0..lanes).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = helpers.into_iter().map(|h| h.join().expect("requests do not panic"));
            std::iter::once(own).chain(joined).collect()
        });
        for share in shares {
            for (list, answered) in share? {
                values[list] = answered;
            }
        }
        Ok(values.concat())
    }

    fn score_of(&self, value: f64) -> Result<Score> {
        let logit = match value {
            _ if self.raw_scores => value,
            0.0..=1.0 => (value / (1.0 - value)).ln(),
            _ => {
                let message = format!(
                    "the service gives the score {value}, which is not in 0..1; where it gives a \
                     model's plain output, say so with raw_scores"
                );
                return Err(Error::new(ErrorKind::InvalidScore, message));
            }
        } as f32;
        let score = if self.raw_scores { kernels::sigmoid(logit) } else { value as f32 };
        let (truncated, query_truncated) = (false, false);
        Ok(Score { score, logit, truncated, query_truncated, tokens: 0, span: None })
    }
}

impl Backend for Remote {
    fn rerank(&self, query: &str, documents: &[&str], top_k: usize) -> Result<Ranking> {
        Remote::rerank(self, query, documents, top_k)
    }

    fn score(&self, pairs: &[(&str, &str)]) -> Result<Vec<Score>> {
        Remote::score(self, pairs)
    }
}

/// Without the key.
impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions")
            .field("api", &self.api)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

fn invalid_argument(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
