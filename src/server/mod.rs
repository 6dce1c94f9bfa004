//! The HTTP server's routes, as functions from request to response: no socket, no thread, no
//! clock and no file.
//!
//! 1. Make a [`Server`] of loaded models, once.
//! 2. For each request call [`Server::admit`] with what is known before the body is read. It
//!    checks the route, the method and the token.
//! 3. Call [`Server::respond`] with the whole request, which scores on the caller's thread.
//!
//! A server that reads for many clients together takes step 3 apart: [`Server::prepare`] gives the
//! answer, or the [`PreparedRequest`] with what is to be read, and [`PreparedRequest::answer`] turns the model's outputs, or
//! a [`ApiError`], into the response, unless [`PreparedRequest::begins_again`].
//!
//! | Route | What it is |
//! |---|---|
//! | `POST /v1/rerank`, `POST /v2/rerank` | Cohere's rerank |
//! | `POST /jina/v1/rerank` | Jina's |
//! | `POST /voyage/v1/rerank` | Voyage's |
//! | `POST /rerank`, `GET /info`, `GET /health` | Text Embeddings Inference's |
//! | `POST /v1/rerank/batch` | several queries in one call |
//! | `POST /search` | passages of an index, found and reranked |
//! | `POST /v1/embeddings` | OpenAI's embeddings |
//! | `POST /embed` | Text Embeddings Inference's |
//! | `GET /openapi.json` | all of these, described |
//! | `GET /metrics` | counters for Prometheus |

mod aliases;
mod auth;
mod batch;
mod cohere;
mod embed;
mod error;
mod jina;
mod job;
mod message;
mod metrics;
mod openai;
mod openapi;
mod parse;
mod search;
mod tei;
#[cfg(test)]
mod tests;
mod voyage;
mod work;

use std::sync::Arc;

use crate::cache::ScoreCache;
use crate::devices::FailoverReranker;
use crate::embedder::Embedder;

use job::ParsedRequest;

pub use auth::Tokens;
pub use error::{ApiError, ApiErrorKind};
pub use message::{Request, Response};
pub use metrics::Metrics;
pub use search::{Candidate, Index};
pub use work::{LoadedModel, PreparedRequest};

/// A loaded model and the name that requests call it by.
pub struct Model {
    /// The name, such as `minilm-l6-en`.
    pub name: String,
    /// The model, which may be on several devices.
    pub reranker: FailoverReranker,
}

/// A loaded embedder and the name that requests call it by.
pub struct EmbeddingModel {
    /// The name, such as `all-minilm-l6-v2`.
    pub name: String,
    /// The model.
    pub embedder: Embedder,
}

/// What a request may ask for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Documents of a request, over all of its queries; or texts to embed.
    pub documents: usize,
    /// Tokens of a request, with the query counted once a document. Where documents in windows are
    /// over it, they are cut.
    pub tokens: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body: 8 << 20, documents: 1000, tokens: 300_000 }
    }
}

/// How to make a [`Server`].
#[derive(Default)]
#[non_exhaustive]
pub struct Options {
    /// What a request may ask for.
    pub limits: Limits,
    /// The most windows of a document, where a request does not say. Default: the library's.
    pub max_windows: Option<usize>,
    /// What answers requests for vectors; the first one those without a model name. Default: none.
    pub embedders: Vec<EmbeddingModel>,
    /// Who may ask. Default: everybody.
    pub tokens: Tokens,
    /// More names of models: `(alias, name)`.
    pub aliases: Vec<(String, String)>,
    /// The cache of the models, for `/metrics`.
    pub cache: Option<Arc<ScoreCache>>,
    /// What `/search` searches.
    pub index: Option<Arc<dyn Index>>,
    /// Requests that may wait or be scored at one time, for `/info`.
    pub queue: usize,
    /// Threads that score, for `/info`.
    pub threads: usize,
}

/// The routes with what they need.
pub struct Server {
    models: Vec<Arc<Model>>,
    embedders: Vec<Arc<EmbeddingModel>>,
    options: Options,
    metrics: Metrics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Rerank(Api),
    Embed(EmbedApi),
    Info,
    Health,
    OpenApi,
    Metrics,
}

/// Whose request and response forms a route has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    CohereV1,
    CohereV2,
    Batch,
    Jina,
    Voyage,
    Tei,
    Search,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EmbedApi {
    OpenAi,
    Tei,
}

/// Whose form an error has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Cohere,
    Jina,
    Voyage,
    Tei,
    OpenAi,
}

impl Api {
    fn form(self) -> Form {
        match self {
            Api::CohereV1 | Api::CohereV2 | Api::Batch | Api::Search => Form::Cohere,
            Api::Jina => Form::Jina,
            Api::Voyage => Form::Voyage,
            Api::Tei => Form::Tei,
        }
    }
}

impl EmbedApi {
    fn form(self) -> Form {
        match self {
            EmbedApi::OpenAi => Form::OpenAi,
            EmbedApi::Tei => Form::Tei,
        }
    }
}

/// Method, path, and what answers.
const ROUTES: [(&str, &str, Endpoint); 13] = [
    ("POST", "/v1/rerank", Endpoint::Rerank(Api::CohereV1)),
    ("POST", "/v2/rerank", Endpoint::Rerank(Api::CohereV2)),
    ("POST", "/v1/rerank/batch", Endpoint::Rerank(Api::Batch)),
    ("POST", "/jina/v1/rerank", Endpoint::Rerank(Api::Jina)),
    ("POST", "/voyage/v1/rerank", Endpoint::Rerank(Api::Voyage)),
    ("POST", "/rerank", Endpoint::Rerank(Api::Tei)),
    ("POST", "/search", Endpoint::Rerank(Api::Search)),
    ("POST", "/v1/embeddings", Endpoint::Embed(EmbedApi::OpenAi)),
    ("POST", "/embed", Endpoint::Embed(EmbedApi::Tei)),
    ("GET", "/info", Endpoint::Info),
    ("GET", "/health", Endpoint::Health),
    ("GET", "/openapi.json", Endpoint::OpenApi),
    ("GET", "/metrics", Endpoint::Metrics),
];

impl Server {
    /// A server of these models. The first is the one that requests without a model name get.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] for no models, two of one name, or an alias of a
    /// model that is not there.
    pub fn new(models: Vec<Model>, mut options: Options) -> crate::error::Result<Server> {
        let embedders = std::mem::take(&mut options.embedders);
        aliases::check(&models, &embedders, &options.aliases)?;
        let models = models.into_iter().map(Arc::new).collect();
        let embedders = embedders.into_iter().map(Arc::new).collect();
        Ok(Server { models, embedders, options, metrics: Metrics::default() })
    }

    /// What a request may ask for.
    pub fn limits(&self) -> Limits {
        self.options.limits
    }

    /// The counters behind `/metrics`.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Checks what is known before the body is read: route, method and token. The `Err` is the
    /// response to give.
    ///
    /// `/health` needs no token, so that a load balancer can ask.
    pub fn admit(&self, request: &Request) -> Result<(), Response> {
        let (endpoint, allowed) = find(request);
        let refuse =
            |kind, message: String| Err(self.refuse(request, ApiError::new(kind, message)));
        if endpoint != Some(Endpoint::Health)
            && let Err(message) = self.options.tokens.check(request.authorization.as_deref())
        {
            return refuse(ApiErrorKind::Unauthorized, message.into());
        }
        match (endpoint, allowed) {
            (Some(_), _) => Ok(()),
            (None, Some(allowed)) => {
                let message =
                    format!("{} takes {allowed}, not {}", request.path, short(&request.method));
                let refused = refuse(ApiErrorKind::MethodNotAllowed, message);
                refused.map_err(|response| response.with("allow", allowed))
            }
            (None, None) => refuse(
                ApiErrorKind::NoRoute,
                format!(
                    "there is no {}; GET /openapi.json lists what there is",
                    short(&request.path)
                ),
            ),
        }
    }

    /// Reads from a request what a model is to read; a search asks the index here. The request was
    /// admitted. `cancelled` is asked between texts. The `Err` is the response, where there is
    /// nothing to read.
    pub fn prepare(
        &self,
        request: &Request,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<PreparedRequest, Response> {
        let (Some(endpoint), _) = find(request) else {
            let failure = ApiError::new(ApiErrorKind::NoRoute, "there is no such route");
            return Err(self.refuse(request, failure));
        };
        Err(match endpoint {
            Endpoint::Rerank(_) | Endpoint::Embed(_) => {
                match ParsedRequest::parse(self, endpoint, request) {
                    Ok(job) => return job.prepare(cancelled),
                    Err(failure) => self.refuse(request, failure),
                }
            }
            Endpoint::Info => tei::info(self),
            Endpoint::Health => Response::empty(200),
            Endpoint::OpenApi => openapi::response(),
            Endpoint::Metrics => {
                let cache = self.options.cache.as_ref().map(|c| c.stats());
                Response::text(200, self.metrics.text(cache))
            }
        })
    }

    /// Answers a request on the caller's thread.
    pub fn respond(&self, mut request: Request) -> Response {
        if let Err(response) = self.admit(&request) {
            return response;
        }
        loop {
            let work = match self.prepare(&request, &|| false) {
                Ok(work) => work,
                Err(response) => return response,
            };
            if !work.may_begin_again() {
                request.body = Vec::new();
            }
            let outputs = work.reader.read_all(&work.sequences, &|| false);
            if !work.begins_again(&outputs) {
                return work.answer(self, outputs);
            }
        }
    }

    /// The response to a request that fails outside of the routes, such as one too many: its
    /// body has the form that the route's clients read.
    pub fn refuse(&self, request: &Request, failure: ApiError) -> Response {
        let own = ROUTES.iter().find(|(_, path, _)| *path == request.path);
        let form = own.and_then(|(_, _, endpoint)| match endpoint {
            Endpoint::Rerank(api) => Some(api.form()),
            Endpoint::Embed(api) => Some(api.form()),
            Endpoint::Info | Endpoint::Health => Some(Form::Tei),
            _ => None,
        });
        failure.response(form.unwrap_or(Form::Cohere), &request.id)
    }

    /// Whether a request is one for a model, which costs time.
    pub fn is_for_a_model(&self, request: &Request) -> bool {
        matches!(find(request), (Some(Endpoint::Rerank(_) | Endpoint::Embed(_)), _))
    }

    /// A route's path for logs and counters: one of few, whatever clients send.
    pub fn label(path: &str) -> &'static str {
        ROUTES.iter().map(|(_, p, _)| *p).find(|p| *p == path).unwrap_or("other")
    }
}

/// The endpoint of a request, or else the method that its path takes.
fn find(request: &Request) -> (Option<Endpoint>, Option<&'static str>) {
    match ROUTES.iter().find(|(_, path, _)| *path == request.path) {
        Some((method, _, endpoint)) if *method == request.method => (Some(*endpoint), None),
        Some((method, _, _)) => (None, Some(method)),
        None => (None, None),
    }
}

/// The start of what a client sent, to quote in an answer.
fn short(text: &str) -> String {
    crate::error::one_line(text)
}
