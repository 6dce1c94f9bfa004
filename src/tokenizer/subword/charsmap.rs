//! SentencePiece's normalization rules, as its models hold them compiled (`precompiled_charsmap`):
//! a double-array trie of texts to replace (Darts-clone, by Susumu Yata), then the replacements, each
//! with a zero behind it.
//!
//! The `tokenizers` crate looks a whole grapheme of less than six bytes up, then each character. It
//! takes the shortest rule that a text begins with, and the rule stands for all of the text. Models
//! have been used with that for years, so that it is done here to the letter, places too.

use unicode_segmentation::UnicodeSegmentation;

use super::chars::{self, Char};

pub(super) struct Charsmap {
    trie: Vec<u32>,
    replacements: String,
}

/// Longer graphemes are replaced character by character.
const MAX_GRAPHEME: usize = 5;

impl Charsmap {
    /// From base64; `None` where it is no such map.
    pub fn read(base64: &str) -> Option<Charsmap> {
        let bytes = decode(base64)?;
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

    /// Characters of the longest replacement.
    pub fn longest(&self) -> usize {
        self.replacements.split('\0').map(|new| new.chars().count()).max().unwrap_or(0)
    }

    /// By the shortest rule that a text begins with.
    fn replacement(&self, text: &str) -> Option<&str> {
        let unit = |node: usize| self.trie.get(node).copied();
        let mut node = offset(unit(0)?);
        for byte in text.bytes().take_while(|&byte| byte != 0) {
            node ^= usize::from(byte);
            let here = unit(node)?;
            // A unit's label is its low byte; the highest bit says that it has none.
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

/// What leads from a unit of the trie to those that follow it.
fn offset(unit: u32) -> usize {
    ((unit >> 10) as usize) << ((unit & 0x200) >> 6)
}

/// A text's new characters, each with how many more old ones it stands for than one.
struct Edits(Vec<(char, isize)>);

impl Edits {
    fn replace(&mut self, old: &str, new: &str) {
        let more = new.chars().count() as isize - old.chars().count() as isize;
        let before = self.0.len();
        self.0.extend(new.chars().map(|char| (char, 0)));
        if more > 0 {
            let added = self.0.len().saturating_sub(more as usize).max(before);
            self.0[added..].iter_mut().for_each(|edit| edit.1 = -1);
        } else if let Some(last) = self.0.last_mut() {
            // What goes is the last character's, whichever text that belongs to. At the beginning
            // there is none, and the places of what follows are those of what went.
            last.1 -= more;
        }
    }

    fn apply(self, chars: &[Char]) -> Vec<Char> {
        let mut next = 0;
        let edits = self.0.into_iter().filter_map(|(char, more)| {
            let taken = (1 + more) as usize;
            // A character that is one more has the place of that before it.
            let source = if taken == 0 { next - 1 } else { next };
            next += taken;
            chars.get(source).map(|c| Char { char, ..*c })
        });
        edits.collect()
    }
}

/// Base64 with the standard alphabet and padding (RFC 4648).
fn decode(base64: &str) -> Option<Vec<u8>> {
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
