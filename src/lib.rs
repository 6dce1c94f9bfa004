//! Search reranking where the search is.
//!
//! A cross-encoder reads a query and a candidate document together and says how well the document
//! answers the query. It is too slow for a whole corpus, and better than any index at the top of the
//! list. Let a first stage (BM25, vectors) recall a hundred candidates, and let a [`Reranker`] put the
//! best ten in order.
//!
//! 1. Load a model once. [`Reranker::bundled`] takes the model inside this library. [`Reranker::load`]
//!    takes a folder in the Hugging Face layout (`onnx/model_quantized.onnx`, `onnx/model.onnx` or
//!    `model.safetensors`, with `tokenizer.json` and `config.json`), or the single file that [`ModelFiles::prepare`] or
//!    [`ModelFiles::quantize_to`] makes of it.
//! 2. Call [`Reranker::rerank`] with a query, the candidates and the number of results wanted.
//! 3. Find your own documents by [`RankedDocument::index`].
//!
//! ```
//! # fn main() -> crossrank::Result<()> {
//! # if cfg!(not(feature = "bundled-reranker")) { return Ok(()) }
//! let reranker = crossrank::Reranker::bundled()?;
//! let documents = ["SQL queries relational data.", "Milvus is a vector database."];
//! let ranking = reranker.rerank("what is a vector database", &documents, 1)?;
//! assert_eq!(ranking.results[0].index, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! The default is `bundled-reranker` alone. Every feature adds and none removes.
//!
//! | Feature | Adds | Brings |
//! |---|---|---|
//! | `bundled-reranker` | [`Reranker::bundled`]: `models/minilm-l6-en` in the binary (14 MB) | |
//! | `bundled-embedder` | [`Embedder::bundled`]: `models/all-minilm-l6-v2` in the binary (16 MB) | |
//! | `general` | graphs that the engine does not know, and any tokenizer that the crate `tokenizers` reads | tract, tokenizers |
//! | `gpu` | `Reranker::on_gpu` and `gpu`: Vulkan, Metal, Direct3D 12, WebGPU | wgpu |
//! | `hub` | `hub`: models by name, downloaded from the Hugging Face Hub | ureq |
//! | `remote` | `Remote`, `Fallback`: reranking by a service over HTTP | ureq |
//! | `index` | `index`: a search index in one file, by words and by vectors | SQLite |
//! | `site` | `site`: the search of a static site, its files and their reader | html5ever, Snowball |
//! | `server` | `server`: HTTP routes as functions, without a socket | |
//! | `js`, `edge`, `site-js`, `site-languages` | what the npm package calls, on `wasm32` only | wasm-bindgen |
//!
//! # Scores
//!
//! The model gives one logit for each pair. The score is its sigmoid, from 0 to 1. A pair is
//! `[CLS] query [SEP] document [SEP]`. A document that is longer than the texts the model was trained
//! on is split into overlapping windows. The best window gives the score, and
//! [`RankedDocument::span`] says where it lies. Some models do not name that length, and some callers
//! set a `max_length` or [`LongDocuments::Truncate`]. Pairs are then truncated to the maximum (512
//! tokens) with Hugging Face's `longest_first`, which for usual queries shortens the document alone.
//! The result says so. A document's score depends neither on the others in the call nor on the number
//! of threads.
//!
//! # Vectors
//!
//! An [`Embedder`] is a bi-encoder. It makes a vector of each text, and the vector of a query is near
//! those of passages that answer it. Vectors can be stored, so that an embedder finds the candidates
//! that a [`Reranker`] puts in order. [`Embedder::embed`] is for documents, [`Embedder::embed_query`]
//! for queries: some models put different prefixes before the two. [`Embedder::fingerprint`] tells one
//! model's vectors from another's. [`ModelFiles::EMBEDDING`] names the files that say how a model's
//! vectors are made.
//!
//! # Models by name, services, GPUs
//!
//! With the feature `hub`, `hub::pull` downloads a model from the Hugging Face Hub into the cache that
//! other clients of the hub use. `hub::read` reads it from there. Nothing else connects to the hub.
//!
//! With the feature `remote`, `Remote` asks a service that speaks the rerank API of Cohere, Jina,
//! Voyage or text-embeddings-inference, and gives the same kind of results. `Backend` is the trait of
//! both, for an application that chooses by a setting. `Fallback` asks a second backend where the
//! first one fails.
//!
//! With the feature `gpu`, `Reranker::on_gpu` puts a fused model on a GPU. [`FailoverReranker`]
//! goes on with the CPU where the GPU fails.
//!
//! # Scoring less
//!
//! A [`ScoreCache`] in [`LoadOptions`] remembers scores by model, query and document. A repeated list
//! costs nothing, and a list with one new document costs one document. [`RerankOptions`] truncates
//! texts earlier, limits the windows of a document, leaves out results below a `min_score`, ends a call
//! at a `deadline` with what has been scored, and cancels it.
//!
//! # Scheduling
//!
//! [`Reranker::rerank_with`] is three steps, for servers that score the pairs of many requests
//! together: [`Reranker::prepare`] tokenizes, [`Reranker::logits`] scores, and [`Reranker::finish`]
//! makes scores of the logits. [`Reranker::start`] scores in small pieces, for event loops.
//!
//! # The bundled models
//!
//! They are compiled in where the source tree holds them. The crates.io package is limited to 10 MiB
//! and comes without them. There, [`Reranker::bundled`] and [`Embedder::bundled`] answer
//! [`ErrorKind::ModelNotInstalled`]. Take the folders from the repository or from the npm packages
//! `crossrank-minilm-l6-en` and `crossrank-all-minilm-l6-v2`, and load them. The models have licences
//! of their own, in their folders.
//!
//! # Limits
//!
//! Cross-encoders with one label, bi-encoders with mean or CLS pooling, and texts of at most
//! [`MAX_TEXT_BYTES`]. Encoders of BERT's family, such as BERT, DistilBERT, RoBERTa, XLM-RoBERTa and
//! ELECTRA, run fused, whatever their `model_type`. Other graphs with BERT's inputs run on general operators,
//! and [`Reranker::warning`] says so. Without the feature `general`, those graphs are refused with
//! [`ErrorKind::NeedsGeneral`], and so are tokenizers other than BERT's and XLM-RoBERTa's. Models that
//! write text are refused.

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
#[cfg(all(feature = "index", not(target_arch = "wasm32")))]
pub mod index;
mod kernels;
mod mistake;
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
#[cfg(feature = "site")]
pub mod site;
#[cfg(any(feature = "index", feature = "site"))]
mod text;
mod tokenizer;
mod trim;
#[cfg(all(any(feature = "edge", feature = "js", feature = "site-js"), target_arch = "wasm32"))]
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
pub use quantize::{Bits, QuantizeOptions, Quantized, SAMPLE};
#[cfg(all(feature = "remote", not(target_arch = "wasm32")))]
pub use remote::{Api, Backend, Fallback, Remote, RemoteOptions};
pub use reranker::{
    IncrementalScoring, LoadOptions, LongDocuments, Pending, RankedDocument, Ranking,
    RerankOptions, Reranker, ScoredList,
};
pub use score::Score;
pub use tokenizer::{Encoding, MAX_TEXT_BYTES, Span, Truncation};
pub use trim::{TrimOptions, Trimmed};

/// The kernels that this machine can run, by their names, the slowest first. Models use the last one
/// that suits their weights, see [`Reranker::kernel`].
pub fn kernel_names() -> Vec<&'static str> {
    kernels::Kernel::all().into_iter().map(kernels::Kernel::name).collect()
}
