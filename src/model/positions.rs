//! How the positions of tokens are numbered.

/// Which row of the position embeddings belongs to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PositionScheme {
    /// The row is the number of tokens before it.
    FromZero,
    /// RoBERTa's scheme: the row is the id of the padding token plus the number of other tokens up to
    /// this one. The row of a padding token is its id, even within a text.
    AfterPadding(u32),
}

impl PositionScheme {
    /// The rows of a sequence's tokens.
    pub fn rows(self, ids: &[u32]) -> Vec<u32> {
        match self {
            PositionScheme::FromZero => (0..ids.len() as u32).collect(),
            PositionScheme::AfterPadding(padding) => {
                let mut last = padding;
                let row = |&id: &u32| {
                    if id == padding {
                        return padding;
                    }
                    last = last.saturating_add(1);
                    last
                };
                ids.iter().map(row).collect()
            }
        }
    }

    /// The number of rows that no token but the padding can have.
    pub fn reserved(self) -> usize {
        match self {
            PositionScheme::FromZero => 0,
            PositionScheme::AfterPadding(padding) => (padding as usize).saturating_add(1),
        }
    }
}
