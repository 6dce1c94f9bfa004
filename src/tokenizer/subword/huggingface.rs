//! Any tokenizer, by the `tokenizers` crate.

use tokenizers::{Encoding, Tokenizer};

use super::Tokens;
use super::template::{Content, Piece, Template};

pub(super) struct HuggingFace(Tokenizer);

/// Ids that stand for a text in a template; no vocabulary is so large.
const TEXTS: [u32; 2] = [u32::MAX - 1, u32::MAX];

impl HuggingFace {
    /// The tokenizer, and the templates of one text and of two. Errors are the crate's own words.
    pub fn load(json: &[u8]) -> Result<(HuggingFace, [Template; 2]), String> {
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(|e| e.to_string())?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
        let [a, b] = TEXTS.map(one_token);
        let close = |second: Option<Encoding>| {
            let texts = &TEXTS[..1 + usize::from(second.is_some())];
            let closed = tokenizer.post_process(a.clone(), second, true);
            closed.map(|closed| template(&closed, texts)).map_err(|e| e.to_string())
        };
        let templates = [close(None)?, close(Some(b))?];
        Ok((HuggingFace(tokenizer), templates))
    }

    pub fn vocab_size(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    pub fn tokenize(&self, text: &str, places: bool) -> Result<Tokens, String> {
        let encoding = match places {
            true => self.0.encode(text, false),
            false => self.0.encode_fast(text, false),
        };
        let encoding = encoding.map_err(|e| e.to_string())?;
        // Byte-level tokens may be parts of a character, and what trims white space off a token
        // counts characters: places are made whole.
        let whole =
            |&(start, end): &_| (text.floor_char_boundary(start), text.ceil_char_boundary(end));
        let places = encoding.get_offsets().iter().map(whole).collect();
        Ok(Tokens { ids: encoding.get_ids().to_vec(), places })
    }
}

fn one_token(id: u32) -> Encoding {
    let (strings, places) = (vec![String::new()], vec![(0, 0)]);
    let zero = || vec![0];
    let overflowing = Vec::new();
    Encoding::new(
        vec![id],
        zero(),
        strings,
        vec![None],
        places,
        zero(),
        zero(),
        overflowing,
        Default::default(),
    )
}

fn template(closed: &Encoding, texts: &[u32]) -> Template {
    let pieces = closed.get_ids().iter().zip(closed.get_type_ids()).map(|(&id, &type_id)| {
        let text = texts.iter().position(|&text| text == id);
        Piece { content: text.map_or(Content::Token(id), Content::Text), type_id }
    });
    Template(pieces.collect())
}
