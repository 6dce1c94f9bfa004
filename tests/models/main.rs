//! Model files: other architectures, prepared, quantized and damaged models.

#[cfg(feature = "general")]
mod architectures;
mod bad_models;
mod checkpoints;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "bundled-embedder")]
mod embedders;
#[cfg(feature = "general")]
mod flavours;
#[cfg(feature = "general")]
mod folders;
#[cfg(feature = "general")]
mod mistakes;
#[cfg(feature = "bundled-embedder")]
mod prepared;
#[cfg(feature = "bundled-embedder")]
mod quantize;
#[cfg(feature = "bundled-embedder")]
mod trim;
