//! The score of a document.

use serde::{Deserialize, Serialize};

use crate::kernels::sigmoid;
use crate::tokenizer::{Encoding, Span};

/// The score of one document for one query.
///
/// ```
/// # fn main() -> crossrank::Result<()> {
/// # if crossrank::ModelFiles::bundled_reranker().is_err() { return Ok(()) }
/// let reranker = crossrank::Reranker::bundled()?;
/// let document = "A vector database is a database that stores vectors and finds the nearest ones.";
/// let score = reranker.score(&[("what is a vector database", document)])?[0];
/// assert!(score.score > 0.5 && score.logit > 0.0);
/// assert!(!score.truncated && score.span.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// The relevance, from 0 to 1: the sigmoid of `logit`.
    pub score: f32,
    /// The output of the model.
    pub logit: f32,
    /// Whether the document was cut to fit the model.
    pub truncated: bool,
    /// Whether the query was cut to fit the model.
    pub query_truncated: bool,
    /// The number of tokens that the model reads for the document, with the query. It is 0 in scores of
    /// a remote service, which does not report it.
    pub tokens: usize,
    /// The best window, whose score this is, if the document was split into windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

impl Score {
    pub(crate) fn of(encoding: &Encoding, span: Option<Span>, logit: f32) -> Score {
        Score {
            score: sigmoid(logit),
            logit,
            truncated: encoding.document_truncated,
            query_truncated: encoding.query_truncated,
            tokens: encoding.ids.len(),
            span,
        }
    }

    /// Serializes the score for [`Score::from_bytes`].
    pub(crate) fn to_bytes(self) -> [u8; SCORE_BYTES] {
        let span = self.span.map_or([u32::MAX; 2], |span| [span.start as u32, span.end as u32]);
        let flags = u32::from(self.truncated) | u32::from(self.query_truncated) << 1;
        let words = [self.logit.to_bits(), self.tokens as u32, flags, span[0], span[1]];
        let mut bytes = [0; SCORE_BYTES];
        for (out, word) in bytes.chunks_exact_mut(4).zip(words) {
            out.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Deserializes a score.
    pub(crate) fn from_bytes(bytes: &[u8; SCORE_BYTES]) -> Score {
        let word = |i: usize| u32::from_le_bytes(std::array::from_fn(|byte| bytes[i * 4 + byte]));
        let logit = f32::from_bits(word(0));
        let (start, end) = (word(3) as usize, word(4) as usize);
        Score {
            score: sigmoid(logit),
            logit,
            truncated: word(2) & 1 != 0,
            query_truncated: word(2) & 2 != 0,
            tokens: word(1) as usize,
            span: (word(3) != u32::MAX).then_some(Span { start, end }),
        }
    }

    /// Combines the scores of two windows of a document: the better one, with the tokens of both. A NaN
    /// is kept, so that it is noticed.
    fn or_better(self, other: Score) -> Score {
        let keep = self.logit.is_nan() || self.logit >= other.logit;
        let best = if keep { self } else { other };
        Score {
            truncated: self.truncated || other.truncated,
            query_truncated: self.query_truncated || other.query_truncated,
            tokens: self.tokens + other.tokens,
            ..best
        }
    }
}

/// The length of a serialized score.
pub(crate) const SCORE_BYTES: usize = 20;

/// The best window of a document, whose scores come one after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BestWindow {
    left: usize,
    best: Option<Score>,
}

impl BestWindow {
    /// For a document of `count` windows.
    pub fn new(count: usize) -> BestWindow {
        BestWindow { left: count, best: None }
    }

    /// Adds the score of a window. The last one gives the score of the document.
    pub fn add(&mut self, score: Score) -> Option<Score> {
        self.best = Some(self.best.map_or(score, |best| best.or_better(score)));
        self.left = self.left.saturating_sub(1);
        self.best.filter(|_| self.left == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: usize, logit: f32) -> Score {
        let encoding = Encoding {
            ids: vec![0; 10],
            type_ids: vec![0; 10],
            query_truncated: false,
            document_truncated: start == 2,
        };
        Score::of(&encoding, Some(Span { start, end: start + 1 }), logit)
    }

    #[test]
    fn bytes_hold_a_whole_score() {
        let cut = Score { truncated: true, span: None, ..window(2, -0.1) };
        for score in [window(3, 1.5), cut, Score { query_truncated: true, ..cut }] {
            assert_eq!(Score::from_bytes(&score.to_bytes()), score);
        }
    }

    #[test]
    fn the_best_window_stands_for_the_document() {
        let mut windows = BestWindow::new(3);
        assert_eq!(windows.add(window(0, 1.0)), None);
        assert_eq!(windows.add(window(1, 3.0)), None);
        let score = windows.add(window(2, 2.0)).unwrap();
        assert_eq!((score.logit, score.tokens, score.truncated), (3.0, 30, true));
        assert_eq!(score.span, Some(Span { start: 1, end: 2 }));
    }

    #[test]
    fn a_nan_of_a_window_is_not_lost() {
        for logits in [[f32::NAN, 1.0], [1.0, f32::NAN]] {
            let mut windows = BestWindow::new(2);
            assert_eq!(windows.add(window(0, logits[0])), None);
            assert!(windows.add(window(1, logits[1])).unwrap().logit.is_nan());
        }
    }
}
