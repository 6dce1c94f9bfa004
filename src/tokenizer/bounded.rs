//! A tokenizer with a maximum length.

use super::subword;
use super::types::{MAX_TEXT_BYTES, Truncation};
use crate::error::{Error, ErrorKind, Result, catch_panic};
use crate::mistake::mistake;

/// The tokenizer of a `tokenizer.json`, with a maximum length.
///
/// The truncation and the padding that the file asks for are ignored. Nothing is ever padded.
pub(super) struct BoundedTokenizer {
    pub inner: subword::Tokenizer,
    /// The maximum number of tokens, without special ones.
    pub max_tokens: usize,
    /// The number of special tokens.
    pub special_tokens: usize,
}

impl BoundedTokenizer {
    /// Loads a `tokenizer.json` for a model that reads pairs of texts, or single texts, of at most
    /// `max_length` tokens. `vocab_size` is that of the model, if it is known.
    pub fn load(
        json: &[u8],
        pairs: bool,
        max_length: usize,
        vocab_size: Option<usize>,
    ) -> Result<BoundedTokenizer> {
        let input = if pairs { "a pair of texts" } else { "a text" };
        catch_panic(ErrorKind::TokenizerMismatch, "tokenizer.json cannot be used", || {
            let inner = subword::Tokenizer::load(json).map_err(|error| match mistake(json) {
                Some(mistake) => Error::new(error.kind(), format!("tokenizer.json {mistake}")),
                None => error,
            })?;
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
                        "max_length must be over {special_tokens}, the number of special tokens in {input}"
                    ),
                ));
            }
            if let Some(vocab_size) = vocab_size {
                check_vocab_sizes(inner.vocab_size(), vocab_size)?;
            }
            Ok(BoundedTokenizer { inner, max_tokens: max_length - special_tokens, special_tokens })
        })
    }

    /// The maximum number of tokens in an encoding.
    pub fn max_length(&self) -> usize {
        self.max_tokens + self.special_tokens
    }

    /// The tokens of a text. `offsets` says whether their offsets are needed, which may take longer.
    pub fn tokenize(&self, text: &str, offsets: bool) -> Result<subword::Tokens> {
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
            self.inner.tokenize(text, offsets)
        })
    }
}

/// Exporters pad an embedding table to a round number of rows, but never by more than this.
const MAX_UNUSED_ROWS: usize = 1024;

fn check_vocab_sizes(tokenizer: usize, model: usize) -> Result<()> {
    if tokenizer <= model && model - tokenizer <= MAX_UNUSED_ROWS {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TokenizerMismatch,
        format!(
            "the tokenizer has {tokenizer} tokens and the model {model}; take both from the same \
             repository"
        ),
    ))
}

/// At most `max` of the tokens.
pub(super) fn truncate(
    tokens: subword::Tokens,
    max: usize,
    truncation: Truncation,
) -> subword::Tokens {
    let length = tokens.len();
    if length <= max {
        return tokens;
    }
    match truncation {
        Truncation::Left => tokens.slice(length - max..length),
        Truncation::Right | Truncation::Never => tokens.slice(0..max),
    }
}
