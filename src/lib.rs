//! Search reranking where the search is.
//!
//! A cross-encoder reads a query and a candidate document together and says how well the one
//! answers the other. It is too slow for a whole corpus and better than any index at the top of
//! the list: let a first stage (BM25, vectors) recall a hundred candidates and a [`Reranker`]
//! put the ten best in order.
//!
//! 1. Load a model once: [`Reranker::bundled`] for the one inside this library,
//!    [`Reranker::load`] for a folder in the Hugging Face layout (`onnx/model_quantized.onnx` or
//!    `onnx/model.onnx`, `tokenizer.json`, `config.json`) or for the one file that
//!    [`ModelFiles::prepare`] makes of it, or [`ModelFiles::quantize_to`], in int8.
//! 2. Call [`Reranker::rerank`] with a query, the candidates and the number of results wanted.
//! 3. Use [`RankedDocument::index`] to find the caller's own documents.
//!
//! ```no_run
//! # fn main() -> crossrank::Result<()> {
//! let reranker = crossrank::Reranker::bundled()?;
//! let documents = ["Milvus is a vector database.", "SQL queries relational data."];
//! let ranking = reranker.rerank("what is a vector database", &documents, 1)?;
//! println!("{}", documents[ranking.results[0].index]);
//! # Ok(())
//! # }
//! ```
//!
//! # Scores
//!
//! The model gives one logit a pair; the score is its sigmoid, from 0 to 1. A pair is
//! `[CLS] query [SEP] document [SEP]`. A document that is longer than the texts the model was
//! trained on is split into overlapping windows, of which the best gives the score;
//! [`RankedDocument::span`] says where it lies. Models that do not name that length, and callers
//! that name a `max_length` or [`LongDocuments::Truncate`], have pairs cut by tokens to the maximum
//! (512) with Hugging Face's `longest_first`, which for usual queries cuts the document alone; the
//! result says so. A document's score does not depend on the others in the call nor on the number of threads.
//!
//! # Vectors
//!
//! An [`Embedder`] is a bi-encoder: it makes a vector of each text, which can be kept, and those of a
//! query and of passages that answer it are near each other. It is the first stage whose candidates
//! a [`Reranker`] puts in order. [`Embedder::embed`] is for documents, [`Embedder::embed_query`] for
//! queries; some models want prefixes that tell the two apart. [`Embedder::fingerprint`] tells the
//! vectors of one model from another's. [`ModelFiles::EMBEDDING`] names the files that say how a
//! model's vectors are made.
//!
//! # Models by name
//!
//! With the feature `hub` (part of `cli`), `hub::pull` downloads a model from the Hugging
//! Face Hub into the cache that its clients share, and gives what [`Reranker::from_files`] takes.
//! `hub::read` reads it from there; nothing else connects to the hub.
//!
//! # Services
//!
//! With the feature `remote` (part of `cli`), `Remote` asks a service that speaks the rerank API
//! of Cohere, Jina, Voyage or text-embeddings-inference and gives the same results. `Backend` is
//! what both have in common, for an application that chooses by a setting; `Fallback` asks the
//! one where the other fails.
//!
//! # GPUs
//!
//! With the feature `gpu`, `Reranker::on_gpu` puts a recognized model on a GPU, by Vulkan, Metal or
//! Direct3D 12, and in browsers by WebGPU; [`FailoverReranker`] takes the CPU where that fails.
//!
//! # IncrementalScoring less
//!
//! A [`ScoreCache`] in [`LoadOptions`] remembers scores by model, query and document: a repeated
//! list costs nothing, and a list with one new document costs one document. [`RerankOptions`]
//! cuts texts shorter, bounds the windows of a document, leaves out results below a `min_score`,
//! ends a call at a `deadline` with what has been scored, and cancels it.
//!
//! # Scheduling
//!
//! [`Reranker::rerank_with`] is three steps, for servers that score the pairs of many requests
//! together: [`Reranker::prepare`] tokenizes, [`Reranker::logits`] scores, [`Reranker::finish`] makes
//! scores of the logits. [`Reranker::start`] scores in small pieces, for event loops.
//!
//! # The bundled models
//!
//! The feature `embedded-model` (on by default) compiles `models/minilm-l6-en` and
//! `models/all-minilm-l6-v2` of the source repository into the library. The crates.io package is
//! limited to 10 MiB and comes without them: there [`Reranker::bundled`] and
//! [`Embedder::bundled`] answer [`ErrorKind::ModelNotInstalled`]. Take the folders from the
//! repository or from the npm packages `crossrank-minilm-l6-en` and `crossrank-all-minilm-l6-v2`, and
//! load them. The models have licences of their own, in their folders.
//!
//! # Limits
//!
//! Cross-encoders with one label, bi-encoders with mean or CLS pooling; texts of at most
//! [`MAX_TEXT_BYTES`]. Encoders of BERT's family (`model_type` `bert`, `distilbert`, `roberta`,
//! `xlm-roberta` or `camembert`) are fused; other graphs with BERT's inputs run on general operators,
//! and [`Reranker::warning`] says so. Without the feature `general` (on by default) those graphs, and
//! tokenizers other than BERT's and XLM-RoBERTa's, are refused with [`ErrorKind::NeedsGeneral`].
//! Models that write text are refused.

#![warn(missing_docs)]
#![deny(unsafe_code)]

mod batch;
mod cache;
mod devices;
mod embedder;
mod engine;
mod error;
pub mod fusion;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(all(feature = "hub", not(target_arch = "wasm32")))]
pub mod hub;
mod kernels;
mod model;
#[cfg(not(target_arch = "wasm32"))]
mod model_dir;
mod quantize;
mod rank;
#[cfg(all(feature = "remote", not(target_arch = "wasm32")))]
mod remote;
mod reranker;
#[cfg(all(any(feature = "hub", feature = "remote"), not(target_arch = "wasm32")))]
mod retry;
mod runner;
mod score;
#[cfg(feature = "server")]
pub mod server;
mod tokenizer;
#[cfg(all(any(feature = "edge", feature = "js"), target_arch = "wasm32"))]
mod wasm;

pub use batch::BATCH_TOKENS;
pub use bytes::Bytes;
pub use cache::{CacheKey, CacheStats, ScoreCache};
pub use devices::FailoverReranker;
#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
pub use devices::{BenchmarkStore, DeviceBenchmark, DeviceChoice};
pub use embedder::{
    EmbedOptions, Embedder, EmbedderOptions, Embedding, IncrementalEmbedding, TextKind,
};
pub use error::{Error, ErrorKind, Result};
pub use model::ModelFiles;
pub use quantize::{Bits, Quantized, SAMPLE};
#[cfg(all(feature = "remote", not(target_arch = "wasm32")))]
pub use remote::{Api, Backend, Fallback, Remote, RemoteOptions};
pub use reranker::{
    IncrementalScoring, LoadOptions, LongDocuments, Pending, RankedDocument, Ranking,
    RerankOptions, Reranker, ScoredList,
};
pub use score::Score;
pub use tokenizer::{Encoding, MAX_TEXT_BYTES, Span, Truncation};
