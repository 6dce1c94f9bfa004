//! Encodings of pairs: a query with a document, or with each window of a document.

use super::bounded::{BoundedTokenizer, truncate};
use super::subword::Tokens;
use super::types::{Encoding, Span, Truncation};
use crate::error::{Error, ErrorKind, Result};

/// The maximum lengths of a pair and its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The number of tokens in a pair, including special tokens. `None` is the tokenizer's maximum.
    pub pair: Option<usize>,
    /// The number of tokens of a document, before it is paired.
    pub document: Option<usize>,
    pub truncation: Truncation,
    /// How longer documents are split. `None` cuts them.
    pub windows: Option<WindowLimits>,
}

impl Limits {
    /// A text that differs for limits that differ. Stored score caches have keys made of it, so it
    /// must not change.
    pub fn fingerprint(&self) -> String {
        let Limits { pair, document, truncation, windows } = self;
        let windows = windows.map_or("None".to_owned(), |WindowLimits { pair, max_windows }| {
            format!("Some(Windows {{ pair: {pair}, most: {max_windows} }})")
        });
        format!(
            "Limits {{ pair: {pair:?}, document: {document:?}, truncation: {truncation:?}, \
             windows: {windows} }}"
        )
    }
}

/// How a long document is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowLimits {
    /// The number of tokens in a pair of query and window, including special tokens.
    pub pair: usize,
    /// The maximum number of windows of a document. The rest of the document is cut.
    pub max_windows: usize,
}

/// A tokenizer for pairs of texts. Long pairs are cut with Hugging Face's `longest_first`.
pub(crate) struct PairTokenizer(BoundedTokenizer);

impl PairTokenizer {
    /// Loads a `tokenizer.json` for pairs of at most `max_length` tokens. `vocab_size` is that of the
    /// model, if it is known.
    pub fn load(
        json: &[u8],
        max_length: usize,
        vocab_size: Option<usize>,
    ) -> Result<PairTokenizer> {
        BoundedTokenizer::load(json, true, max_length, vocab_size).map(PairTokenizer)
    }

    /// The maximum number of tokens in an encoding.
    pub fn max_length(&self) -> usize {
        self.0.max_length()
    }

    /// Tokenizes a query to pair it with documents.
    pub fn query(&self, text: &str, limits: Limits) -> Result<Query> {
        let invalid = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
        let BoundedTokenizer { mut max_tokens, special_tokens, .. } = self.0;
        if let Some(pair) = limits.pair {
            if pair <= special_tokens || pair > self.max_length() {
                return invalid(format!(
                    "max_length is {pair} and must be from {} to {}",
                    special_tokens + 1,
                    self.max_length()
                ));
            }
            max_tokens = pair - special_tokens;
        }
        if limits.document == Some(0) {
            return invalid("the maximum number of tokens of a document must be at least 1".into());
        }
        if limits.windows.is_some_and(|windows| windows.max_windows == 0) {
            return invalid(
                "the maximum number of windows of a document must be at least 1".into(),
            );
        }
        let tokens = self.0.tokenize(text, false).map_err(|e| e.at("the query"))?;
        let length = tokens.len();
        let tokens = truncate(tokens, max_tokens, limits.truncation);
        Ok(Query { tokens, length, max_tokens, limits })
    }

    /// Encodes a query with a document. An error of the document does not name it.
    pub fn pair(&self, query: &Query, document: &str) -> Result<Encoding> {
        let tokens = self.document(query, document, false)?;
        self.join(query, tokens)
    }

    /// Encodes a query with each window of a document. There is one pair if the document is short, or
    /// if it is to be cut.
    pub fn windows(&self, query: &Query, document: &str) -> Result<Vec<Window>> {
        let whole = |encoding| vec![Window { encoding, span: None }];
        let Some(room) = self.window_room(query).filter(|&room| room < document.len()) else {
            // Each token has at least one byte, so this document is no longer than a window.
            return Ok(whole(self.pair(query, document)?));
        };
        let document = self.document(query, document, true)?;
        let length = document.tokens.len();
        if length <= room {
            return Ok(whole(self.join(query, document)?));
        }
        let overlap = room / OVERLAP;
        // The fewest windows that suffice, of about the same length: a short one at the end would
        // carry little information.
        let count = (length - overlap).div_ceil(room - overlap);
        let size = (length + (count - 1) * overlap).div_ceil(count);
        let limit = query.limits.windows.map_or(usize::MAX, |windows| windows.max_windows);
        if count > limit && query.limits.truncation == Truncation::Never {
            return Err(Error::new(
                ErrorKind::InputTooLarge,
                format!(
                    "the document needs {count} windows, over the limit of {limit}; split it into \
                     passages, or allow truncation"
                ),
            ));
        }
        let truncated = document.truncated || count > limit;
        let window = |i| {
            let start = i * (size - overlap);
            let piece = document.tokens.slice(start..(start + size).min(length));
            let start = piece.offsets.iter().map(|&(start, _)| start).min().unwrap_or(0);
            let end = piece.offsets.iter().map(|&(_, end)| end).max().unwrap_or(0);
            let encoding = self.join(query, Document { tokens: piece, truncated })?;
            Ok(Window { encoding, span: Some(Span { start, end }) })
        };
        (0..count.min(limit)).map(window).collect()
    }

    /// The number of tokens in a window of a document, or `None` if documents are not split.
    fn window_room(&self, query: &Query) -> Option<usize> {
        let pair = query.limits.windows?.pair.saturating_sub(self.0.special_tokens);
        let pair = pair.min(query.max_tokens);
        let max_room = query.max_tokens.checked_sub(query.length)?;
        // A window has at least half the length of a pair, even if the query takes most of it, as
        // far as the model's maximum allows. Shorter windows would repeat the query for a few tokens
        // each.
        let room = pair.saturating_sub(query.length).max(pair / 2).min(max_room);
        (room >= MIN_WINDOW.max(pair / 2)).then_some(room)
    }

    /// The tokens of a document within its own limit.
    fn document(&self, query: &Query, text: &str, offsets: bool) -> Result<Document> {
        let tokens = self.0.tokenize(text, offsets)?;
        let length = tokens.len();
        let limit = query.limits.document.unwrap_or(length);
        let tokens = truncate(tokens, limit, query.limits.truncation);
        let truncated = tokens.len() < length;
        Ok(Document { tokens, truncated })
    }

    fn join(&self, query: &Query, document: Document) -> Result<Encoding> {
        let Document { tokens: document, truncated } = document;
        let (length, max_tokens) = (query.length + document.len(), query.max_tokens);
        if query.limits.truncation == Truncation::Never && length > max_tokens {
            return Err(Error::new(
                ErrorKind::InputTooLarge,
                format!(
                    "query and document have {} tokens together, over the limit of {}; split the \
                     document into passages, or allow truncation",
                    length + self.0.special_tokens,
                    max_tokens + self.0.special_tokens
                ),
            ));
        }
        let document_length = document.len();
        let (query_max, document_max) = longest_first(query.length, document_length, max_tokens);
        let tokens = truncate(query.tokens.clone(), query_max, query.limits.truncation);
        let document = truncate(document, document_max, query.limits.truncation);
        let (ids, type_ids) = self.0.inner.join(&[&tokens, &document]);
        Ok(Encoding {
            ids,
            type_ids,
            query_truncated: query_max < query.length,
            document_truncated: truncated || document_max < document_length,
        })
    }
}

/// A tokenized query, to pair with documents.
pub(crate) struct Query {
    /// Its tokens, as many as the longest pair can hold.
    tokens: Tokens,
    /// The number of its tokens before they were cut.
    length: usize,
    /// The maximum number of tokens of query and document together, without special tokens.
    max_tokens: usize,
    limits: Limits,
}

/// The tokens of a document, and whether some have been cut off already.
struct Document {
    tokens: Tokens,
    truncated: bool,
}

/// A pair of a query and a document, or a part of one.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub encoding: Encoding,
    /// The part of the document, or `None` for the whole document.
    pub span: Option<Span>,
}

/// Each window repeats 1/`OVERLAP` of the previous one, so that text at a border is read with its
/// context.
const OVERLAP: usize = 4;

/// The minimum number of tokens of a document in a window.
const MIN_WINDOW: usize = 16;

/// The lengths to which texts of `a` and `b` tokens are cut so that they have at most `max` together:
/// Hugging Face's `longest_first`, which cuts the longer one, or both if both are over half of `max`.
fn longest_first(a: usize, b: usize, max: usize) -> (usize, usize) {
    if a + b <= max {
        return (a, b);
    }
    let shorter = a.min(b).min(max / 2);
    if a > b { (max - shorter, shorter) } else { (shorter, max - shorter) }
}

#[cfg(test)]
mod fingerprint_tests {
    use super::*;

    /// The texts that version 0.1 has written into stored caches' keys.
    #[test]
    fn limits_have_the_fingerprints_of_stored_caches() {
        let plain = "Limits { pair: None, document: None, truncation: Right, windows: None }";
        assert_eq!(Limits::default().fingerprint(), plain);
        let limits = Limits {
            pair: Some(256),
            document: Some(100),
            truncation: Truncation::Left,
            windows: Some(WindowLimits { pair: 160, max_windows: 32 }),
        };
        let all = "Limits { pair: Some(256), document: Some(100), truncation: Left, \
                   windows: Some(Windows { pair: 160, most: 32 }) }";
        assert_eq!(limits.fingerprint(), all);
    }
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
        for max in [1, 2, 7, 8] {
            let strategy = TruncationStrategy::LongestFirst;
            let params = TruncationParams { max_length: max, strategy, ..Default::default() };
            for (a, b) in (0..20).flat_map(|a| (0..20).map(move |b| (a, b))) {
                let theirs = truncate_encodings(encoding(a), Some(encoding(b)), &params).unwrap();
                let theirs = (theirs.0.len(), theirs.1.unwrap().len());
                assert_eq!(longest_first(a as usize, b as usize, max), theirs, "{a} {b} {max}");
            }
        }
    }
}
