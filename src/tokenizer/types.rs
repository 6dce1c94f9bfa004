//! The public types of tokenization.

use serde::{Deserialize, Serialize};

/// The longest text that is accepted, in bytes of UTF-8: 1 MiB.
///
/// A model reads a few hundred tokens, so a longer text is a mistake of the caller.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// How a text, or a pair of texts, is cut if it is too long for the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Truncation {
    /// The end is cut. In a pair, it is the end of the longer text.
    #[default]
    Right,
    /// The start is cut. In a pair, it is the start of the longer text.
    Left,
    /// Nothing is cut: the call fails with
    /// [`ErrorKind::InputTooLarge`](crate::ErrorKind::InputTooLarge).
    Never,
}

/// A part of a document, as offsets in bytes of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The offset of its first byte.
    pub start: usize,
    /// The offset after its last byte.
    pub end: usize,
}

/// The input of a model: the tokens of a query and a document, or of a single text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Encoding {
    /// Token ids, including special tokens.
    pub ids: Vec<u32>,
    /// The type of each token: 0 in the query or in a single text, 1 in the document.
    pub type_ids: Vec<u32>,
    /// Whether the query was cut.
    pub query_truncated: bool,
    /// Whether the document, or the single text, was cut.
    pub document_truncated: bool,
}
