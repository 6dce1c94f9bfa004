//! Drops the tokens of a model that the texts of some languages never have.

use std::io::{Seek, Write};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::engine::{reranker_or_embedder, write_error};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{EmbeddingSettings, ModelFiles, Output, PositionScheme, Table, prepared};
use crate::tokenizer::{Kept, trim};

/// Which texts a trimmed model reads as before.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TrimOptions {
    /// If it is not empty, texts without other letters than these, in lower or upper case. The letters are
    /// meant as the tokenizer normalizes them, which usually joins accents with their letters. Digits,
    /// punctuation and other characters may be any.
    pub letters: Vec<char>,
    /// These texts.
    pub texts: Vec<String>,
}

/// What is left of a trimmed model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trimmed {
    /// The number of tokens in the vocabulary.
    pub tokens: usize,
    /// The number of tokens before.
    pub tokens_before: usize,
}

impl ModelFiles {
    /// Writes a prepared model without the tokens that the texts of `options` never have. The others get
    /// new ids, in the same order. Each text of `options` is cut into the same tokens as before, and its
    /// scores or its vector have the same bits.
    ///
    /// Special tokens and tokens of one character stay. Other texts are cut into shorter tokens, down to
    /// single characters.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if `options` names no texts;
    /// [`ErrorKind::UnsupportedModel`] if the tokenizer is not BERT's or XLM-RoBERTa's, or the model is not
    /// one that [`ModelFiles::prepare`] takes; [`ErrorKind::InvalidModel`] if it is damaged;
    /// [`ErrorKind::Io`] if `out` cannot be written.
    pub fn trim_to(&self, options: &TrimOptions, out: impl Write + Seek) -> Result<Trimmed> {
        let TrimOptions { letters, texts } = options;
        if letters.is_empty() && texts.is_empty() {
            let message = "nothing says which tokens stay; name letters or texts";
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let (config, mut encoder) = reranker_or_embedder(self)?;
        let mut json: Value = parse("config.json", &self.config)?;
        let mut ids: Vec<u32> = token_ids(&mut json)
            .into_iter()
            .filter_map(|id| id.as_u64()?.try_into().ok())
            .collect();
        // Positions are counted from the id of the padding, which must not change.
        if let Some((_, PositionScheme::AfterPadding(padding))) = encoder.position_table() {
            ids.extend(0..=padding);
        }
        let texts = match config.output {
            Output::Logit => texts.clone(),
            Output::Embedding(_) => {
                let settings = EmbeddingSettings::parse(self)?;
                let prefixes = [&settings.query_prefix, &settings.document_prefix];
                let with = |text: &str| prefixes.map(|prefix| format!("{prefix}{text}"));
                texts.iter().map(String::as_str).chain([""]).flat_map(with).collect()
            }
        };
        let letters = Some(&letters[..]).filter(|letters| !letters.is_empty());
        let (tokenizer, old) = trim(&self.tokenizer, &Kept { letters, texts: &texts, ids: &ids })?;

        let Table { rows, values } = &encoder.token_embeddings;
        let tokens_before = *rows;
        if old.last().is_some_and(|&last| last as usize >= tokens_before) {
            let message =
                "the tokenizer has more tokens than the model; take both from the same repository";
            return Err(Error::new(ErrorKind::TokenizerMismatch, message));
        }
        let values = values.rows(&old, encoder.hidden());
        encoder.token_embeddings = Table { rows: old.len(), values };
        let new = |id: u64| old.binary_search(&u32::try_from(id).ok()?).ok();
        for id in token_ids(&mut json) {
            if let Some(new) = id.as_u64().and_then(new) {
                *id = new.into();
            }
        }
        json["vocab_size"] = old.len().into();
        let tokenizer_config = self.tokenizer_config.as_ref().map(|file| {
            let mut json: Value = parse("tokenizer_config.json", file)?;
            if let Some(Value::Object(tokens)) = json.get_mut("added_tokens_decoder") {
                let renumbered = std::mem::take(tokens)
                    .into_iter()
                    .filter_map(|(id, token)| Some((new(id.parse().ok()?)?.to_string(), token)));
                *tokens = renumbered.collect::<Map<_, _>>();
            }
            Ok(json.to_string().into())
        });
        let files = ModelFiles {
            tokenizer: tokenizer.into(),
            config: json.to_string().into(),
            tokenizer_config: tokenizer_config.transpose()?,
            ..self.clone()
        };
        prepared::write(&encoder, &config, &files, out).map_err(write_error)?;
        Ok(Trimmed { tokens: old.len(), tokens_before })
    }
}

/// The ids of tokens in a `config.json`: `pad_token_id` and the like, each of which is a number or a list.
fn token_ids(config: &mut Value) -> Vec<&mut Value> {
    let fields = config.as_object_mut().into_iter().flatten();
    let ids = fields.filter(|(name, _)| name.ends_with("_token_id")).map(|(_, id)| id);
    let mut all = Vec::new();
    for id in ids {
        match id {
            Value::Array(ids) => all.extend(ids),
            id => all.push(id),
        }
    }
    all
}

fn parse(name: &str, json: &Bytes) -> Result<Value> {
    serde_json::from_slice(json).map_err(|e| {
        let message = format!("{name} is not JSON ({e}); download it again");
        Error::new(ErrorKind::InvalidModel, message).with_source(e)
    })
}
