//! Added tokens: texts such as `[SEP]` and `<mask>` that are tokens wherever they occur.

use std::cmp::Reverse;
use std::ops::Range;

/// The tokens to look for in one kind of text: the original text, or the normalized one.
pub(super) struct AddedTokens {
    /// The tokens by their first byte, the longest first.
    by_byte: [Vec<Added>; 256],
}

pub(super) struct Added {
    /// It is not empty. If it begins with white space, no token has `rstrip`.
    pub text: String,
    pub id: u32,
    /// Whether white space before it belongs to it.
    pub lstrip: bool,
    /// Whether white space after it belongs to it.
    pub rstrip: bool,
}

impl AddedTokens {
    pub fn new(tokens: Vec<Added>) -> AddedTokens {
        let mut by_byte = [const { Vec::new() }; 256];
        for token in tokens {
            by_byte[usize::from(token.text.as_bytes()[0])].push(token);
        }
        // A stable sort: of tokens with the same text, the first is found.
        by_byte.iter_mut().for_each(|tokens| tokens.sort_by_key(|t| Reverse(t.text.len())));
        AddedTokens { by_byte }
    }

    pub fn is_empty(&self) -> bool {
        self.by_byte.iter().all(Vec::is_empty)
    }

    /// Splits a text into added tokens, with their ids, and the parts between them.
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

    /// The first token at or after a byte. Of several at the same byte, it is the longest, and of those
    /// the first in the list.
    fn next(&self, text: &str, from: usize) -> Option<(usize, &Added)> {
        let bytes = text.as_bytes();
        (from..bytes.len()).find_map(|start| {
            let here = |token: &&Added| bytes[start..].starts_with(token.text.as_bytes());
            let found = self.by_byte[usize::from(bytes[start])].iter().find(here);
            found.map(|token: &Added| (start, token))
        })
    }
}
