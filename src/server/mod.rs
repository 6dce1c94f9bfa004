//! The HTTP server's routes as functions from a request to a response, without a socket, a thread,
//! a clock or a file.
//!
//! 1. Make one [`Server`] of loaded models.
//! 2. Call [`Server::admit`] with the head of each request, before its body is read. It checks the
//!    route, the method and the token.
//! 3. Call [`Server::respond`] with the whole request. It scores on the caller's thread.
//!
//! A server that batches the texts of many clients replaces the third step. [`Server::prepare`]
//! returns a [`PreparedRequest`] with the token sequences, and [`PreparedRequest::answer`] turns
//! the model's outputs, or an [`ApiError`], into the response. Where
//! [`PreparedRequest::must_retry`] says so, the request is prepared again instead.
//!
//! | Route | API |
//! |---|---|
//! | `POST /v1/rerank`, `POST /v2/rerank` | Cohere's rerank, with the `model` and `usage` of vLLM |
//! | `POST /jina/v1/rerank` | Jina's rerank |
//! | `POST /voyage/v1/rerank` | Voyage's rerank |
//! | `POST /rerank` | by the body's fields: Text Embeddings Inference (`texts`), Cohere's version 1 (`documents`), Weaviate (`documents` and `property`) |
//! | `POST /infinity/rerank` | infinity's rerank |
//! | `GET /info`, `GET /health` | Text Embeddings Inference |
//! | `GET /.well-known/ready`, `GET /.well-known/live` | Weaviate |
//! | `POST /v1/rerank/batch` | several queries in one call |
//! | `POST /search` | passages of an index, reranked |
//! | `POST /v1/embeddings` | OpenAI's embeddings |
//! | `GET /v1/models`, `GET /v1/models/{model}` | OpenAI's lists of models |
//! | `POST /embed` | Text Embeddings Inference |
//! | `GET /openapi.json` | the description of these routes |
//! | `GET /metrics` | counters for Prometheus |
//!
//! Some routes have other paths too, which `openapi.json` names. A path may have doubled slashes
//! and one at its end. `HEAD` is understood wherever `GET` is.
//!
//! To add an API, write one file in `api`, which implements the trait for rerank or embedding
//! dialects, and add one line to the table in `routes`. A test asks for its description in
//! `openapi.json`.

mod api;
mod auth;
mod body;
mod embed;
mod error;
mod index;
mod metrics;
mod models;
mod openapi;
mod options;
mod prepared;
mod request;
mod rerank;
mod routes;
mod scalar;
#[cfg(test)]
mod tests;

pub use auth::Tokens;
pub use error::{ApiError, ApiErrorKind};
pub use index::{SearchHit, SearchIndex};
pub use metrics::Metrics;
pub use models::{EmbeddingModel, Model};
pub use options::{Limits, Options};
pub use prepared::{LoadedModel, PreparedRequest};
pub use request::{Request, Response};
pub use routes::Server;
