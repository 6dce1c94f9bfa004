//! Texts to subword tokens, and sequences of them with special tokens, as a `tokenizer.json` says.
//!
//! The tokenizers of BERT and of XLM-RoBERTa are code of this module (`bert`, `unigram`), because a
//! page downloads them: the `tokenizers` crate, which runs any other one, would be most of a
//! WebAssembly file. It is part of the feature `general`.

mod added;
mod bert;
mod builtin;
mod chars;
mod charsmap;
mod file;
#[cfg(feature = "general")]
mod huggingface;
mod template;
#[cfg(all(test, feature = "general"))]
mod tests;
mod unigram;
mod vocabulary;

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result, one_line};
use template::{Content, Piece, Template};

/// A text's tokens, without special ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub ids: Vec<u32>,
    /// The place of each token in the text, in bytes.
    pub places: Vec<(usize, usize)>,
}

impl Tokens {
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Some of the tokens.
    pub fn part(&self, range: Range<usize>) -> Tokens {
        Tokens { ids: self.ids[range.clone()].to_vec(), places: self.places[range].to_vec() }
    }

    fn push(&mut self, id: u32, place: (usize, usize)) {
        self.ids.push(id);
        self.places.push(place);
    }
}

/// A loaded tokenizer. Its file's own truncation and padding are ignored.
pub(crate) struct Tokenizer {
    splitter: Splitter,
    /// What becomes of one text, and of two.
    templates: [Template; 2],
}

enum Splitter {
    Builtin(Box<builtin::Builtin>),
    #[cfg(feature = "general")]
    HuggingFace(Box<huggingface::HuggingFace>),
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ErrorKind::TokenizerMismatch`] where it is none, [`ErrorKind::NeedsGeneral`] where this
    /// build cannot run it.
    pub fn load(json: &[u8]) -> Result<Tokenizer> {
        let reason = match file::read(json) {
            Ok((own, templates)) => {
                return Ok(Tokenizer { splitter: Splitter::Builtin(Box::new(own)), templates });
            }
            Err(reason) => reason,
        };
        #[cfg(feature = "general")]
        {
            let _ = reason;
            let (general, templates) =
                huggingface::HuggingFace::load(json).map_err(|e| invalid(&e))?;
            Ok(Tokenizer { splitter: Splitter::HuggingFace(Box::new(general)), templates })
        }
        #[cfg(not(feature = "general"))]
        Err(match reason {
            file::Refusal::Damaged(reason) => invalid(&reason),
            file::Refusal::Other(reason) => Error::new(
                ErrorKind::NeedsGeneral,
                format!(
                    "this build has the tokenizers of BERT and XLM-RoBERTa alone, and \
                     tokenizer.json is another ({reason}); build with the feature general"
                ),
            ),
        })
    }

    /// The number of token ids that the tokenizer can give.
    pub fn vocab_size(&self) -> usize {
        match &self.splitter {
            Splitter::Builtin(own) => own.vocab_size,
            #[cfg(feature = "general")]
            Splitter::HuggingFace(general) => general.vocab_size(),
        }
    }

    /// The number of special tokens in a sequence of one or two texts.
    pub fn special_tokens(&self, texts: usize) -> usize {
        let Template(pieces) = &self.templates[texts - 1];
        pieces.iter().filter(|piece| matches!(piece.content, Content::Token(_))).count()
    }

    /// A text's tokens. `places`: whether theirs are needed, which may take longer; without, they
    /// may all be empty.
    pub fn tokenize(&self, text: &str, places: bool) -> Result<Tokens> {
        let _ = places;
        match &self.splitter {
            Splitter::Builtin(own) => Ok(own.tokenize(text)),
            #[cfg(feature = "general")]
            Splitter::HuggingFace(general) => general.tokenize(text, places).map_err(|e| {
                let message = format!("the tokenizer failed ({})", one_line(&e));
                Error::new(ErrorKind::TokenizerMismatch, message)
            }),
        }
    }

    /// One or two texts with their special tokens: token ids and segments.
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

fn invalid(reason: &str) -> Error {
    Error::new(
        ErrorKind::TokenizerMismatch,
        format!("tokenizer.json is not a Hugging Face fast tokenizer ({})", one_line(reason)),
    )
}
