//! The results of the bundled models: against Hugging Face tokenizers and ONNX Runtime, bit for bit on
//! every platform, and with every option of a call.

mod bits;
mod cache;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "bundled-embedder")]
mod embedder;
mod golden;
mod rerank;
