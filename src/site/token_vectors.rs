//! Static vectors: one of each token of a vocabulary. The vector of a text is the sum of those of its
//! tokens.

use super::bytes::{Decoded, Decoder};
#[cfg(not(target_arch = "wasm32"))]
use super::bytes::{Encoder, compress, decompress};
use super::rounded::{RoundedVectors, normalize};
#[cfg(not(target_arch = "wasm32"))]
use crate::error::{Error, ErrorKind, Result};
use crate::text::{fold, runs};

/// The first bytes of a file with all tokens.
#[cfg(not(target_arch = "wasm32"))]
const MAGIC: &[u8] = b"CRSTATIC\x01";

/// The prefix of tokens that continue a word.
const CONTINUATION: &str = "##";

/// The largest number of characters of a word. Longer ones are data rather than language.
const MAX_WORD_CHARACTERS: usize = 48;

/// Vectors of tokens, or of those in a sorted range. The length of a vector includes the token's weight by
/// its frequency.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenVectors {
    /// The language of the texts that the vectors are for; empty for all.
    language: String,
    /// The tokens, ascending.
    tokens: Vec<String>,
    vectors: RoundedVectors,
}

impl TokenVectors {
    /// Rounds the vectors of tokens.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn round(
        language: String,
        dimensions: usize,
        mut vectors: Vec<(String, Vec<f32>)>,
    ) -> TokenVectors {
        vectors.sort_by(|a, b| a.0.cmp(&b.0));
        let mut rounded = RoundedVectors::new(dimensions);
        vectors.iter().for_each(|(_, vector)| rounded.push(vector));
        let tokens = vectors.into_iter().map(|(token, _)| token).collect();
        TokenVectors { language, tokens, vectors: rounded }
    }

    /// The number of elements of a vector.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn dimensions(&self) -> usize {
        self.vectors.dimensions()
    }

    /// Whether the vectors are for texts in a language.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn suits(&self, language: &str) -> bool {
        self.language.is_empty() || self.language == language
    }

    /// The vector of a text.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn embed(&self, text: &str) -> Vec<f32> {
        text_vector(text, self.dimensions(), |_| Some(self))
    }

    /// The vectors inside this library: those of `models/all-minilm-l6-v2`, for texts in English.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotInstalled`] if this build carries none: without the feature `bundled-embedder`, or
    /// from the crates.io package, which has no room for models.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn bundled() -> Result<TokenVectors> {
        #[cfg(bundled_vectors)]
        return TokenVectors::from_bytes(include_bytes!(
            "../../models/all-minilm-l6-v2/static.vectors"
        ));
        #[cfg(not(bundled_vectors))]
        Err(Error::new(
            ErrorKind::ModelNotInstalled,
            "this build carries no static vectors; make some with crossrank distill",
        ))
    }

    /// The vectors as a file, for [`TokenVectors::from_bytes`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to_bytes(&self) -> Vec<u8> {
        [MAGIC, &compress(&self.encode_some((0..self.tokens.len()).collect()))].concat()
    }

    /// Reads a file that [`TokenVectors::to_bytes`] made.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for another file.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn from_bytes(bytes: &[u8]) -> Result<TokenVectors> {
        let content = bytes.strip_prefix(MAGIC).and_then(|stored| decompress(stored).ok());
        content.and_then(|content| TokenVectors::decode(&content).ok()).ok_or_else(|| {
            let message = "the file does not hold static vectors of this version; make them with \
                           crossrank distill";
            Error::new(ErrorKind::InvalidInput, message)
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn encode_some(&self, indices: Vec<usize>) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.text(&self.language);
        encoder.number(indices.len());
        let mut before = "";
        for &index in &indices {
            encoder.text_after(before, &self.tokens[index]);
            before = &self.tokens[index];
        }
        self.vectors.encode(indices.into_iter(), &mut encoder);
        encoder.0
    }

    pub(super) fn decode(content: &[u8]) -> Decoded<TokenVectors> {
        let mut decoder = Decoder(content);
        let language = decoder.text()?;
        let mut tokens: Vec<String> = Vec::new();
        for _ in 0..decoder.count()? {
            tokens.push(decoder.text_after(tokens.last().map_or("", String::as_str))?);
        }
        let vectors = RoundedVectors::decode(tokens.len(), &mut decoder)?;
        decoder.end()?;
        Ok(TokenVectors { language, tokens, vectors })
    }

    /// Files of about `bytes` each, with their first tokens. Each also holds the tokens with which its first
    /// one begins, so that the longest token at the beginning of a word is in the file to which the word
    /// belongs by its order.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn shards(&self, bytes: usize) -> Vec<(String, Vec<u8>)> {
        let tokens = (bytes / self.dimensions().div_ceil(2)).max(1);
        let starts = (0..self.tokens.len()).step_by(tokens);
        let shard = |start: usize| {
            let first = &self.tokens[start];
            let begins = |&index: &usize| first.starts_with(&self.tokens[index]);
            let mut indices: Vec<usize> = (0..start).filter(begins).collect();
            indices.extend(start..(start + tokens).min(self.tokens.len()));
            (first.clone(), self.encode_some(indices))
        };
        starts.map(shard).collect()
    }

    /// The index of the longest token with which a text begins.
    fn longest(&self, text: &str) -> Option<usize> {
        // Whatever begins the text comes before it in the order.
        let mut index = self.tokens.partition_point(|token| token.as_str() <= text);
        while let Some(before) = index.checked_sub(1) {
            let token = &self.tokens[before];
            if text.starts_with(token.as_str()) {
                return Some(before);
            }
            // Of what comes before, only beginnings of what both have in common can begin the text.
            let same = common_prefix(token, text);
            index = self.tokens[..before].partition_point(|token| token.as_str() <= &text[..same]);
            if same == 0 {
                return None;
            }
        }
        None
    }
}

/// The number of bytes at the beginning that two texts have in common, in whole characters.
fn common_prefix(a: &str, b: &str) -> usize {
    let pairs = a.chars().zip(b.chars());
    pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

/// Adds up the vector of a text. `vectors` gives the tokens among which the longest beginning of a text is,
/// or `None` where they are not there; such a rest of a word is left out.
///
/// The vector has the length 1, or 0 if no token was found.
pub fn text_vector<'t>(
    text: &str,
    dimensions: usize,
    mut vectors: impl FnMut(&str) -> Option<&'t TokenVectors>,
) -> Vec<f32> {
    let mut sum = vec![0f32; dimensions];
    for word in runs(&fold(text)) {
        add_word(word, &mut sum, &mut vectors);
    }
    normalize(&mut sum);
    sum
}

fn add_word<'t>(
    word: &str,
    sum: &mut [f32],
    vectors: &mut impl FnMut(&str) -> Option<&'t TokenVectors>,
) {
    if word.chars().nth(MAX_WORD_CHARACTERS).is_some() {
        return;
    }
    let mut rest = word.to_owned();
    while !rest.is_empty() && rest != CONTINUATION {
        let Some(there) = vectors(&rest) else { return };
        let Some(index) = there.longest(&rest) else { return };
        let token = &there.tokens[index];
        if token.len() <= CONTINUATION.len() && rest.starts_with(CONTINUATION) {
            return;
        }
        there.vectors.add(index, sum);
        rest = format!("{CONTINUATION}{}", &rest[token.len()..]);
    }
}
