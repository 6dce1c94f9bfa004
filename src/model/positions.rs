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
    /// The scheme by which the first two tokens of a sequence, neither of which is the padding, have
    /// these rows.
    pub fn of_rows(rows: &[i64]) -> Option<PositionScheme> {
        match *rows {
            [0, 1] => Some(PositionScheme::FromZero),
            [first, second] if second.checked_sub(first) == Some(1) => {
                Some(PositionScheme::AfterPadding(first.checked_sub(1)?.try_into().ok()?))
            }
            _ => None,
        }
    }

    /// The padding's id, or -1 if positions do not depend on it.
    pub fn padding(self) -> i32 {
        match self {
            PositionScheme::FromZero => -1,
            PositionScheme::AfterPadding(padding) => padding.try_into().unwrap_or(i32::MAX),
        }
    }

    /// The scheme of a [`PositionScheme::padding`].
    pub fn of_padding(padding: i32) -> PositionScheme {
        padding.try_into().map_or(PositionScheme::FromZero, PositionScheme::AfterPadding)
    }

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
