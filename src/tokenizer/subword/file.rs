//! Parses the `tokenizer.json` of built-in tokenizers, in the format of the `tokenizers` crate or in the
//! compact form.

use std::collections::HashSet;

use serde::Deserialize;

use super::added::{Added, AddedTokens};
use super::bert::{self, Bert};
use super::builtin::{Builtin, Model};
use super::chars;
use super::charsmap::Charsmap;
use super::compact;
use super::template::{PostProcessor, Template};
use super::unigram::{Metaspace, Prepend, Step, UNKNOWN_PENALTY, Unigram};
use super::vocabulary::Pieces;

/// Why a file does not give a built-in tokenizer.
#[cfg_attr(
    feature = "general",
    allow(dead_code, reason = "the tokenizers crate has messages of its own")
)]
pub(super) enum ParseError {
    /// It is not JSON.
    Damaged(String),
    /// It may be a tokenizer, but not a built-in one.
    Unsupported(String),
}

#[derive(Deserialize)]
struct File {
    version: String,
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Normalizer>,
    pre_tokenizer: PreTokenizer,
    post_processor: PostProcessor,
    model: ModelFile,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

/// `BertNormalizer`, another step, or a `Sequence` of steps.
#[derive(Deserialize)]
struct Normalizer {
    r#type: String,
    normalizers: Option<Vec<Normalizer>>,
    clean_text: Option<bool>,
    handle_chinese_chars: Option<bool>,
    strip_accents: Option<bool>,
    lowercase: Option<bool>,
    precompiled_charsmap: Option<String>,
    strip_left: Option<bool>,
    strip_right: Option<bool>,
    pattern: Option<Pattern>,
    content: Option<String>,
}

#[derive(Deserialize)]
struct Pattern {
    #[serde(rename = "Regex")]
    regex: Option<String>,
}

/// `BertPreTokenizer`, `WhitespaceSplit`, `Metaspace`, or a `Sequence` of these.
#[derive(Deserialize)]
struct PreTokenizer {
    r#type: String,
    pretokenizers: Option<Vec<PreTokenizer>>,
    replacement: Option<char>,
    add_prefix_space: Option<bool>,
    prepend_scheme: Option<Prepend>,
    split: Option<bool>,
}

/// `WordPiece` or `Unigram`. Old files with `Unigram` have no type.
#[derive(Deserialize)]
struct ModelFile {
    r#type: Option<String>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    max_input_chars_per_word: Option<usize>,
    unk_id: Option<u32>,
    byte_fallback: Option<bool>,
    vocab: Pieces,
}

/// Parses the tokenizer, and the templates for one text and for two.
pub(super) fn parse(file: &[u8]) -> Result<(Builtin, [Template; 2]), ParseError> {
    let (json, pieces) = match compact::is_compact(file) {
        true => {
            let parts = compact::read(file);
            let (json, pieces) =
                parts.ok_or_else(|| ParseError::Damaged("its vocabulary is damaged".into()))?;
            (json, Some(pieces))
        }
        false => (file, None),
    };
    let mut file: File = serde_json::from_slice(json).map_err(|e| match e.is_data() {
        true => ParseError::Unsupported(e.to_string()),
        false => ParseError::Damaged(e.to_string()),
    })?;
    if let Some(pieces) = pieces {
        file.model.vocab = pieces;
    }
    recognize(file).map_err(ParseError::Unsupported)
}

fn recognize(file: File) -> Result<(Builtin, [Template; 2]), String> {
    let File { version, added_tokens, normalizer, pre_tokenizer, post_processor, model } = file;
    expect("version", &version, "1.0")?;
    let model = match model.r#type.as_deref() {
        Some("Unigram") | None => Model::Unigram(unigram(normalizer, pre_tokenizer, model)?),
        _ => Model::Bert(bert(normalizer, pre_tokenizer, model)?),
    };
    let builtin = with_added_tokens(model, added_tokens)?;
    Ok((builtin, post_processor.templates()?))
}

fn expect(part: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("its {part} is {found}")) }
}

fn bert(
    normalizer: Option<Normalizer>,
    pre_tokenizer: PreTokenizer,
    model: ModelFile,
) -> Result<Bert, String> {
    let normalizer = normalizer.ok_or("it has no normalizer")?;
    expect("normalizer", &normalizer.r#type, "BertNormalizer")?;
    expect("pre_tokenizer", &pre_tokenizer.r#type, "BertPreTokenizer")?;
    expect("model", model.r#type.as_deref().unwrap_or_default(), "WordPiece")?;
    let options = normalizer.clean_text.zip(normalizer.handle_chinese_chars);
    let ((clean, split_chinese), lowercase) =
        options.zip(normalizer.lowercase).ok_or("its normalizer lacks an option")?;
    let vocabulary = model.vocab.vocabulary;
    let unknown = model.unk_token.and_then(|token| vocabulary.id(&token));
    Ok(Bert {
        normalizer: bert::Normalizer {
            clean,
            split_chinese,
            strip_accents: normalizer.strip_accents.unwrap_or(lowercase),
            lowercase,
        },
        unknown: unknown.ok_or("its vocabulary lacks the token for unknown words")?,
        vocabulary,
        continuation_prefix: model
            .continuing_subword_prefix
            .ok_or("its model has no continuing_subword_prefix")?,
        max_word_chars: model
            .max_input_chars_per_word
            .ok_or("its model has no max_input_chars_per_word")?,
    })
}

/// The maximum number of characters that normalization may make of one, so that no file can make texts
/// fill the memory. NFKC makes at most 18, and lower case 3.
const MAX_GROWTH: usize = 128;

fn unigram(
    normalizer: Option<Normalizer>,
    pre_tokenizer: PreTokenizer,
    model: ModelFile,
) -> Result<Unigram, String> {
    let Pieces { vocabulary, scores } = model.vocab;
    if vocabulary.len() == 0 || vocabulary.len() != scores.len() {
        return Err("its vocabulary is not a list of different pieces with scores".into());
    }
    if model.byte_fallback == Some(true) {
        return Err("it splits unknown characters into bytes".into());
    }
    let unknown = model.unk_id.filter(|&id| (id as usize) < scores.len());
    let mut steps = Vec::new();
    if let Some(step) = normalizer {
        step.add_to(&mut steps)?;
    }
    let growth = steps.iter().map(Step::growth).try_fold(1usize, |a, b| a.checked_mul(b));
    if growth.is_none_or(|growth| growth > MAX_GROWTH) {
        return Err(format!("its normalizer makes a text over {MAX_GROWTH} times as long"));
    }
    let (split_spaces, metaspace) = pre_tokenizer.metaspace()?;
    let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Unigram {
        normalizer: steps,
        split_spaces,
        metaspace,
        vocabulary,
        scores,
        unknown: unknown.ok_or("its vocabulary lacks the token for unknown characters")?,
        unknown_score: lowest - UNKNOWN_PENALTY,
    })
}

impl Normalizer {
    fn add_to(self, steps: &mut Vec<Step>) -> Result<(), String> {
        let unsupported = || format!("its normalizer is {}", self.r#type);
        let step = match self.r#type.as_str() {
            "Sequence" => {
                let parts = self.normalizers.into_iter().flatten();
                return parts.into_iter().try_for_each(|part| part.add_to(steps));
            }
            "Precompiled" => {
                let map = self.precompiled_charsmap.as_deref().and_then(Charsmap::from_base64);
                Step::Charsmap(map.ok_or("its precompiled_charsmap is damaged")?)
            }
            "Lowercase" => Step::Lowercase,
            "Strip" => {
                let sides = self.strip_left.zip(self.strip_right);
                let (left, right) = sides.ok_or_else(unsupported)?;
                Step::Strip { left, right }
            }
            "Replace" => {
                let regex = self.pattern.as_ref().and_then(|pattern| pattern.regex.as_deref());
                match (regex, self.content) {
                    (Some(" {2,}"), Some(content)) => Step::ReplaceSpaces(content),
                    _ => return Err("its normalizer replaces something other than spaces".into()),
                }
            }
            _ => return Err(unsupported()),
        };
        steps.push(step);
        Ok(())
    }
}

impl PreTokenizer {
    /// Whether white space is dropped first, and the meta symbol.
    fn metaspace(mut self) -> Result<(bool, Metaspace), String> {
        let mut split_spaces = false;
        if self.r#type == "Sequence" {
            let mut parts = self.pretokenizers.unwrap_or_default();
            split_spaces = parts.first().is_some_and(|part| part.r#type == "WhitespaceSplit");
            let metaspace = parts.pop().filter(|_| parts.len() == usize::from(split_spaces));
            self = metaspace.ok_or("its pre_tokenizer is an unsupported sequence")?;
        }
        expect("pre_tokenizer", &self.r#type, "Metaspace")?;
        let prepend = self.prepend_scheme.unwrap_or(Prepend::Always);
        if self.add_prefix_space == Some(false) && prepend != Prepend::Never {
            return Err("its add_prefix_space and prepend_scheme differ".into());
        }
        let symbol = self.replacement.ok_or("its Metaspace has no replacement")?;
        Ok((split_spaces, Metaspace { symbol, prepend, split: self.split.unwrap_or(true) }))
    }
}

fn with_added_tokens(model: Model, mut tokens: Vec<AddedToken>) -> Result<Builtin, String> {
    let vocabulary = match &model {
        Model::Bert(bert) => &bert.vocabulary,
        Model::Unigram(unigram) => &unigram.vocabulary,
    };
    let mut vocab_size = vocabulary.len();
    let mut seen = HashSet::new();
    for AddedToken { id, content, single_word, .. } in &tokens {
        let expected = vocabulary.id(content).unwrap_or(vocab_size as u32);
        vocab_size += usize::from(vocabulary.id(content).is_none());
        if *single_word || content.is_empty() || expected != *id || !seen.insert(content) {
            return Err(format!("its added token {content} is of an unsupported kind"));
        }
    }
    // Of two tokens that are the same in normalized text, a special one is found.
    tokens.sort_by_key(|token| !token.special);
    let (mut literal, mut normalized) = (Vec::new(), Vec::new());
    for AddedToken { id, content, lstrip, rstrip, normalized: in_normalized, .. } in tokens {
        let (list, text) = match in_normalized {
            false => (&mut literal, content),
            true => {
                let chars = model.normalize(chars::with_offsets(&content, 0));
                (&mut normalized, chars::text(&chars))
            }
        };
        if !text.starts_with(|c: char| !c.is_whitespace()) {
            return Err("one of its added tokens begins with white space".into());
        }
        list.push(Added { text, id, lstrip, rstrip });
    }
    let [literal, normalized] = [literal, normalized].map(AddedTokens::new);
    Ok(Builtin { model, literal, normalized, vocab_size })
}
