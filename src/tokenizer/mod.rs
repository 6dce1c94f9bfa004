//! Texts to token ids, cut to the model's maximum: a pair is `[CLS] query [SEP] document [SEP]`, a
//! single text `[CLS] text [SEP]`.
//!
//! `subword` tokenizes. `pair` and `text` add the special tokens, split long documents into windows,
//! and record what was cut. A query is tokenized once for all its documents.

mod bounded;
mod pair;
mod subword;
mod text;
mod types;

pub(crate) use pair::{Limits, PairTokenizer, Query, Window, WindowLimits};
pub(crate) use subword::{Kept, compact, is_compact, trim};
pub(crate) use text::TextTokenizer;
pub use types::{Encoding, MAX_TEXT_BYTES, Span, Truncation};
