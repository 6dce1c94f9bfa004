//! What the bundled models answer: against Hugging Face tokenizers and ONNX Runtime, to the bit, and
//! through every option of a call.

mod bits;
mod cache;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "bundled-embedder")]
mod embedder;
mod golden;
mod rerank;
