//! The vocabulary of a model, searched by the hash of beginnings of words.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Tokens by their text.
///
/// The hash (FNV-1a, Fowler, Noll and Vo) takes a text byte by byte, so one pass gives the hashes of all
/// its beginnings. The table uses linear probing. A file that is made to have many collisions loads
/// slowly, but texts cannot add any. Two bits for each hash tell, before any text is compared, whether
/// there is anything to find.
pub(super) struct Vocabulary {
    /// All texts, one after another.
    texts: String,
    tokens: Vec<Token>,
    /// An index of `tokens` plus one, or 0 for an empty slot. There are at least twice as many slots as
    /// tokens.
    slots: Vec<u32>,
    /// Pairs of bits by hash, `HINTS` pairs for each slot: whether a token begins with the text, and
    /// whether the text is a token.
    hints: Vec<u64>,
    /// The length of the longest text in bytes.
    max_bytes: usize,
}

struct Token {
    start: u32,
    end: u32,
    id: u32,
}

impl Token {
    fn text<'a>(&self, texts: &'a str) -> &'a str {
        &texts[self.start as usize..self.end as usize]
    }
}

/// In vocabularies of many languages, a tenth of the first bits are set.
const HINTS: usize = 16;

/// The slots of a vocabulary whose size is not known.
const MIN_SLOTS: usize = 1 << 10;

/// What the hash of a text implies: `false` is certain, `true` is not.
pub(super) struct Hint {
    /// A token may begin with the text.
    pub begins: bool,
    /// The text may be a token.
    pub whole: bool,
}

/// The state of the hash function.
#[derive(Clone, Copy)]
pub(super) struct Hash(u32);

impl Hash {
    pub const EMPTY: Hash = Hash(0x811c_9dc5);

    pub fn then(self, text: &str) -> Hash {
        let step = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Hash(text.bytes().fold(self.0, step))
    }

    fn slot(self, slots: usize) -> usize {
        // The low bits of FNV alone are weak.
        (self.0 ^ (self.0 >> 15)) as usize & (slots - 1)
    }

    /// The index of the hint word (of `words`), and of the first of its two bits.
    fn hint(self, words: usize) -> (usize, u32) {
        let mixed = u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        ((mixed >> 5) as usize & (words - 1), 2 * (mixed & 31) as u32)
    }
}

impl Default for Vocabulary {
    fn default() -> Vocabulary {
        Vocabulary::with_slots(MIN_SLOTS)
    }
}

impl Vocabulary {
    /// `slots` must be a power of two.
    fn with_slots(slots: usize) -> Vocabulary {
        Vocabulary {
            texts: String::new(),
            tokens: Vec::new(),
            slots: vec![0; slots],
            hints: vec![0; slots * HINTS / 32],
            max_bytes: 0,
        }
    }

    /// The vocabulary of tokens whose ids are their places. `texts` holds them one after another.
    pub fn from_texts<'a>(
        texts: &str,
        tokens: impl ExactSizeIterator<Item = &'a str>,
    ) -> Vocabulary {
        let slots = (2 * (tokens.len() + 1)).next_power_of_two();
        let mut vocabulary = Vocabulary::with_slots(slots.max(MIN_SLOTS));
        vocabulary.texts.reserve_exact(texts.len());
        vocabulary.tokens.reserve_exact(tokens.len());
        tokens.zip(0..).for_each(|(text, id)| vocabulary.insert(text, id));
        vocabulary
    }

    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// All tokens with their ids, in the order of the file.
    #[cfg(all(feature = "site", not(target_arch = "wasm32")))]
    pub fn tokens(&self) -> impl Iterator<Item = (&str, u32)> {
        self.tokens.iter().map(|token| (token.text(&self.texts), token.id))
    }

    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    pub fn id(&self, text: &str) -> Option<u32> {
        self.id_after("", text, Hash::EMPTY.then(text))
    }

    /// The id of the token that consists of `prefix` and `text`. `hash` is the hash of both together.
    pub fn id_after(&self, prefix: &str, text: &str, hash: Hash) -> Option<u32> {
        let found = self.find(prefix, text, hash).ok()?;
        Some(self.tokens[found].id)
    }

    /// The index of a token, or the slot that it would get.
    fn find(&self, prefix: &str, text: &str, hash: Hash) -> Result<usize, usize> {
        let mut slot = hash.slot(self.slots.len());
        while let Some(index) = (self.slots[slot] as usize).checked_sub(1) {
            if self.tokens[index].text(&self.texts).strip_prefix(prefix) == Some(text) {
                return Ok(index);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        Err(slot)
    }

    pub fn hint(&self, hash: Hash) -> Hint {
        let (word, bit) = hash.hint(self.hints.len());
        let bits = self.hints[word] >> bit;
        Hint { begins: bits & 1 != 0, whole: bits & 2 != 0 }
    }

    /// Sets the hints of a token's text and of all its beginnings.
    fn set_hints(hints: &mut [u64], text: &str) {
        let mut hash = Hash::EMPTY;
        for (start, char) in text.char_indices() {
            let end = start + char.len_utf8();
            hash = hash.then(&text[start..end]);
            let (word, bit) = hash.hint(hints.len());
            hints[word] |= if end == text.len() { 3 } else { 1 } << bit;
        }
    }

    /// Adds a token, or changes the id of an existing one.
    fn insert(&mut self, text: &str, id: u32) {
        if 2 * (self.tokens.len() + 1) > self.slots.len() {
            self.grow();
        }
        match self.find("", text, Hash::EMPTY.then(text)) {
            Ok(index) => self.tokens[index].id = id,
            Err(slot) => {
                let start = self.texts.len() as u32;
                self.texts.push_str(text);
                self.tokens.push(Token { start, end: self.texts.len() as u32, id });
                self.slots[slot] = self.tokens.len() as u32;
                self.max_bytes = self.max_bytes.max(text.len());
                Vocabulary::set_hints(&mut self.hints, text);
            }
        }
    }

    fn grow(&mut self) {
        let Vocabulary { slots, hints, .. } = Vocabulary::with_slots(2 * self.slots.len());
        (self.slots, self.hints) = (slots, hints);
        for (index, token) in self.tokens.iter().enumerate() {
            let text = token.text(&self.texts);
            let mut slot = Hash::EMPTY.then(text).slot(self.slots.len());
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = index as u32 + 1;
            Vocabulary::set_hints(&mut self.hints, text);
        }
    }
}

/// A vocabulary as it is stored in a file: ids by text, or a list of texts and scores in the order of
/// the ids.
pub(super) struct Pieces {
    pub vocabulary: Vocabulary,
    /// The scores by id. Empty if the file has none.
    pub scores: Vec<f64>,
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pieces, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Pieces;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("token ids by text, or texts with scores")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pieces, A::Error> {
                let mut vocabulary = Vocabulary::default();
                while let Some((text, id)) = map.next_entry::<String, u32>()? {
                    vocabulary.insert(&text, id);
                }
                Ok(Pieces { vocabulary, scores: Vec::new() })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pieces, A::Error> {
                let (mut vocabulary, mut scores) = (Vocabulary::default(), Vec::new());
                while let Some((text, score)) = list.next_element::<(String, f64)>()? {
                    vocabulary.insert(&text, scores.len() as u32);
                    scores.push(score);
                }
                Ok(Pieces { vocabulary, scores })
            }
        }
        deserializer.deserialize_any(Either)
    }
}
