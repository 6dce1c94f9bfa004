//! Drops the tokens of a vocabulary that some texts never have.
//!
//! The tokens of a text stay the same where all of them stay and where no other way to cut the text appears.
//! Unigram takes the greatest sum of scores, and WordPiece the longest beginning: with fewer tokens to choose
//! from, both still find what they found before. Unigram gives a character without a token of its own a score
//! that depends on the lowest one, so the token with that score stays, and so do all tokens of one character.

use std::collections::HashSet;

use serde_json::Value;

use super::builtin::Model;
use super::chars;
use super::compact::Contents;
use super::file;
use super::template::Content;
use crate::error::{Error, ErrorKind, Result};

/// What stays beside special tokens and tokens of one character.
pub(crate) struct Kept<'a> {
    /// If it is given, tokens that have no other letters than these, in lower or upper case. Characters that
    /// are not letters may be any.
    pub letters: Option<&'a [char]>,
    /// The tokens of these texts.
    pub texts: &'a [String],
    /// Tokens by their ids. Ids that are not in the vocabulary are ignored.
    pub ids: &'a [u32],
}

/// A tokenizer with fewer tokens, in its compact form, and the ids that its tokens had, in order.
///
/// # Errors
/// [`ErrorKind::UnsupportedModel`] for a tokenizer that is not BERT's or XLM-RoBERTa's.
pub(crate) fn trim(file: &[u8], kept: &Kept) -> Result<(Vec<u8>, Vec<u32>)> {
    let parsed = file::parse(file).ok().zip(Contents::read(file));
    let Some(((builtin, templates), mut contents)) = parsed else { return Err(refused()) };
    let mut stays = vec![false; builtin.vocab_size];
    let mut keep = |id: u32| {
        if let Some(stays) = stays.get_mut(id as usize) {
            *stays = true;
        }
    };
    kept.ids.iter().copied().for_each(&mut keep);
    for piece in templates.iter().flat_map(|template| &template.0) {
        if let Content::Token(id) = piece.content {
            keep(id);
        }
    }
    ids(&mut contents.json).into_iter().filter_map(|id| id.as_u64()).for_each(|id| keep(id as u32));
    let (unknown, prefix) = match &builtin.model {
        Model::Bert(bert) => (bert.unknown, bert.continuation_prefix.as_str()),
        Model::Unigram(unigram) => (unigram.unknown, ""),
        Model::Bpe(_) => return Err(refused()),
    };
    keep(unknown);
    let scores = contents.scores.iter().zip(0..);
    scores.min_by(|a, b| a.0.total_cmp(b.0)).into_iter().for_each(|(_, id)| keep(id));
    let letters = kept.letters.map(|letters| Letters::new(letters, &builtin.model));
    for (token, id) in contents.tokens.iter().zip(0..) {
        let own = token.strip_prefix(prefix).unwrap_or(token);
        let is_spelled = || letters.as_ref().is_some_and(|letters| letters.spell(own));
        if own.chars().nth(1).is_none() || is_spelled() {
            keep(id);
        }
    }
    for text in kept.texts {
        builtin.tokenize(text).ids.into_iter().for_each(&mut keep);
    }

    let old: Vec<u32> = (0..).zip(&stays).filter(|(_, stays)| **stays).map(|(id, _)| id).collect();
    for id in ids(&mut contents.json) {
        if let Some(new) = id.as_u64().and_then(|id| old.binary_search(&(id as u32)).ok()) {
            *id = new.into();
        }
    }
    let mut places = stays.iter();
    contents.tokens.retain(|_| places.next() == Some(&true));
    let mut places = stays.iter();
    contents.scores.retain(|_| places.next() == Some(&true));
    Ok((contents.write(), old))
}

fn refused() -> Error {
    let message = "only the tokenizers of BERT and XLM-RoBERTa can be trimmed, and tokenizer.json \
                   describes another one; use the model untrimmed";
    Error::new(ErrorKind::UnsupportedModel, message)
}

/// The ids in a `tokenizer.json`, apart from those of the vocabulary.
fn ids(json: &mut Value) -> Vec<&mut Value> {
    let mut ids = Vec::new();
    let Value::Object(parts) = json else { return ids };
    for (name, part) in parts {
        match name.as_str() {
            "model" => ids.extend(part.get_mut("unk_id")),
            "padding" => ids.extend(part.get_mut("pad_id")),
            "added_tokens" => {
                let tokens = part.as_array_mut().into_iter().flatten();
                ids.extend(tokens.filter_map(|token| token.get_mut("id")));
            }
            "post_processor" => {
                let Value::Object(parts) = part else { continue };
                for (name, part) in parts {
                    match name.as_str() {
                        "sep" | "cls" => ids.extend(part.get_mut(1)),
                        "special_tokens" => {
                            let tokens = part.as_object_mut().into_iter().flatten();
                            let lists = tokens.filter_map(|(_, token)| token.get_mut("ids"));
                            ids.extend(lists.filter_map(Value::as_array_mut).flatten());
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    ids
}

/// Letters in lower and upper case, also as a tokenizer normalizes them.
struct Letters(HashSet<char>);

impl Letters {
    fn new(letters: &[char], model: &Model) -> Letters {
        let mut all = HashSet::new();
        for &letter in letters {
            let cases = letter.to_lowercase().chain(letter.to_uppercase()).chain([letter]);
            for letter in cases.collect::<Vec<_>>() {
                let text = chars::with_offsets(letter.encode_utf8(&mut [0; 4]), 0);
                all.insert(letter);
                all.extend(model.normalize(text).into_iter().map(|c| c.char));
            }
        }
        Letters(all)
    }

    /// Whether a text has no other letters.
    fn spell(&self, text: &str) -> bool {
        let is_known = |c: char| !c.is_alphabetic() || self.0.contains(&c);
        // The capital ß is no upper case of a lower one, but has one.
        text.chars().all(|c| is_known(c) || c.to_lowercase().all(is_known))
    }
}
