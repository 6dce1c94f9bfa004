//! The built-in tokenizers, and the added tokens that they have in common.

use super::added::AddedTokens;
use super::bert::Bert;
use super::bpe::Bpe;
use super::chars::{self, Char};
use super::tokens::Tokens;
use super::unigram::Unigram;

/// A tokenizer that needs no other crate.
pub(super) struct Builtin {
    pub model: Model,
    /// Tokens that are found in the original text.
    pub literal: AddedTokens,
    /// Tokens that are found in normalized text.
    pub normalized: AddedTokens,
    /// The number of token ids, including those of added tokens.
    pub vocab_size: usize,
}

pub(super) enum Model {
    Bert(Bert),
    Bpe(Box<Bpe>),
    Unigram(Unigram),
}

impl Model {
    pub fn normalize(&self, chars: Vec<Char>) -> Vec<Char> {
        match self {
            Model::Bert(bert) => bert.normalizer.apply(chars),
            Model::Bpe(bpe) => bpe.normalize(chars),
            Model::Unigram(unigram) => unigram.normalize(chars),
        }
    }

    /// The tokens of normalized text.
    fn tokenize(&self, chars: &[Char], tokens: &mut Tokens) {
        match self {
            Model::Bert(bert) => bert.tokenize(chars, tokens),
            Model::Bpe(bpe) => bpe.tokenize(chars, tokens),
            Model::Unigram(unigram) => unigram.tokenize(chars, tokens),
        }
    }
}

impl Builtin {
    pub fn tokenize(&self, text: &str) -> Tokens {
        let mut tokens = Tokens::default();
        for (id, range) in self.literal.split(text) {
            match id {
                Some(id) => tokens.push(id, (range.start, range.end)),
                None => {
                    let part = chars::with_offsets(&text[range.clone()], range.start);
                    self.tokenize_normalized(&self.model.normalize(part), &mut tokens);
                }
            }
        }
        tokens
    }

    fn tokenize_normalized(&self, chars: &[Char], tokens: &mut Tokens) {
        if self.normalized.is_empty() {
            return self.model.tokenize(chars, tokens);
        }
        let text = chars::text(chars);
        let mut rest = chars;
        for (id, range) in self.normalized.split(&text) {
            let (part, after) = rest.split_at(text[range].chars().count());
            match id {
                Some(id) => tokens.push(id, chars::span(part)),
                None => self.model.tokenize(part, tokens),
            }
            rest = after;
        }
    }
}
