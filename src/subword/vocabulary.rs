//! The words and pieces of words that a model knows, found by the hash of their beginning.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Tokens by their text.
///
/// The hash (FNV-1a, Fowler, Noll and Vo) goes through a text byte by byte, so that one pass gives
/// those of all its beginnings. Collisions are looked for in the next slots; nothing that strangers
/// write is ever put in.
#[derive(Default)]
pub(super) struct Vocabulary {
    /// All texts, one after another.
    texts: String,
    tokens: Vec<Token>,
    /// One more than an index of `tokens`, or 0. There are at least twice as many as tokens.
    slots: Vec<u32>,
    /// Bytes of the longest text.
    longest: usize,
}

struct Token {
    start: usize,
    end: usize,
    id: u32,
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
}

impl Vocabulary {
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    pub fn longest(&self) -> usize {
        self.longest
    }

    pub fn id(&self, text: &str) -> Option<u32> {
        self.id_after("", text, Hash::EMPTY.then(text))
    }

    /// The token of `prefix` and `text` together, whose hash is `hash`.
    pub fn id_after(&self, prefix: &str, text: &str, hash: Hash) -> Option<u32> {
        let found = self.find(prefix, text, hash).ok()?;
        Some(self.tokens[found].id)
    }

    /// The token's index, or the slot that it would have.
    fn find(&self, prefix: &str, text: &str, hash: Hash) -> Result<usize, usize> {
        if self.slots.is_empty() {
            return Err(0);
        }
        let mut slot = hash.slot(self.slots.len());
        while let Some(index) = (self.slots[slot] as usize).checked_sub(1) {
            let Token { start, end, .. } = self.tokens[index];
            if self.texts[start..end].strip_prefix(prefix) == Some(text) {
                return Ok(index);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        Err(slot)
    }

    /// Adds a token, or changes the id of one that is there.
    fn insert(&mut self, text: &str, id: u32) {
        if 2 * (self.tokens.len() + 1) > self.slots.len() {
            self.grow();
        }
        match self.find("", text, Hash::EMPTY.then(text)) {
            Ok(index) => self.tokens[index].id = id,
            Err(slot) => {
                let start = self.texts.len();
                self.texts.push_str(text);
                self.tokens.push(Token { start, end: self.texts.len(), id });
                self.slots[slot] = self.tokens.len() as u32;
                self.longest = self.longest.max(text.len());
            }
        }
    }

    fn grow(&mut self) {
        self.slots = vec![0; (2 * self.slots.len()).max(1 << 10)];
        for (index, Token { start, end, .. }) in self.tokens.iter().enumerate() {
            let mut slot = Hash::EMPTY.then(&self.texts[*start..*end]).slot(self.slots.len());
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = index as u32 + 1;
        }
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    /// From an object of ids by text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Vocabulary, D::Error> {
        struct Ids;
        impl<'de> Visitor<'de> for Ids {
            type Value = Vocabulary;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("token ids by text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
                let mut vocabulary = Vocabulary::default();
                while let Some((text, id)) = map.next_entry::<String, u32>()? {
                    vocabulary.insert(&text, id);
                }
                Ok(vocabulary)
            }
        }
        deserializer.deserialize_map(Ids)
    }
}
