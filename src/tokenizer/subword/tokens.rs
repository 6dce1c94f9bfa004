//! The tokens of a text.

use std::ops::Range;

/// The tokens of a text, without special ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::tokenizer) struct Tokens {
    pub ids: Vec<u32>,
    /// The start and the end of each token in the text, in bytes.
    pub offsets: Vec<(usize, usize)>,
}

impl Tokens {
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// A copy of some of the tokens.
    pub fn slice(&self, range: Range<usize>) -> Tokens {
        Tokens { ids: self.ids[range.clone()].to_vec(), offsets: self.offsets[range].to_vec() }
    }

    pub fn push(&mut self, id: u32, offsets: (usize, usize)) {
        self.ids.push(id);
        self.offsets.push(offsets);
    }
}
