//! A recognized encoder on this crate's kernels, in ragged batches.
//!
//! The tokens of all sequences of a batch lie one after another, `[tokens, width]`. `offsets`,
//! `[sequences + 1]`, say where each sequence starts and ends. Nothing is padded, so the cost grows
//! with the number of tokens.

mod embeddings;
mod layer;
mod linear;
mod norm;
mod plan;
mod relative;
mod spares;

pub(crate) use layer::Product;
pub(super) use plan::Fused;
pub(crate) use plan::LayerByLayer;
