//! SentencePiece's normalization rules in their compiled form (`precompiled_charsmap`): a
//! double-array trie of texts to replace (Darts-clone, by Susumu Yata), then the replacements, each of
//! which ends with a zero byte.
//!
//! The `tokenizers` crate looks up a whole grapheme of less than six bytes, and otherwise each of its
//! characters. It takes the shortest rule that the text begins with, and applies it to the whole text.
//! Models have been used in that way for years, so this module does exactly the same, offsets
//! included.

use unicode_segmentation::UnicodeSegmentation;

use super::chars::{self, Char};

pub(super) struct Charsmap {
    trie: Vec<u32>,
    replacements: String,
}

/// Longer graphemes are replaced character by character.
const MAX_GRAPHEME: usize = 5;

impl Charsmap {
    /// Decodes a map. `None` if it is damaged.
    pub fn from_base64(base64: &str) -> Option<Charsmap> {
        let bytes = decode_base64(base64)?;
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (trie, replacements) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (units, []) = trie.as_chunks::<4>() else { return None };
        let trie = units.iter().map(|&unit| u32::from_le_bytes(unit)).collect();
        Some(Charsmap { trie, replacements: String::from_utf8(replacements.to_vec()).ok()? })
    }

    pub fn apply(&self, chars: &[Char]) -> Vec<Char> {
        let text = chars::text(chars);
        let mut edits = Edits(Vec::with_capacity(chars.len()));
        for grapheme in text.graphemes(true) {
            let whole = grapheme.len() <= MAX_GRAPHEME;
            if let Some(new) = whole.then(|| self.replacement(grapheme)).flatten() {
                edits.replace(grapheme, new);
                continue;
            }
            for (i, char) in grapheme.char_indices() {
                let old = &grapheme[i..i + char.len_utf8()];
                edits.replace(old, self.replacement(old).unwrap_or(old));
            }
        }
        edits.apply(chars)
    }

    /// The number of characters in the longest replacement.
    pub fn max_replacement(&self) -> usize {
        self.replacements.split('\0').map(|new| new.chars().count()).max().unwrap_or(0)
    }

    /// The replacement of the shortest rule that a text begins with.
    fn replacement(&self, text: &str) -> Option<&str> {
        let unit = |node: usize| self.trie.get(node).copied();
        let mut node = offset(unit(0)?);
        for byte in text.bytes().take_while(|&byte| byte != 0) {
            node ^= usize::from(byte);
            let here = unit(node)?;
            // The label of a unit is its low byte. The highest bit says that it has none.
            if here & 0x8000_00ff != u32::from(byte) {
                return None;
            }
            node ^= offset(here);
            if here & 0x100 != 0 {
                let start = unit(node)? & 0x7fff_ffff;
                return self.replacements.get(start as usize..)?.split('\0').next();
            }
        }
        None
    }
}

/// The distance from a unit of the trie to its children.
fn offset(unit: u32) -> usize {
    ((unit >> 10) as usize) << ((unit & 0x200) >> 6)
}

/// The new characters of a text. Each has the number of old characters that it stands for, less one.
#[derive(Default)]
pub(super) struct Edits(Vec<(char, isize)>);

impl Edits {
    /// Adds a character: `added` is 1 if it is an additional one, or minus the number of characters that are
    /// removed after the one that it replaces.
    pub fn push(&mut self, char: char, added: isize) {
        self.0.push((char, -added));
    }

    fn replace(&mut self, old: &str, new: &str) {
        let more = new.chars().count() as isize - old.chars().count() as isize;
        let before = self.0.len();
        self.0.extend(new.chars().map(|char| (char, 0)));
        if more > 0 {
            let added = self.0.len().saturating_sub(more as usize).max(before);
            self.0[added..].iter_mut().for_each(|edit| edit.1 = -1);
        } else if let Some(last) = self.0.last_mut() {
            // The last character takes the removed ones, whichever text it belongs to. At the beginning
            // there is none, and the following characters get the offsets of the removed ones.
            last.1 -= more;
        }
    }

    pub fn apply(self, chars: &[Char]) -> Vec<Char> {
        let mut next = 0;
        let edits = self.0.into_iter().filter_map(|(char, more)| {
            let taken = (1 + more) as usize;
            // An additional character has the offsets of the one before it.
            let source = if taken == 0 { next - 1 } else { next };
            next += taken;
            chars.get(source).map(|c| Char { char, ..*c })
        });
        edits.collect()
    }
}

/// Base64 with the standard alphabet and padding (RFC 4648).
fn decode_base64(base64: &str) -> Option<Vec<u8>> {
    let body = base64.trim_end_matches('=');
    let padding = base64.len() - body.len();
    if !base64.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(base64.len() / 4 * 3);
    for group in body.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for (i, &digit) in group.iter().enumerate() {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits |= u32::from(value) << (26 - 6 * i);
        }
        bytes.extend(&bits.to_be_bytes()[..group.len() * 3 / 4]);
    }
    Some(bytes)
}
