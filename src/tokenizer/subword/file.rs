//! Parses the `tokenizer.json` of built-in tokenizers, in the format of the `tokenizers` crate or in the
//! compact form.

use std::collections::HashSet;

use serde::Deserialize;

use super::added::{Added, AddedTokens};
use super::bert::{self, Bert};
use super::bpe::Bpe;
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

/// `BertPreTokenizer`, `ByteLevel`, `WhitespaceSplit`, `Metaspace`, or a `Sequence` of these.
#[derive(Deserialize)]
struct PreTokenizer {
    r#type: String,
    pretokenizers: Option<Vec<PreTokenizer>>,
    replacement: Option<char>,
    add_prefix_space: Option<bool>,
    prepend_scheme: Option<Prepend>,
    split: Option<bool>,
    use_regex: Option<bool>,
}

/// `WordPiece`, `BPE` or `Unigram`. Old files with `Unigram` have no type.
#[derive(Deserialize)]
struct ModelFile {
    r#type: Option<String>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    max_input_chars_per_word: Option<usize>,
    unk_id: Option<u32>,
    byte_fallback: Option<bool>,
    dropout: Option<f64>,
    end_of_word_suffix: Option<String>,
    ignore_merges: Option<bool>,
    #[serde(default)]
    merges: Vec<Merge>,
    vocab: Pieces,
}

/// A pair of tokens: two texts, or one with a space between them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Text(String),
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
        Some("BPE") => {
            Model::Bpe(Box::new(bpe(normalizer, pre_tokenizer, model, &post_processor)?))
        }
        _ => Model::Bert(bert(normalizer, pre_tokenizer, model)?),
    };
    if post_processor.trims_offsets() && !matches!(model, Model::Bpe(_)) {
        return Err("its post_processor trims offsets".into());
    }
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
    let steps = steps(normalizer)?;
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

/// The steps of a normalizer, if there is one.
fn steps(normalizer: Option<Normalizer>) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    if let Some(step) = normalizer {
        step.add_to(&mut steps)?;
    }
    let growth = steps.iter().map(Step::growth).try_fold(1usize, |a, b| a.checked_mul(b));
    match growth.is_none_or(|growth| growth > MAX_GROWTH) {
        true => Err(format!("its normalizer makes a text over {MAX_GROWTH} times as long")),
        false => Ok(steps),
    }
}

fn bpe(
    normalizer: Option<Normalizer>,
    pre_tokenizer: PreTokenizer,
    model: ModelFile,
    post_processor: &PostProcessor,
) -> Result<Bpe, String> {
    expect("pre_tokenizer", &pre_tokenizer.r#type, "ByteLevel")?;
    let prefix_space = pre_tokenizer.add_prefix_space.ok_or("its ByteLevel lacks an option")?;
    let affixes = [model.continuing_subword_prefix, model.end_of_word_suffix];
    let is_plain = pre_tokenizer.use_regex != Some(false)
        && affixes.iter().flatten().all(String::is_empty)
        && model.dropout.is_none_or(|dropout| dropout == 0.0)
        && model.ignore_merges != Some(true)
        && model.byte_fallback != Some(true);
    if !is_plain {
        return Err("its BPE is of another kind than RoBERTa's".into());
    }
    let pairs = model.merges.into_iter().map(|merge| match merge {
        Merge::Pair(left, right) => Some((left, right)),
        Merge::Text(text) => {
            let (left, right) = text.split_once(' ')?;
            Some((left.to_owned(), right.to_owned()))
        }
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    let options = (prefix_space, post_processor.trims_offsets());
    let pairs = pairs.ok_or("one of its merges is not a pair")?;
    Bpe::new(steps(normalizer)?, options, model.vocab.vocabulary, &pairs)
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
            "NFC" => Step::Compose,
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
        Model::Bpe(bpe) => bpe.vocabulary(),
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
    // White space before or after an added token could belong to another one.
    let strips = tokens.iter().any(|token| token.rstrip);
    let (mut literal, mut normalized) = (Vec::new(), Vec::new());
    for AddedToken { id, content, lstrip, rstrip, normalized: in_normalized, .. } in tokens {
        let (list, text) = match in_normalized {
            false => (&mut literal, content),
            true => {
                let chars = model.normalize(chars::with_offsets(&content, 0));
                (&mut normalized, chars::text(&chars))
            }
        };
        if text.is_empty() || (strips && text.starts_with(char::is_whitespace)) {
            return Err("one of its added tokens begins with white space".into());
        }
        list.push(Added { text, id, lstrip, rstrip });
    }
    let [literal, normalized] = [literal, normalized].map(AddedTokens::new);
    Ok(Builtin { model, literal, normalized, vocab_size })
}
