//! Added tokens: texts that are tokens wherever they stand, such as `[SEP]` and `<mask>`.

use std::ops::Range;

/// Tokens to look for in one kind of text: as it is, or normalised.
pub(super) struct AddedTokens {
    tokens: Vec<Added>,
    /// Whether a token begins with a byte.
    first: [bool; 256],
}

pub(super) struct Added {
    /// It does not begin with white space.
    pub text: String,
    pub id: u32,
    /// White space before it is its own.
    pub lstrip: bool,
    /// White space after it is its own.
    pub rstrip: bool,
}

impl AddedTokens {
    pub fn new(tokens: Vec<Added>) -> AddedTokens {
        let mut first = [false; 256];
        for byte in tokens.iter().filter_map(|token| token.text.bytes().next()) {
            first[usize::from(byte)] = true;
        }
        AddedTokens { tokens, first }
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// All of a text in order: tokens by their ids, and what stands between them.
    pub fn split(&self, text: &str) -> Vec<(Option<u32>, Range<usize>)> {
        let mut parts = Vec::new();
        let mut rest = 0;
        let mut from = 0;
        while let Some((found, token)) = self.next(text, from) {
            from = found + token.text.len();
            let (mut start, mut end) = (found, from);
            if token.lstrip {
                start = rest.max(text[..start].trim_end().len());
            }
            if token.rstrip {
                end = text.len() - text[end..].trim_start().len();
            }
            if rest < start {
                parts.push((None, rest..start));
            }
            parts.push((Some(token.id), start..end));
            rest = end;
        }
        if rest < text.len() {
            parts.push((None, rest..text.len()));
        }
        parts
    }

    /// The first token from a byte on; of several there the longest, and of these the first.
    fn next(&self, text: &str, from: usize) -> Option<(usize, &Added)> {
        let bytes = text.as_bytes();
        let starts = (from..bytes.len()).filter(|&start| self.first[usize::from(bytes[start])]);
        starts.into_iter().find_map(|start| {
            let here = |token: &&Added| bytes[start..].starts_with(token.text.as_bytes());
            let found = self.tokens.iter().rev().filter(here).max_by_key(|token| token.text.len());
            found.map(|token| (start, token))
        })
    }
}
