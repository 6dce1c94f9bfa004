//! What embedding takes and gives.

use crate::runner::StopConditions;
use crate::tokenizer::Truncation;

/// How to load an embedder. The default suits most callers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct EmbedderOptions {
    /// The most tokens in a text; longer ones are cut. Default: what the model's files say; the
    /// limit is what the model can read.
    pub max_length: Option<usize>,
    /// Threads that share the texts of a call. Default: one a core; always 1 in WebAssembly.
    /// Vectors do not depend on it.
    pub threads: Option<usize>,
    /// What goes before each query, such as `"query: "`. Default: what the model's files say.
    pub query_prefix: Option<String>,
    /// What goes before each document, such as `"passage: "`. Default: what the model's files say.
    pub document_prefix: Option<String>,
    /// What stands for the files in [`crate::Embedder::fingerprint`]. Default: the SHA-256 of the
    /// graph, `tokenizer.json` and `config.json` in hexadecimal, with a space between, which take a
    /// moment.
    pub fingerprint: Option<String>,
}

/// How to embed. The default is for documents.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct EmbedOptions<'a> {
    /// What the texts are, which decides what goes before them.
    pub kind: TextKind,
    /// What happens to longer texts.
    pub truncation: Truncation,
    /// Divide vectors by their length. Default: what the model's files say.
    pub normalize: Option<bool>,
    /// Asked between texts and between layers, from several threads at once. Where it says true,
    /// the call ends with [`crate::ErrorKind::Cancelled`].
    pub cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// Told the number of texts embedded so far, from several threads at once.
    pub progress: Option<&'a (dyn Fn(usize) + Sync)>,
}

/// The two sides of a search, for which some models want different prefixes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextKind {
    /// What is searched.
    #[default]
    Document,
    /// What is searched for.
    Query,
}

/// A text as a vector.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// [`crate::Embedder::dimensions`] elements.
    pub vector: Vec<f32>,
    /// Tokens that the model read.
    pub tokens: usize,
    /// The text was cut to fit the model.
    pub truncated: bool,
}

impl EmbedOptions<'_> {
    pub(super) fn halt(&self) -> StopConditions<'_> {
        StopConditions { cancelled: self.cancelled, deadline: None }
    }
}
