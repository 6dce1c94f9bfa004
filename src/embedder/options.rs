//! What embedding takes and returns.

use crate::runner::StopConditions;
use crate::tokenizer::Truncation;

/// How to load an embedder. The defaults suit most callers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EmbedderOptions {
    /// The maximum number of tokens in a text. Longer texts are truncated. Default: what the files
    /// of the model say. The upper bound is what the model reads.
    pub max_length: Option<usize>,
    /// The number of threads that share the work of a call. Default: one for each core. In
    /// WebAssembly it is always 1. Vectors do not depend on it.
    pub threads: Option<usize>,
    /// The text in front of each query, such as `"query: "`. Default: what the files of the model
    /// say.
    pub query_prefix: Option<String>,
    /// The text in front of each document, such as `"passage: "`. Default: what the files of the
    /// model say.
    pub document_prefix: Option<String>,
    /// As [`LoadOptions::keep_floats`](crate::LoadOptions::keep_floats).
    pub keep_floats: bool,
    /// What stands for the files in [`crate::Embedder::fingerprint`]. Default: the SHA-256 of the
    /// graph, of `tokenizer.json` and of `config.json`, in hexadecimal and separated by spaces,
    /// which take a moment to compute.
    pub fingerprint: Option<String>,
}

/// How to embed. The defaults are for documents.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct EmbedOptions<'a> {
    /// What the texts are, which decides the prefix.
    pub kind: TextKind,
    /// How longer texts are truncated.
    pub truncation: Truncation,
    /// Divide vectors by their length. Default: what the files of the model say.
    pub normalize: Option<bool>,
    /// Called between texts and between layers, from several threads at once. If it returns true,
    /// the call fails with [`crate::ErrorKind::Cancelled`].
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Called with the number of texts embedded so far, from several threads at once.
    pub progress: Option<&'a (dyn Fn(usize) + Sync)>,
}

/// The two sides of a search. Some models want a different prefix for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextKind {
    /// A text that is searched.
    #[default]
    Document,
    /// A text that is searched for.
    Query,
}

/// A text as a vector.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// [`crate::Embedder::dimensions`] elements.
    pub vector: Vec<f32>,
    /// The number of tokens that the model read.
    pub tokens: usize,
    /// The text was cut to fit the model.
    pub truncated: bool,
}

impl EmbedOptions<'_> {
    pub(super) fn stop_conditions(&self) -> StopConditions<'_> {
        StopConditions { cancelled: self.cancelled, deadline: None }
    }
}
