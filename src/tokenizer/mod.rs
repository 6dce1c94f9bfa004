//! Texts to token ids, cut to the model's maximum: a pair is `[CLS] query [SEP] document [SEP]`, a
//! single text `[CLS] text [SEP]`.
//!
//! Tokenization itself is `subword`'s; here are the order of work (the query is tokenized once for
//! a whole list) and the account of what was cut.

mod pair;
mod subword;
mod text;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, catch_panic};
use subword::Tokens;

pub(crate) use pair::{Limits, PairTokenizer, Query, Window, WindowLimits};
pub(crate) use text::TextTokenizer;

/// The longest text that is accepted, in bytes of UTF-8: 1 MiB.
///
/// A model reads a few hundred tokens; a text this long is a mistake upstream.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// What happens to a text, or a pair of texts, that is longer than the model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Truncation {
    /// The end is cut, of a pair that of the longer text.
    #[default]
    Right,
    /// The start is cut, of a pair that of the longer text.
    Left,
    /// The call fails with [`ErrorKind::InputTooLarge`].
    Never,
}

/// A part of a document, in bytes of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// Where it ends: the first byte that is not in it.
    pub end: usize,
}

/// What the model reads: a query and a document, or a single text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Encoding {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Segment of each token: 0 for the query's part and for a single text, 1 for the document's.
    pub type_ids: Vec<u32>,
    /// The query was cut.
    pub query_truncated: bool,
    /// The document was cut, or the single text.
    pub document_truncated: bool,
}

/// A `tokenizer.json` and the length to which it cuts.
///
/// The file's own truncation and padding are ignored: nothing is ever padded.
struct Tokenizer {
    inner: subword::Tokenizer,
    /// The most tokens, without the special ones.
    most: usize,
    special_tokens: usize,
}

impl Tokenizer {
    /// For a model that reads pairs of texts, or single ones, of at most `max_length` tokens and
    /// knows `words` tokens, where that is said.
    fn load(
        json: &[u8],
        pairs: bool,
        max_length: usize,
        words: Option<usize>,
    ) -> Result<Tokenizer> {
        let input = if pairs { "a pair of texts" } else { "a text" };
        catch_panic(ErrorKind::TokenizerMismatch, "tokenizer.json cannot be used", || {
            let inner = subword::Tokenizer::load(json)?;
            let texts = if pairs { 2 } else { 1 };
            let special_tokens = inner.special_tokens(texts);
            if special_tokens == 0 {
                return Err(Error::new(
                    ErrorKind::TokenizerMismatch,
                    format!(
                        "tokenizer.json is not a Hugging Face fast tokenizer (it adds no special \
                         tokens to {input})"
                    ),
                ));
            }
            if max_length <= special_tokens {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!(
                        "max_length must be over {special_tokens}, the special tokens of {input}"
                    ),
                ));
            }
            if let Some(words) = words {
                check_vocabularies(inner.vocab_size(), words)?;
            }
            Ok(Tokenizer { inner, most: max_length - special_tokens, special_tokens })
        })
    }

    /// The most tokens in an encoding.
    fn max_length(&self) -> usize {
        self.most + self.special_tokens
    }

    /// `places`: whether the tokens' places in the text are needed, which may take longer.
    fn tokenize(&self, text: &str, places: bool) -> Result<Tokens> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error::new(
                ErrorKind::InputTooLarge,
                format!(
                    "{} bytes of text are over the limit of {MAX_TEXT_BYTES}; split it into passages",
                    text.len()
                ),
            ));
        }
        catch_panic(ErrorKind::TokenizerMismatch, "the tokenizer failed", || {
            self.inner.tokenize(text, places)
        })
    }
}

/// Exporters pad a model's table to a round number of rows, but never by as much as this.
const MAX_UNUSED_ROWS: usize = 1024;

fn check_vocabularies(tokenizer: usize, model: usize) -> Result<()> {
    if tokenizer <= model && model - tokenizer <= MAX_UNUSED_ROWS {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TokenizerMismatch,
        format!(
            "the tokenizer has {tokenizer} tokens and the model {model}; take both from one \
             repository"
        ),
    ))
}

/// At most so many tokens.
fn cut(tokens: Tokens, most: usize, truncation: Truncation) -> Tokens {
    let length = tokens.len();
    if length <= most {
        return tokens;
    }
    match truncation {
        Truncation::Left => tokens.part(length - most..length),
        Truncation::Right | Truncation::Never => tokens.part(0..most),
    }
}
