//! Reranking by a service over HTTP, with the result types of the local reranker.

mod api;
mod backend;
mod http;
mod options;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub use api::Api;
pub use backend::{Backend, Fallback};
pub use options::RemoteOptions;

use crate::error::{Error, ErrorKind, Result};
use crate::kernels;
use crate::rank;
use crate::reranker::{RankedDocument, Ranking, RerankOptions, check_request};
use crate::score::Score;

/// The maximum number of requests that one call makes at the same time.
const MAX_CONCURRENT_REQUESTS: usize = 4;

/// A reranker that asks a service. Clones share its connections.
///
/// In its results `truncated` and `query_truncated` are false and `tokens` is 0, because services do
/// not report them. If a service gives only scores, the logit is the log odds of the score. It is as
/// exact as the digits of the score, and infinite for the scores 0 and 1.
#[derive(Clone)]
pub struct Remote {
    endpoint: http::Endpoint,
    api: Api,
    model: Option<String>,
    raw_scores: bool,
    max_documents: usize,
}

impl Remote {
    /// Checks the options. Sends nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for options that cannot work, such as an address without a
    /// scheme.
    pub fn new(options: RemoteOptions) -> Result<Remote> {
        let endpoint = http::Endpoint::new(&options)?;
        if options.model.is_none() && options.api.needs_model() {
            return Err(http::invalid_argument(
                "no model is given; give the service's name for it",
            ));
        }
        let max_documents = options.max_documents.unwrap_or(options.api.max_documents());
        if max_documents == 0 {
            return Err(http::invalid_argument("max_documents must be at least 1"));
        }
        let raw_scores = options.raw_scores || options.api == Api::Tei;
        Ok(Remote { endpoint, api: options.api, model: options.model, raw_scores, max_documents })
    }

    /// The same reranker with a flag that cancels its calls. They end with [`ErrorKind::Cancelled`]
    /// soon after the flag is set. The response to a running request is then ignored.
    pub fn cancelled_by(&self, flag: Arc<AtomicBool>) -> Remote {
        Remote { endpoint: self.endpoint.cancelled_by(flag), ..self.clone() }
    }

    /// Ranks documents, as [`crate::Reranker::rerank`].
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for an empty query or a `top_k` of 0.
    /// - [`ErrorKind::RemoteUnavailable`], [`ErrorKind::RemoteRefused`] or
    ///   [`ErrorKind::RemoteInvalidAnswer`] if the service fails.
    /// - [`ErrorKind::InvalidScore`] for a score outside 0..1.
    pub fn rerank<D: AsRef<str>>(
        &self,
        query: &str,
        documents: &[D],
        top_k: usize,
    ) -> Result<Ranking> {
        check_request(query, &RerankOptions { top_k: Some(top_k), ..Default::default() })?;
        let documents: Vec<&str> = documents.iter().map(AsRef::as_ref).collect();
        let values = self.values(query, &documents)?;
        let ranked = |index: usize| {
            let Score { score, logit, truncated, span, .. } = self.score_of(values[index])?;
            Ok(RankedDocument { index, score, logit, truncated, span })
        };
        let results = rank::order(&values, top_k).into_iter().map(ranked).collect::<Result<_>>()?;
        Ok(Ranking { results, query_truncated: false, partial: false })
    }

    /// Scores pairs in the order given, as [`crate::Reranker::score`]. Pairs with the same query share
    /// requests.
    ///
    /// # Errors
    /// Those of [`Remote::rerank`] if the service fails.
    pub fn score<Q: AsRef<str>, D: AsRef<str>>(&self, pairs: &[(Q, D)]) -> Result<Vec<Score>> {
        let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, (query, _)) in pairs.iter().enumerate() {
            positions.entry(query.as_ref()).or_default().push(i);
        }
        let mut values = vec![0.0; pairs.len()];
        for (query, positions) in positions {
            let documents: Vec<&str> = positions.iter().map(|&i| pairs[i].1.as_ref()).collect();
            for (position, value) in positions.into_iter().zip(self.values(query, &documents)?) {
                values[position] = value;
            }
        }
        values.into_iter().map(|value| self.score_of(value)).collect()
    }

    /// One value for each document. Requests lists of a length that the API accepts.
    fn values(&self, query: &str, documents: &[&str]) -> Result<Vec<f64>> {
        let lists: Vec<&[&str]> = documents.chunks(self.max_documents).collect();
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        // Each thread takes the next list until none is left or one has failed.
        let work = || -> Result<Vec<(usize, Vec<f64>)>> {
            let mut answered = Vec::new();
            while !failed.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(list) = lists.get(index) else { break };
                let body = self.api.request(query, list, self.model.as_deref());
                let answer = self.endpoint.post(&body);
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
            let helpers = MAX_CONCURRENT_REQUESTS.min(lists.len()).saturating_sub(1);
            let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
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
                    "the service gives the score {value}, which is not in 0..1; if it gives a model's \
                     plain output, set raw_scores"
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
