//! The tokenizer that a `tokenizer.json` describes.

use super::builtin::Builtin;
#[cfg(all(feature = "site", not(target_arch = "wasm32")))]
use super::builtin::Model;
use super::compact::{Contents, is_compact};
use super::file::{self, ParseError};
#[cfg(feature = "general")]
use super::huggingface::HuggingFace;
use super::template::{Content, Piece, Template};
use super::tokens::Tokens;
use crate::error::{Error, ErrorKind, Result, one_line};

/// A loaded tokenizer. The truncation and the padding that its file asks for are ignored.
pub(in crate::tokenizer) struct Tokenizer {
    pub(super) backend: Backend,
    /// The templates for one text and for two.
    templates: [Template; 2],
}

pub(super) enum Backend {
    Builtin(Box<Builtin>),
    #[cfg(feature = "general")]
    HuggingFace(Box<HuggingFace>),
}

impl Tokenizer {
    /// Loads a `tokenizer.json`, or its compact form.
    ///
    /// # Errors
    /// [`ErrorKind::TokenizerMismatch`] if it is not one, [`ErrorKind::NeedsGeneral`] if this build
    /// cannot run it.
    pub fn load(json: &[u8]) -> Result<Tokenizer> {
        let reason = match file::parse(json) {
            Ok((builtin, templates)) => {
                return Ok(Tokenizer { backend: Backend::Builtin(Box::new(builtin)), templates });
            }
            // Only built-in tokenizers have a compact form.
            Err(ParseError::Damaged(reason) | ParseError::Unsupported(reason))
                if is_compact(json) =>
            {
                return Err(invalid(&reason));
            }
            Err(reason) => reason,
        };
        #[cfg(feature = "general")]
        {
            let _ = reason;
            let (general, templates) = HuggingFace::load(json).map_err(|e| invalid(&e))?;
            Ok(Tokenizer { backend: Backend::HuggingFace(Box::new(general)), templates })
        }
        #[cfg(not(feature = "general"))]
        Err(match reason {
            ParseError::Damaged(reason) => invalid(&reason),
            ParseError::Unsupported(reason) => Error::new(
                ErrorKind::NeedsGeneral,
                format!(
                    "this build has only the tokenizers of BERT, RoBERTa, ModernBERT and \
                     XLM-RoBERTa, and tokenizer.json describes another one ({reason}); build with the feature general"
                ),
            ),
        })
    }

    /// The number of token ids.
    pub fn vocab_size(&self) -> usize {
        match &self.backend {
            Backend::Builtin(builtin) => builtin.vocab_size,
            #[cfg(feature = "general")]
            Backend::HuggingFace(general) => general.vocab_size(),
        }
    }

    /// The tokens of BERT's vocabulary that stand for words and parts of words, with their ids. `None` for
    /// another tokenizer.
    #[cfg(all(feature = "site", not(target_arch = "wasm32")))]
    pub fn word_pieces(&self) -> Option<Vec<(String, u32)>> {
        let bert = match &self.backend {
            Backend::Builtin(builtin) => match &builtin.model {
                Model::Bert(bert) => bert,
                Model::Unigram(_) | Model::Bpe(_) => return None,
            },
            #[cfg(feature = "general")]
            Backend::HuggingFace(_) => return None,
        };
        let is_word = |token: &str| bert.continuation_prefix == "##" && !token.starts_with('[');
        let tokens = bert.vocabulary.tokens().filter(|(token, _)| is_word(token));
        Some(tokens.map(|(token, id)| (token.to_owned(), id)).collect())
    }

    /// The number of special tokens in a sequence of one or two texts.
    pub fn special_tokens(&self, texts: usize) -> usize {
        let Template(pieces) = &self.templates[texts - 1];
        pieces.iter().filter(|piece| matches!(piece.content, Content::Token(_))).count()
    }

    /// The tokens of a text. `offsets` says whether their offsets are needed, which may take longer.
    /// Otherwise the offsets may all be zero.
    pub fn tokenize(&self, text: &str, offsets: bool) -> Result<Tokens> {
        let _ = offsets;
        match &self.backend {
            Backend::Builtin(builtin) => Ok(builtin.tokenize(text)),
            #[cfg(feature = "general")]
            Backend::HuggingFace(general) => general.tokenize(text, offsets).map_err(|e| {
                let message = format!("the tokenizer failed ({})", one_line(&e));
                Error::new(ErrorKind::TokenizerMismatch, message)
            }),
        }
    }

    /// Joins one or two texts with special tokens. Returns token ids and token types.
    pub fn join(&self, texts: &[&Tokens]) -> (Vec<u32>, Vec<u32>) {
        let (mut ids, mut type_ids) = (Vec::new(), Vec::new());
        for Piece { content, type_id } in &self.templates[texts.len() - 1].0 {
            match content {
                Content::Token(id) => ids.push(*id),
                Content::Text(index) => ids.extend(&texts[*index].ids),
            }
            type_ids.resize(ids.len(), *type_id);
        }
        (ids, type_ids)
    }
}

/// The compact form of a `tokenizer.json`. `None` if it has that form already, or none.
pub(crate) fn compact(file: &[u8]) -> Option<Vec<u8>> {
    let is_builtin = !is_compact(file) && file::parse(file).is_ok();
    is_builtin.then(|| Contents::read(file)).flatten().map(|contents| contents.write())
}

fn invalid(reason: &str) -> Error {
    Error::new(
        ErrorKind::TokenizerMismatch,
        format!("tokenizer.json is not a Hugging Face fast tokenizer ({})", one_line(reason)),
    )
}
