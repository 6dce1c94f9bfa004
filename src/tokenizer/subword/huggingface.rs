//! Any tokenizer, run by the `tokenizers` crate.

use tokenizers::{Encoding, Tokenizer};

use super::template::{Content, Piece, Template};
use super::tokens::Tokens;

pub(super) struct HuggingFace(Tokenizer);

/// Ids that stand for the texts in a template. No vocabulary is so large.
const TEXTS: [u32; 2] = [u32::MAX - 1, u32::MAX];

impl HuggingFace {
    /// Loads the tokenizer, and the templates for one text and for two. Errors have the crate's wording.
    pub fn load(json: &[u8]) -> Result<(HuggingFace, [Template; 2]), String> {
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(|e| e.to_string())?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
        let [a, b] = TEXTS.map(one_token);
        let add_special = |second: Option<Encoding>| {
            let texts = &TEXTS[..1 + usize::from(second.is_some())];
            let with_special = tokenizer.post_process(a.clone(), second, true);
            with_special.map(|encoding| template(&encoding, texts)).map_err(|e| e.to_string())
        };
        let templates = [add_special(None)?, add_special(Some(b))?];
        Ok((HuggingFace(tokenizer), templates))
    }

    pub fn vocab_size(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    pub fn tokenize(&self, text: &str, offsets: bool) -> Result<Tokens, String> {
        let encoding = match offsets {
            true => self.0.encode(text, false),
            false => self.0.encode_fast(text, false),
        };
        let encoding = encoding.map_err(|e| e.to_string())?;
        // The ends of byte-level tokens may lie within a character, and trimming of white space counts
        // characters: offsets are rounded to whole characters.
        let whole =
            |&(start, end): &_| (text.floor_char_boundary(start), text.ceil_char_boundary(end));
        let offsets = encoding.get_offsets().iter().map(whole).collect();
        Ok(Tokens { ids: encoding.get_ids().to_vec(), offsets })
    }
}

fn one_token(id: u32) -> Encoding {
    let (strings, offsets) = (vec![String::new()], vec![(0, 0)]);
    let zero = || vec![0];
    let overflowing = Vec::new();
    Encoding::new(
        vec![id],
        zero(),
        strings,
        vec![None],
        offsets,
        zero(),
        zero(),
        overflowing,
        Default::default(),
    )
}

fn template(encoding: &Encoding, texts: &[u32]) -> Template {
    let pieces = encoding.get_ids().iter().zip(encoding.get_type_ids()).map(|(&id, &type_id)| {
        let text = texts.iter().position(|&text| text == id);
        Piece { content: text.map_or(Content::Token(id), Content::Text), type_id }
    });
    Template(pieces.collect())
}
