//! Reads the `tokenizer.json` of a BERT model, as the `tokenizers` crate writes it.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::bert::{Bert, Normalizer};
use super::vocabulary::Vocabulary;
use super::{Content, Piece, Template};

/// Why a file is not read here.
#[cfg_attr(feature = "general", allow(dead_code, reason = "the tokenizers crate says itself"))]
pub(super) enum Refusal {
    /// It is no JSON.
    Damaged(String),
    /// It may be a tokenizer, but not BERT's.
    Other(String),
}

#[derive(Deserialize)]
struct File {
    version: String,
    added_tokens: Vec<AddedToken>,
    normalizer: NormalizerFile,
    pre_tokenizer: OfType,
    post_processor: PostProcessor,
    model: Model,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
}

#[derive(Deserialize)]
struct NormalizerFile {
    r#type: String,
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

#[derive(Deserialize)]
struct OfType {
    r#type: String,
}

/// What adds special tokens: `TemplateProcessing`, or `BertProcessing` with `cls` and `sep`.
#[derive(Deserialize)]
struct PostProcessor {
    r#type: String,
    single: Option<Vec<PieceFile>>,
    pair: Option<Vec<PieceFile>>,
    special_tokens: Option<HashMap<String, SpecialToken>>,
    sep: Option<(IgnoredAny, u32)>,
    cls: Option<(IgnoredAny, u32)>,
}

#[derive(Deserialize)]
struct PieceFile {
    #[serde(rename = "SpecialToken")]
    token: Option<PieceId>,
    #[serde(rename = "Sequence")]
    sequence: Option<PieceId>,
}

#[derive(Deserialize)]
struct PieceId {
    id: String,
    type_id: u32,
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Model {
    r#type: String,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: Vocabulary,
}

/// The tokenizer, and the templates of one text and of two.
pub(super) fn read(json: &[u8]) -> Result<(Bert, [Template; 2]), Refusal> {
    let file: File = serde_json::from_slice(json).map_err(|e| match e.is_data() {
        true => Refusal::Other(e.to_string()),
        false => Refusal::Damaged(e.to_string()),
    })?;
    recognize(file).map_err(Refusal::Other)
}

fn recognize(file: File) -> Result<(Bert, [Template; 2]), String> {
    let File { version, added_tokens, normalizer, pre_tokenizer, post_processor, model } = file;
    let expected = [
        ("version", &version, "1.0"),
        ("normalizer", &normalizer.r#type, "BertNormalizer"),
        ("pre_tokenizer", &pre_tokenizer.r#type, "BertPreTokenizer"),
        ("model", &model.r#type, "WordPiece"),
    ];
    for (part, found, expected) in expected {
        if found != expected {
            return Err(format!("its {part} is {found}"));
        }
    }
    let vocabulary = model.vocab;
    let unknown = vocabulary.id(&model.unk_token);
    let unknown = unknown.ok_or("its vocabulary lacks the token of unknown words")?;
    let mut added = Vec::new();
    for token in added_tokens {
        let AddedToken { id, content, single_word, lstrip, rstrip, normalized } = token;
        let plain = !(single_word || lstrip || rstrip || normalized || content.is_empty());
        if !plain || vocabulary.id(&content) != Some(id) {
            return Err(format!("its token {content} is added in another way than BERT's"));
        }
        added.push((content, id));
    }
    let templates = post_processor.templates().ok_or("its post_processor is not BERT's")?;
    let normalizer = Normalizer {
        clean: normalizer.clean_text,
        split_chinese: normalizer.handle_chinese_chars,
        strip_accents: normalizer.strip_accents.unwrap_or(normalizer.lowercase),
        lowercase: normalizer.lowercase,
    };
    let bert = Bert {
        normalizer,
        vocabulary,
        unknown,
        continuing: model.continuing_subword_prefix,
        most_characters: model.max_input_chars_per_word,
        added,
    };
    Ok((bert, templates))
}

impl PostProcessor {
    fn templates(self) -> Option<[Template; 2]> {
        match self.r#type.as_str() {
            "TemplateProcessing" => {
                let special = self.special_tokens?;
                Some([template(self.single?, &special, 1)?, template(self.pair?, &special, 2)?])
            }
            "BertProcessing" => {
                let (cls, sep) = (Content::Token(self.cls?.1), Content::Token(self.sep?.1));
                let piece =
                    |content: &Content, type_id| Piece { content: content.clone(), type_id };
                let [a, b] = [0, 1].map(Content::Text);
                let single = vec![piece(&cls, 0), piece(&a, 0), piece(&sep, 0)];
                let pair = [single.clone(), vec![piece(&b, 1), piece(&sep, 1)]].concat();
                Some([Template(single), Template(pair)])
            }
            _ => None,
        }
    }
}

/// The template of so many texts, where each of them is in it once.
fn template(
    pieces: Vec<PieceFile>,
    special: &HashMap<String, SpecialToken>,
    texts: usize,
) -> Option<Template> {
    let mut template = Vec::new();
    let mut seen = [0, 0];
    for piece in pieces {
        match piece {
            PieceFile { token: Some(PieceId { id, type_id }), sequence: None } => {
                let ids = special.get(&id)?.ids.iter();
                template.extend(ids.map(|&id| Piece { content: Content::Token(id), type_id }));
            }
            PieceFile { token: None, sequence: Some(PieceId { id, type_id }) } => {
                let index = ["A", "B"].iter().position(|name| *name == id)?;
                seen[index] += 1;
                template.push(Piece { content: Content::Text(index), type_id });
            }
            _ => return None,
        }
    }
    (seen == [1, texts - 1]).then_some(Template(template))
}
