//! Texts to subword tokens, and sequences of tokens with special tokens, as a `tokenizer.json` says.
//!
//! The tokenizers of BERT, of XLM-RoBERTa and of RoBERTa and ModernBERT are code of this module (`bert`,
//! `unigram`, `bpe`), because web pages download them. The `tokenizers` crate, which runs all others, would be most of a WebAssembly
//! file. It belongs to the feature `general`.

mod added;
mod bert;
mod bpe;
mod builtin;
mod chars;
mod charsmap;
mod compact;
mod file;
#[cfg(feature = "general")]
mod huggingface;
mod letters;
mod template;
#[cfg(all(test, feature = "general"))]
mod tests;
mod tokenizer;
mod tokens;
mod trim;
mod unigram;
mod vocabulary;

pub(crate) use compact::is_compact;
pub(super) use tokenizer::Tokenizer;
pub(crate) use tokenizer::compact;
pub(super) use tokens::Tokens;
pub(crate) use trim::{Kept, trim};
