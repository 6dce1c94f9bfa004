//! Texts to vectors with a bi-encoder: tokenize, plan, run, pool, normalize.

mod incremental;
mod options;
mod pipeline;

pub use incremental::IncrementalEmbedding;
pub use options::{EmbedOptions, EmbedderOptions, Embedding, TextKind};
pub use pipeline::Embedder;
