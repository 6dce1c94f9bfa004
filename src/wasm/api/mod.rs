//! JavaScript's view of the library.
//!
//! It converts arguments and results and decides nothing. Texts arrive well-formed and numbers of the
//! right type, because the TypeScript side checks what a conversion would hide (lone surrogates, a
//! `topK` that is not a whole number). The library checks everything else.

#[cfg(feature = "gpu")]
mod adapter;
mod embedder;
#[cfg(feature = "gpu")]
mod gpu;
mod reranker;
