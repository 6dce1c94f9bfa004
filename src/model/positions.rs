//! How the positions of tokens are numbered, and what attention knows of the distance between two tokens.

use std::sync::Arc;

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

/// What the scores of attention depend on besides the states of two tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RelativePositions {
    None,
    /// Queries and keys are rotated by angles that grow with their positions (Su et al. 2021,
    /// arXiv:2104.09864). In each head, elements `i` and `i + dim / 2` are a pair, which is rotated by
    /// `position * frequencies[i]`.
    Rotary {
        frequencies: Vec<f32>,
    },
    /// The score is lowered by the distance times the slope of the head (ALiBi; Press et al. 2021,
    /// arXiv:2108.12409).
    Alibi {
        slopes: Vec<f32>,
    },
    /// A number for each head and signed distance is added to the score (Raffel et al. 2020,
    /// arXiv:1910.10683). `values` are `[heads, 2 * reach + 1]`; the first one of a row is for a query that
    /// comes `reach` tokens before the key. Larger distances have the number of `reach`.
    Bias {
        reach: usize,
        values: Vec<f32>,
    },
    /// Queries and keys are also multiplied by embeddings of the distance (He et al. 2021,
    /// arXiv:2006.03654).
    Disentangled(Arc<Disentangled>),
}

/// Embeddings of distances. A layer projects them as it projects states: with the projection of keys for
/// its queries, and with that of queries for its keys. Scores are the sums of the three products, divided by
/// the square root of three times the width of a head.
#[derive(Debug)]
pub(crate) struct Disentangled {
    /// Embeddings, normalized, `[embeddings, hidden]`.
    pub embeddings: Vec<f32>,
    /// The embedding of each distance of a query from a key, `[2 * reach + 1]`, from `-reach` on. They do not
    /// fall. Larger distances have that of `reach`.
    pub rows: Vec<u32>,
}

impl PartialEq for Disentangled {
    fn eq(&self, other: &Disentangled) -> bool {
        // All layers share them.
        std::ptr::eq(self, other)
            || (self.rows == other.rows && self.embeddings == other.embeddings)
    }
}

impl Disentangled {
    fn fits(&self, hidden: usize) -> bool {
        let count = self.embeddings.len() / hidden;
        self.embeddings.len() == count * hidden
            && self.rows.len() % 2 == 1
            && self.rows.is_sorted()
            && self.rows.iter().all(|&row| (row as usize) < count)
    }
}

impl RelativePositions {
    /// Rotary positions with the frequencies `base^(-2 i / dim)`.
    #[cfg(checkpoints)]
    pub fn rotary(base: f32, dim: usize) -> RelativePositions {
        let frequency = |i: usize| f64::from(base).powf(-2.0 * i as f64 / dim as f64) as f32;
        RelativePositions::Rotary { frequencies: (0..dim / 2).map(frequency).collect() }
    }

    /// ALiBi with the slopes of its paper: a geometric sequence that ends at `2^-8`. If the number of heads
    /// is not a power of two, those beyond one have every second slope of twice that power.
    #[cfg(checkpoints)]
    pub fn alibi(heads: usize) -> RelativePositions {
        let power = if heads.is_power_of_two() { heads } else { heads.next_power_of_two() / 2 };
        let of_power = |of: usize, step: usize| {
            (1..=of).step_by(step).map(move |i| 2.0_f64.powf(-8.0 * i as f64 / of as f64) as f32)
        };
        let slopes = of_power(power, 1).chain(of_power(2 * power, 2)).take(heads).collect();
        RelativePositions::Alibi { slopes }
    }

    /// Whether they are those of `heads` heads of `dim` elements.
    pub(super) fn fit(&self, heads: usize, dim: usize) -> bool {
        match self {
            RelativePositions::None => true,
            RelativePositions::Rotary { frequencies } => 2 * frequencies.len() == dim,
            RelativePositions::Alibi { slopes } => slopes.len() == heads,
            RelativePositions::Disentangled(distances) => distances.fits(heads * dim),
            RelativePositions::Bias { reach, values } => {
                reach.checked_mul(2).and_then(|row| (row + 1).checked_mul(heads))
                    == Some(values.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the papers' code.
    #[test]
    fn frequencies_and_slopes_are_those_of_their_papers() {
        let rotary = RelativePositions::rotary(10_000.0, 8);
        assert_eq!(rotary, RelativePositions::Rotary { frequencies: vec![1.0, 0.1, 0.01, 0.001] });
        let RelativePositions::Alibi { slopes } = RelativePositions::alibi(12) else { panic!() };
        let of_eight: Vec<f32> = (1..=8).map(|i| 0.5_f32.powi(i)).collect();
        assert_eq!(slopes[..8], of_eight);
        for (slope, half_power) in slopes[8..].iter().zip([0.5, 1.5, 2.5, 3.5]) {
            assert!((slope - 2.0_f32.powf(-half_power)).abs() < 1e-7);
        }
    }
}
