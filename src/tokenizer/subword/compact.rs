//! The compact form of a `tokenizer.json`, which prepared models hold: the vocabulary of a tokenizer of
//! many languages takes a fifth of its bytes in JSON, and loads without a parser.
//!
//! All numbers are little-endian.
//!
//! | Bytes | Content |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 4 | u32: the length J of the JSON |
//! | 4 | u32: the number N of tokens in the vocabulary |
//! | 4 | u32: the bytes S of a score: 4 (f32), 8 (f64), or 0 if tokens have no scores |
//! | J | `tokenizer.json`, in which `model.vocab` is empty |
//! | N * S | the scores of the tokens, in the order of their ids, which begin with 0 |
//! | N | the lengths of the tokens in bytes, u8 |
//! | the rest | the texts of the tokens in UTF-8, one after another |

use serde_json::{Value, json};

use super::vocabulary::{Pieces, Vocabulary};

/// No JSON begins with a zero byte.
const MAGIC: &[u8; 8] = b"\0tokens\0";

/// Whether a file begins as the compact form does.
pub(crate) fn is_compact(file: &[u8]) -> bool {
    file.starts_with(MAGIC)
}

/// The JSON and the vocabulary of a compact form. `None` if it is damaged.
pub(super) fn read(file: &[u8]) -> Option<(&[u8], Pieces)> {
    let parts = Parts::split(file)?;
    let vocabulary = Vocabulary::from_texts(parts.texts, parts.tokens());
    Some((parts.json, Pieces { vocabulary, scores: parts.scores() }))
}

/// The parts of a compact form.
struct Parts<'a> {
    json: &'a [u8],
    scores: &'a [u8],
    lengths: &'a [u8],
    texts: &'a str,
}

impl<'a> Parts<'a> {
    fn split(file: &'a [u8]) -> Option<Parts<'a>> {
        let rest = file.strip_prefix(MAGIC)?;
        let (sizes, rest) = rest.split_first_chunk::<12>()?;
        let size = |i: usize| u32::from_le_bytes([0, 1, 2, 3].map(|j| sizes[4 * i + j])) as usize;
        let (json, rest) = rest.split_at_checked(size(0))?;
        let (scores, rest) = rest.split_at_checked(size(1).checked_mul(size(2))?)?;
        let (lengths, texts) = rest.split_at_checked(size(1))?;
        let parts = Parts { json, scores, lengths, texts: std::str::from_utf8(texts).ok()? };
        let mut end = 0;
        let fits = lengths.iter().all(|&length| {
            end += usize::from(length);
            parts.texts.is_char_boundary(end)
        });
        (fits && end == texts.len() && matches!(size(2), 0 | 4 | 8)).then_some(parts)
    }

    fn tokens(&self) -> impl ExactSizeIterator<Item = &'a str> {
        let mut rest = self.texts;
        self.lengths.iter().map(move |&length| {
            let (token, after) = rest.split_at(length.into());
            rest = after;
            token
        })
    }

    fn scores(&self) -> Vec<f64> {
        match self.scores.len() == 4 * self.lengths.len() {
            true => {
                let scores = self.scores.as_chunks().0.iter();
                scores.map(|&score| f32::from_le_bytes(score).into()).collect()
            }
            false => self.scores.as_chunks().0.iter().map(|&s| f64::from_le_bytes(s)).collect(),
        }
    }
}

/// A tokenizer as it is written: its JSON, and its vocabulary apart from that.
pub(super) struct Contents {
    /// `tokenizer.json`, in which `model.vocab` is empty.
    pub json: Value,
    /// The tokens by id.
    pub tokens: Vec<String>,
    /// The scores by id. Empty if tokens have none.
    pub scores: Vec<f64>,
}

impl Contents {
    /// Reads either form of a tokenizer. `None` if it is of another kind, its ids are not those of a list,
    /// or a token is too long for the compact form.
    pub fn read(file: &[u8]) -> Option<Contents> {
        if let Some(parts) = Parts::split(file) {
            let json = serde_json::from_slice(parts.json).ok()?;
            let tokens = parts.tokens().map(str::to_owned).collect();
            return Some(Contents { json, tokens, scores: parts.scores() });
        }
        let mut json: Value = serde_json::from_slice(file).ok()?;
        let kind = json.pointer("/model/type").and_then(Value::as_str);
        if !matches!(kind, None | Some("Unigram" | "WordPiece")) {
            return None;
        }
        let (mut tokens, mut scores) = (Vec::new(), Vec::new());
        match json.pointer_mut("/model/vocab")?.take() {
            Value::Array(pieces) => {
                for piece in pieces {
                    let (token, score) = serde_json::from_value(piece).ok()?;
                    tokens.push(token);
                    scores.push(score);
                }
            }
            Value::Object(ids) => {
                tokens.resize(ids.len(), String::new());
                for (token, id) in ids {
                    let place = tokens.get_mut(usize::try_from(id.as_u64()?).ok()?)?;
                    *place = token;
                }
            }
            _ => return None,
        }
        json["model"]["vocab"] = json!([]);
        let fits = |token: &String| (1..=u8::MAX.into()).contains(&token.len());
        tokens.iter().all(fits).then_some(Contents { json, tokens, scores })
    }

    /// The compact form.
    pub fn write(&self) -> Vec<u8> {
        let json = self.json.to_string();
        let single = self.scores.iter().all(|&score| f64::from(score as f32) == score);
        let score_bytes = if self.scores.is_empty() { 0 } else { [8, 4][usize::from(single)] };
        let mut file = MAGIC.to_vec();
        for size in [json.len(), self.tokens.len(), score_bytes] {
            file.extend((size as u32).to_le_bytes());
        }
        file.extend(json.as_bytes());
        for &score in &self.scores {
            match single {
                true => file.extend((score as f32).to_le_bytes()),
                false => file.extend(score.to_le_bytes()),
            }
        }
        file.extend(self.tokens.iter().map(|token| token.len() as u8));
        self.tokens.iter().for_each(|token| file.extend(token.as_bytes()));
        file
    }
}
