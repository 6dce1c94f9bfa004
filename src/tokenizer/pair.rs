//! Pairs of a query and a document, and a document's windows.

use super::{Encoding, Span, Tokenizer, Tokens, Truncation, cut};
use crate::error::{Error, ErrorKind, Result};

/// How long the parts of a pair may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Tokens in a pair, special tokens included; `None` is the tokenizer's own maximum.
    pub pair: Option<usize>,
    /// Tokens of a document, before it is paired.
    pub document: Option<usize>,
    pub truncation: Truncation,
    /// Split longer documents; `None` cuts them.
    pub windows: Option<WindowLimits>,
}

/// How a long document is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowLimits {
    /// Tokens in the pair of query and window, special tokens included.
    pub pair: usize,
    /// The most windows of a document; what lies behind them is cut.
    pub most: usize,
}

/// A tokenizer for text pairs of at most `max_length` tokens, which are cut with Hugging Face's
/// `longest_first`.
pub(crate) struct PairTokenizer(Tokenizer);

impl PairTokenizer {
    /// Reads a `tokenizer.json`, for a model that knows `words` tokens, where that is said.
    pub fn load(json: &[u8], max_length: usize, words: Option<usize>) -> Result<PairTokenizer> {
        Tokenizer::load(json, true, max_length, words).map(PairTokenizer)
    }

    /// The most tokens in an encoding.
    pub fn max_length(&self) -> usize {
        self.0.max_length()
    }

    /// A query to pair with documents.
    pub fn query(&self, text: &str, limits: Limits) -> Result<Query> {
        let invalid = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
        let Tokenizer { mut most, special_tokens, .. } = self.0;
        if let Some(pair) = limits.pair {
            if pair <= special_tokens || pair > self.max_length() {
                return invalid(format!(
                    "max_length is {pair} and must be from {} to {}",
                    special_tokens + 1,
                    self.max_length()
                ));
            }
            most = pair - special_tokens;
        }
        if limits.document == Some(0) {
            return invalid("the most tokens of a document must be at least 1".into());
        }
        if limits.windows.is_some_and(|windows| windows.most == 0) {
            return invalid("the most windows of a document must be at least 1".into());
        }
        let tokens = self.0.tokenize(text, false).map_err(|e| e.at("the query"))?;
        let length = tokens.len();
        Ok(Query { tokens: cut(tokens, most, limits.truncation), length, most, limits })
    }

    /// The token ids of a query with a document. The document's error does not name the document.
    pub fn pair(&self, query: &Query, document: &str) -> Result<Encoding> {
        let tokens = self.document(query, document, false)?;
        self.join(query, tokens)
    }

    /// The token ids of a query with each window of a document: one pair where the document is
    /// short, or is to be cut.
    pub fn windows(&self, query: &Query, document: &str) -> Result<Vec<Window>> {
        let whole = |encoding| vec![Window { encoding, span: None }];
        let Some(room) = self.window_room(query).filter(|&room| room < document.len()) else {
            // A token has at least a byte, so that this document is no longer than a window.
            return Ok(whole(self.pair(query, document)?));
        };
        let document = self.document(query, document, true)?;
        let length = document.tokens.len();
        if length <= room {
            return Ok(whole(self.join(query, document)?));
        }
        let overlap = room / OVERLAP;
        // As many windows as it takes, of about one length: a short one at the end would say
        // little.
        let count = (length - overlap).div_ceil(room - overlap);
        let size = (length + (count - 1) * overlap).div_ceil(count);
        let most = query.limits.windows.map_or(usize::MAX, |windows| windows.most);
        if count > most && query.limits.truncation == Truncation::Never {
            return Err(Error::new(
                ErrorKind::InputTooLarge,
                format!(
                    "the document takes {count} windows, over the limit of {most}; split it into \
                     passages, or allow truncation"
                ),
            ));
        }
        let truncated = document.truncated || count > most;
        let window = |i| {
            let start = i * (size - overlap);
            let piece = document.tokens.part(start..(start + size).min(length));
            let start = piece.places.iter().map(|&(start, _)| start).min().unwrap_or(0);
            let end = piece.places.iter().map(|&(_, end)| end).max().unwrap_or(0);
            let encoding = self.join(query, Document { tokens: piece, truncated })?;
            Ok(Window { encoding, span: Some(Span { start, end }) })
        };
        (0..count.min(most)).map(window).collect()
    }

    /// Tokens of a window of a document; `None` where documents are not split.
    fn window_room(&self, query: &Query) -> Option<usize> {
        let pair = query.limits.windows?.pair.saturating_sub(self.0.special_tokens).min(query.most);
        let most = query.most.checked_sub(query.length)?;
        // A query that takes most of the pair leaves a window half of it all the same, where the
        // model reads so much. Shorter windows would repeat the query for a few tokens each.
        let room = pair.saturating_sub(query.length).max(pair / 2).min(most);
        (room >= MIN_WINDOW.max(pair / 2)).then_some(room)
    }

    /// A document's tokens within the limits of its own.
    fn document(&self, query: &Query, text: &str, offsets: bool) -> Result<Document> {
        let tokens = self.0.tokenize(text, offsets)?;
        let length = tokens.len();
        let most = query.limits.document.unwrap_or(length);
        let tokens = cut(tokens, most, query.limits.truncation);
        let truncated = tokens.len() < length;
        Ok(Document { tokens, truncated })
    }

    fn join(&self, query: &Query, document: Document) -> Result<Encoding> {
        let Document { tokens: document, truncated } = document;
        let (length, most) = (query.length + document.len(), query.most);
        if query.limits.truncation == Truncation::Never && length > most {
            return Err(Error::new(
                ErrorKind::InputTooLarge,
                format!(
                    "query and document have {} tokens together, over the limit of {}; split the \
                     document into passages, or allow truncation",
                    length + self.0.special_tokens,
                    most + self.0.special_tokens
                ),
            ));
        }
        let document_length = document.len();
        let (query_most, document_most) = longest_first(query.length, document_length, most);
        let tokens = cut(query.tokens.clone(), query_most, query.limits.truncation);
        let document = cut(document, document_most, query.limits.truncation);
        let (ids, type_ids) = self.0.inner.join(&[&tokens, &document]);
        Ok(Encoding {
            ids,
            type_ids,
            query_truncated: query_most < query.length,
            document_truncated: truncated || document_most < document_length,
        })
    }
}

/// A query that is being paired with documents.
pub(crate) struct Query {
    /// As much of it as the longest pair can hold.
    tokens: Tokens,
    /// Its tokens, before they were cut.
    length: usize,
    /// The most tokens of query and document together, without the special ones.
    most: usize,
    limits: Limits,
}

/// A document's tokens, and whether some were cut off already.
struct Document {
    tokens: Tokens,
    truncated: bool,
}

/// A pair of a query and a part of a document, or all of it.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub encoding: Encoding,
    /// Where the part lies, where it is one.
    pub span: Option<Span>,
}

/// The fraction of a window that the next one repeats, so that what stands at a border is read with
/// what surrounds it.
const OVERLAP: usize = 4;

/// The fewest tokens of a document that make a window.
const MIN_WINDOW: usize = 16;

/// What is left of two texts of `a` and `b` tokens that may have `most` together: Hugging Face's
/// `longest_first`, which cuts the longer one, and both where both are over half.
fn longest_first(a: usize, b: usize, most: usize) -> (usize, usize) {
    if a + b <= most {
        return (a, b);
    }
    let shorter = a.min(b).min(most / 2);
    if a > b { (most - shorter, shorter) } else { (shorter, most - shorter) }
}

#[cfg(all(test, feature = "general"))]
mod tests {
    use tokenizers::utils::truncation::{TruncationParams, TruncationStrategy, truncate_encodings};

    use super::*;

    #[test]
    fn cuts_as_the_tokenizers_crate_does() {
        let encoding = |length| {
            let ids: Vec<u32> = (0..length).collect();
            let strings = vec![String::new(); ids.len()];
            let numbers = vec![0; ids.len()];
            tokenizers::Encoding::new(
                ids,
                numbers.clone(),
                strings,
                vec![None; numbers.len()],
                vec![(0, 0); numbers.len()],
                numbers.clone(),
                numbers,
                vec![],
                Default::default(),
            )
        };
        for most in [1, 2, 7, 8] {
            let strategy = TruncationStrategy::LongestFirst;
            let params = TruncationParams { max_length: most, strategy, ..Default::default() };
            for (a, b) in (0..20).flat_map(|a| (0..20).map(move |b| (a, b))) {
                let theirs = truncate_encodings(encoding(a), Some(encoding(b)), &params).unwrap();
                let theirs = (theirs.0.len(), theirs.1.unwrap().len());
                assert_eq!(longest_first(a as usize, b as usize, most), theirs, "{a} {b} {most}");
            }
        }
    }
}
