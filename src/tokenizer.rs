//! Text pair to token ids: `[CLS] query [SEP] document [SEP]`, cut to the model's maximum.
//!
//! Tokenisation itself is the `tokenizers` crate's; what is ours is the order of work (the query
//! is tokenised once for a whole list) and the account of what was cut.

use std::cell::OnceCell;

use serde::Serialize;
use tokenizers::utils::truncation::{
    TruncationDirection, TruncationParams, TruncationStrategy, truncate_encodings,
};

use crate::error::{Error, ErrorKind, Result, catch_panic, one_line};

/// The longest query or document that is accepted, in bytes of UTF-8: 1 MiB.
///
/// A model reads a few hundred tokens; a text this long is a mistake upstream.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// What happens to a pair that is longer than the model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Truncation {
    /// The end of the longer text is cut.
    #[default]
    Right,
    /// The start of the longer text is cut.
    Left,
    /// The call fails with [`ErrorKind::InputTooLarge`].
    Never,
}

/// How long the parts of a pair may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Tokens in a pair, special tokens included; `None` is the tokenizer's own maximum.
    pub pair: Option<usize>,
    /// Tokens of a document, before it is paired.
    pub document: Option<usize>,
    pub truncation: Truncation,
}

/// A query and a document as the model reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Encoding {
    /// Token ids, special tokens included.
    pub ids: Vec<u32>,
    /// Segment of each token: 0 for the query's part, 1 for the document's.
    pub type_ids: Vec<u32>,
    /// The query was cut.
    pub query_truncated: bool,
    /// The document was cut.
    pub document_truncated: bool,
}

/// A tokenizer for text pairs of at most `max_length` tokens.
pub(crate) struct PairTokenizer {
    tokenizer: tokenizers::Tokenizer,
    truncation: TruncationParams,
    special_tokens: usize,
}

impl PairTokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// The file's own truncation and padding are ignored: pairs are cut to `max_length` with
    /// Hugging Face's `longest_first`, and never padded.
    pub fn load(json: &[u8], max_length: usize) -> Result<PairTokenizer> {
        let invalid = |e: &str| {
            Error::new(
                ErrorKind::TokenizerMismatch,
                format!("tokenizer.json is not a Hugging Face fast tokenizer ({})", one_line(e)),
            )
        };
        catch_panic(ErrorKind::TokenizerMismatch, "tokenizer.json cannot be used", || {
            let mut tokenizer =
                tokenizers::Tokenizer::from_bytes(json).map_err(|e| invalid(&e.to_string()))?;
            tokenizer.with_padding(None);
            tokenizer.with_truncation(None).map_err(|e| invalid(&e.to_string()))?;
            let special_tokens = tokenizer
                .get_post_processor()
                .map_or(0, |p| tokenizers::PostProcessor::added_tokens(p, true));
            if special_tokens == 0 {
                return Err(invalid("it adds no special tokens to a pair of texts"));
            }
            if max_length <= special_tokens {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!(
                        "max_length must be over {special_tokens}, the special tokens of a pair"
                    ),
                ));
            }
            let truncation = TruncationParams {
                max_length: max_length - special_tokens,
                strategy: TruncationStrategy::LongestFirst,
                ..Default::default()
            };
            Ok(PairTokenizer { tokenizer, truncation, special_tokens })
        })
    }

    /// The number of token ids that the tokenizer can give.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The most tokens in an encoding.
    pub fn max_length(&self) -> usize {
        self.truncation.max_length + self.special_tokens
    }

    /// A query to pair with documents; it is tokenised at the first of them.
    pub fn query<'a>(&'a self, text: &'a str, limits: Limits) -> Result<Query<'a>> {
        let invalid = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
        let mut truncation = self.truncation.clone();
        if let Some(pair) = limits.pair {
            if pair <= self.special_tokens || pair > self.max_length() {
                return invalid(format!(
                    "max_length is {pair} and must be from {} to {}",
                    self.special_tokens + 1,
                    self.max_length()
                ));
            }
            truncation.max_length = pair - self.special_tokens;
        }
        if limits.document == Some(0) {
            return invalid("the most tokens of a document must be at least 1".into());
        }
        if limits.truncation == Truncation::Left {
            truncation.direction = TruncationDirection::Left;
        }
        Ok(Query { tokenizer: self, text, limits, truncation, tokens: OnceCell::new() })
    }

    fn tokenize(&self, text: &str) -> Result<tokenizers::Encoding> {
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
            self.tokenizer.encode_fast(text, false).map_err(tokenizer_failed)
        })
    }
}

fn tokenizer_failed(e: tokenizers::Error) -> Error {
    let reason = one_line(&e.to_string());
    Error::new(ErrorKind::TokenizerMismatch, format!("the tokenizer failed ({reason})"))
}

/// A query that is being paired with documents.
pub(crate) struct Query<'a> {
    tokenizer: &'a PairTokenizer,
    text: &'a str,
    limits: Limits,
    truncation: TruncationParams,
    tokens: OnceCell<tokenizers::Encoding>,
}

impl Query<'_> {
    /// The pair's token ids. The document's error does not name the document.
    pub fn encode(&self, document: &str) -> Result<Encoding> {
        let query = match self.tokens.get() {
            Some(tokens) => tokens,
            None => {
                let tokens = self.tokenizer.tokenize(self.text).map_err(|e| e.at("the query"))?;
                self.tokens.get_or_init(|| tokens)
            }
        };
        let mut document = self.tokenizer.tokenize(document)?;
        let (query_length, document_length) = (query.len(), document.len());
        if let Some(most) = self.limits.document {
            document.truncate(most, 0, self.truncation.direction);
            document.take_overflowing();
        }
        let tokens = query.len() + document.len();
        if self.limits.truncation == Truncation::Never && tokens > self.truncation.max_length {
            return Err(Error::new(
                ErrorKind::InputTooLarge,
                format!(
                    "query and document have {} tokens together, over the limit of {}; split the \
                     document into passages, or allow truncation",
                    tokens + self.tokenizer.special_tokens,
                    self.truncation.max_length + self.tokenizer.special_tokens
                ),
            ));
        }

        let (mut query, mut document) =
            truncate_encodings(query.clone(), Some(document), &self.truncation)
                .map_err(tokenizer_failed)?;
        // Post-processing would pair every piece cut off the one with every piece of the other.
        query.take_overflowing();
        document.as_mut().map(tokenizers::Encoding::take_overflowing);
        let query_truncated = query.len() < query_length;
        let document_truncated = document.as_ref().is_some_and(|d| d.len() < document_length);
        let pair = self
            .tokenizer
            .tokenizer
            .post_process(query, document, true)
            .map_err(tokenizer_failed)?;
        Ok(Encoding {
            ids: pair.get_ids().to_vec(),
            type_ids: pair.get_type_ids().to_vec(),
            query_truncated,
            document_truncated,
        })
    }
}
