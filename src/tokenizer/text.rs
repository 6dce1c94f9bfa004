//! Encodings of single texts.

use super::bounded::{BoundedTokenizer, truncate};
#[cfg(all(feature = "site", not(target_arch = "wasm32")))]
use super::subword::Tokens;
use super::types::{Encoding, Truncation};
use crate::error::{Error, ErrorKind, Result};

/// A tokenizer for single texts.
pub(crate) struct TextTokenizer(BoundedTokenizer);

impl TextTokenizer {
    /// Loads a `tokenizer.json` for texts of at most `max_length` tokens. `vocab_size` is that of the
    /// model, if it is known.
    pub fn load(
        json: &[u8],
        max_length: usize,
        vocab_size: Option<usize>,
    ) -> Result<TextTokenizer> {
        BoundedTokenizer::load(json, false, max_length, vocab_size).map(TextTokenizer)
    }

    /// The maximum number of tokens in an encoding.
    pub fn max_length(&self) -> usize {
        self.0.max_length()
    }

    /// See [`subword::Tokenizer::word_pieces`](super::subword::Tokenizer::word_pieces).
    #[cfg(all(feature = "site", not(target_arch = "wasm32")))]
    pub fn word_pieces(&self) -> Option<Vec<(String, u32)>> {
        self.0.inner.word_pieces()
    }

    /// The encoding of a single token.
    #[cfg(all(feature = "site", not(target_arch = "wasm32")))]
    pub fn encode_token(&self, id: u32) -> Encoding {
        let mut tokens = Tokens::default();
        tokens.push(id, (0, 0));
        let (ids, type_ids) = self.0.inner.join(&[&tokens]);
        Encoding { ids, type_ids, query_truncated: false, document_truncated: false }
    }

    /// The token ids of a text. The error does not name the text.
    pub fn encode(&self, text: &str, truncation: Truncation) -> Result<Encoding> {
        let BoundedTokenizer { max_tokens, special_tokens, .. } = self.0;
        let tokens = self.0.tokenize(text, false)?;
        let length = tokens.len();
        if truncation == Truncation::Never && length > max_tokens {
            return Err(Error::new(
                ErrorKind::InputTooLarge,
                format!(
                    "the text has {} tokens, over the limit of {}; split it into passages, or \
                     allow truncation",
                    length + special_tokens,
                    self.max_length()
                ),
            ));
        }
        let (ids, type_ids) = self.0.inner.join(&[&truncate(tokens, max_tokens, truncation)]);
        Ok(Encoding {
            ids,
            type_ids,
            query_truncated: false,
            document_truncated: length > max_tokens,
        })
    }
}
