//! The special tokens around the texts in a sequence.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The pieces of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(pub Vec<Piece>);

/// A piece of a sequence, and the type of its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub content: Content,
    pub type_id: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A special token.
    Token(u32),
    /// All tokens of one of the texts.
    Text(usize),
}

/// The part of a file that adds special tokens: `TemplateProcessing`, or `BertProcessing` or
/// `RobertaProcessing` with `cls` and `sep`.
#[derive(Deserialize)]
pub(super) struct PostProcessor {
    r#type: String,
    single: Option<Vec<PieceFile>>,
    pair: Option<Vec<PieceFile>>,
    special_tokens: Option<HashMap<String, SpecialToken>>,
    sep: Option<(IgnoredAny, u32)>,
    cls: Option<(IgnoredAny, u32)>,
    trim_offsets: Option<bool>,
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

impl PostProcessor {
    /// Whether the white space at the ends of tokens does not belong to their offsets.
    pub fn trims_offsets(&self) -> bool {
        // The default of the crate is to trim.
        self.r#type == "RobertaProcessing" && self.trim_offsets != Some(false)
    }

    /// The templates for one text and for two.
    pub fn templates(self) -> Result<[Template; 2], String> {
        let unknown = || format!("its post_processor is {}", self.r#type);
        match self.r#type.as_str() {
            "TemplateProcessing" => {
                let parse = |pieces: &Option<Vec<PieceFile>>, texts| {
                    template(pieces.as_ref()?, self.special_tokens.as_ref()?, texts)
                };
                parse(&self.single, 1).zip(parse(&self.pair, 2)).map(|(a, b)| [a, b])
            }
            "BertProcessing" => self.with_cls_and_sep(&[], 1),
            "RobertaProcessing" => {
                self.with_cls_and_sep(self.sep.as_ref().map(|sep| sep.1).as_slice(), 0)
            }
            _ => None,
        }
        .ok_or_else(unknown)
    }

    /// `cls A sep`, followed by `between B sep` if there is a second text. The second part has the token
    /// type `second_type`.
    fn with_cls_and_sep(&self, between: &[u32], second_type: u32) -> Option<[Template; 2]> {
        let (cls, sep) = (self.cls.as_ref()?.1, self.sep.as_ref()?.1);
        let token = |id, type_id| Piece { content: Content::Token(id), type_id };
        let text = |index, type_id| Piece { content: Content::Text(index), type_id };
        let single = vec![token(cls, 0), text(0, 0), token(sep, 0)];
        let mut pair = single.clone();
        pair.extend(between.iter().map(|&id| token(id, second_type)));
        pair.extend([text(1, second_type), token(sep, second_type)]);
        Some([Template(single), Template(pair)])
    }
}

/// The template of `texts` texts, or `None` if any of them does not occur exactly once.
fn template(
    pieces: &[PieceFile],
    special: &HashMap<String, SpecialToken>,
    texts: usize,
) -> Option<Template> {
    let mut template = Vec::new();
    let mut seen = [0, 0];
    for piece in pieces {
        match piece {
            PieceFile { token: Some(PieceId { id, type_id }), sequence: None } => {
                let ids = special.get(id)?.ids.iter();
                let piece = |&id| Piece { content: Content::Token(id), type_id: *type_id };
                template.extend(ids.map(piece));
            }
            PieceFile { token: None, sequence: Some(PieceId { id, type_id }) } => {
                let index = ["A", "B"].iter().position(|name| name == id)?;
                seen[index] += 1;
                template.push(Piece { content: Content::Text(index), type_id: *type_id });
            }
            _ => return None,
        }
    }
    (seen == [1, texts - 1]).then_some(Template(template))
}
