//! Texts as words to compare, and as passages for the models.

#[cfg(not(target_arch = "wasm32"))]
mod elements;
mod normalize;
#[cfg(not(target_arch = "wasm32"))]
mod split;
#[cfg(not(target_arch = "wasm32"))]
mod tokens;
mod words;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use elements::{Flow, flow_of, is_mark};
#[cfg(all(target_arch = "wasm32", feature = "site-js"))]
pub(crate) use normalize::set_normalize;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use split::{MAX_PASSAGE_TOKENS, split};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use tokens::estimate_tokens;
pub(crate) use words::{STOP_WORDS, fold, has_bigrams, pairs, runs};
