//! Texts to token ids, cut to the model's maximum: a pair is `[CLS] query [SEP] document [SEP]`, a
//! single text `[CLS] text [SEP]`.
//!
//! Tokenisation itself is the `tokenizers` crate's; what is ours is the order of work (the query
//! is tokenised once for a whole list) and the account of what was cut.

mod pair;
mod text;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, catch_panic, one_line};

pub(crate) use pair::{Limits, PairTokenizer, Query, Window, Windows};
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
    inner: tokenizers::Tokenizer,
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
        let invalid = |e: &str| {
            Error::new(
                ErrorKind::TokenizerMismatch,
                format!("tokenizer.json is not a Hugging Face fast tokenizer ({})", one_line(e)),
            )
        };
        catch_panic(ErrorKind::TokenizerMismatch, "tokenizer.json cannot be used", || {
            let mut inner =
                tokenizers::Tokenizer::from_bytes(json).map_err(|e| invalid(&e.to_string()))?;
            inner.with_padding(None);
            inner.with_truncation(None).map_err(|e| invalid(&e.to_string()))?;
            let special_tokens = inner
                .get_post_processor()
                .map_or(0, |p| tokenizers::PostProcessor::added_tokens(p, pairs));
            if special_tokens == 0 {
                return Err(invalid(&format!("it adds no special tokens to {input}")));
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
                check_vocabularies(inner.get_vocab_size(true), words)?;
            }
            Ok(Tokenizer { inner, most: max_length - special_tokens, special_tokens })
        })
    }

    /// The most tokens in an encoding.
    fn max_length(&self) -> usize {
        self.most + self.special_tokens
    }

    /// `offsets`: whether the tokens' places in the text are needed, which takes longer.
    fn tokenize(&self, text: &str, offsets: bool) -> Result<tokenizers::Encoding> {
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
            let encoded = match offsets {
                true => self.inner.encode(text, false),
                false => self.inner.encode_fast(text, false),
            };
            encoded.map_err(tokenizer_failed)
        })
    }

    /// Adds the special tokens.
    fn close(
        &self,
        first: tokenizers::Encoding,
        second: Option<tokenizers::Encoding>,
    ) -> Result<(Vec<u32>, Vec<u32>)> {
        let closed = self.inner.post_process(first, second, true).map_err(tokenizer_failed)?;
        Ok((closed.get_ids().to_vec(), closed.get_type_ids().to_vec()))
    }
}

/// Exporters pad a model's table to a round number of rows, but never by as much as this.
const MOST_UNUSED_ROWS: usize = 1024;

fn check_vocabularies(tokenizer: usize, model: usize) -> Result<()> {
    if tokenizer <= model && model - tokenizer <= MOST_UNUSED_ROWS {
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

fn tokenizer_failed(e: tokenizers::Error) -> Error {
    let reason = one_line(&e.to_string());
    Error::new(ErrorKind::TokenizerMismatch, format!("the tokenizer failed ({reason})"))
}

/// At most so many tokens.
fn cut(tokens: tokenizers::Encoding, most: usize, truncation: Truncation) -> tokenizers::Encoding {
    let length = tokens.len();
    if length <= most {
        return tokens;
    }
    match truncation {
        Truncation::Left => part(&tokens, length - most..length),
        Truncation::Right | Truncation::Never => part(&tokens, 0..most),
    }
}

/// Some of the tokens. `tokenizers::Encoding::truncate` would keep the others, in as many pieces as
/// it takes, and post-processing would pair each with every piece of the other text.
fn part(tokens: &tokenizers::Encoding, range: Range<usize>) -> tokenizers::Encoding {
    tokenizers::Encoding::new(
        tokens.get_ids()[range.clone()].to_vec(),
        tokens.get_type_ids()[range.clone()].to_vec(),
        tokens.get_tokens()[range.clone()].to_vec(),
        tokens.get_word_ids()[range.clone()].to_vec(),
        tokens.get_offsets()[range.clone()].to_vec(),
        tokens.get_special_tokens_mask()[range.clone()].to_vec(),
        tokens.get_attention_mask()[range].to_vec(),
        Vec::new(),
        Default::default(),
    )
}
