//! Single texts.

use super::{Encoding, Tokenizer, Truncation, cut};
use crate::error::{Error, ErrorKind, Result};

/// A tokenizer for single texts of at most `max_length` tokens.
pub(crate) struct TextTokenizer(Tokenizer);

impl TextTokenizer {
    /// Reads a `tokenizer.json`, for a model that knows `words` tokens, where that is said.
    pub fn load(json: &[u8], max_length: usize, words: Option<usize>) -> Result<TextTokenizer> {
        Tokenizer::load(json, false, max_length, words).map(TextTokenizer)
    }

    /// The most tokens in an encoding.
    pub fn max_length(&self) -> usize {
        self.0.max_length()
    }

    /// The token ids of a text. The error does not name the text.
    pub fn encode(&self, text: &str, truncation: Truncation) -> Result<Encoding> {
        let Tokenizer { most, special_tokens, .. } = self.0;
        let tokens = self.0.tokenize(text, false)?;
        let length = tokens.len();
        if truncation == Truncation::Never && length > most {
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
        let (ids, type_ids) = self.0.inner.join(&[&cut(tokens, most, truncation)]);
        Ok(Encoding { ids, type_ids, query_truncated: false, document_truncated: length > most })
    }
}
