//! Model files: other architectures, prepared, quantized and damaged models.

#[cfg(feature = "general")]
mod architectures;
mod bad_models;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "general")]
mod flavours;
#[cfg(feature = "bundled-embedder")]
mod prepared;
#[cfg(feature = "bundled-embedder")]
mod quantize;
