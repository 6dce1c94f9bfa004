//! The parts of which files are made: numbers, texts, sorted texts, compression, and names by content.

#[cfg(not(target_arch = "wasm32"))]
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use sha2::{Digest, Sha256};

/// The largest size of a file's content. It bounds the memory for a file that a host replaced.
const MAX_CONTENT_BYTES: usize = 256 << 20;

/// The largest number of bytes that a sorted text shares with the one before it. Without a limit, texts could
/// take up the square of the memory of their file.
const MAX_SHARED: usize = 255;

/// A file that cannot be read. What is missing is not named: files are checked by their hashes, so a
/// reader meets this only where the writer had a fault.
#[derive(Debug)]
pub struct Damaged;

pub type Decoded<T> = std::result::Result<T, Damaged>;

/// Appends values to a file's content.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Default)]
pub struct Encoder(pub Vec<u8>);

#[cfg(not(target_arch = "wasm32"))]
impl Encoder {
    /// A number in groups of seven bits, the lowest first.
    pub fn number(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub fn texts(&mut self, texts: &[String]) {
        self.number(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    /// A text as the number of bytes that it has in common with the beginning of `before`, and the rest.
    pub fn text_after(&mut self, before: &str, text: &str) {
        let pairs = before.bytes().zip(text.bytes()).take(MAX_SHARED);
        let same = pairs.take_while(|(a, b)| a == b).count();
        self.number(same);
        self.number(text.len() - same);
        self.0.extend_from_slice(&text.as_bytes()[same..]);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// Reads what an [`Encoder`] wrote.
pub struct Decoder<'a>(pub &'a [u8]);

impl<'a> Decoder<'a> {
    pub fn number(&mut self) -> Decoded<usize> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bytes(1)?[0];
            value |= usize::from(byte & 0x7f).checked_shl(shift).ok_or(Damaged)?;
            shift += 7;
            if byte < 0x80 {
                return Ok(value);
            }
        }
    }

    /// The number of items that follow, each of at least one byte.
    pub fn count(&mut self) -> Decoded<usize> {
        let count = self.number()?;
        if count <= self.0.len() { Ok(count) } else { Err(Damaged) }
    }

    pub fn bytes(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub fn text(&mut self) -> Decoded<String> {
        let length = self.number()?;
        String::from_utf8(self.bytes(length)?.to_vec()).map_err(|_| Damaged)
    }

    pub fn texts(&mut self) -> Decoded<Vec<String>> {
        (0..self.count()?).map(|_| self.text()).collect()
    }

    pub fn text_after(&mut self, before: &str) -> Decoded<String> {
        let same = self.number()?;
        let shared = before.as_bytes().get(..same).filter(|shared| shared.len() <= MAX_SHARED);
        let mut text = shared.ok_or(Damaged)?.to_vec();
        let length = self.number()?;
        text.extend_from_slice(self.bytes(length)?);
        String::from_utf8(text).map_err(|_| Damaged)
    }

    /// Fails if anything is left.
    pub fn end(self) -> Decoded<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}

/// The content of a file as it is stored: raw DEFLATE.
#[cfg(not(target_arch = "wasm32"))]
pub fn compress(content: &[u8]) -> Vec<u8> {
    compress_to_vec(content, 9)
}

pub fn decompress(stored: &[u8]) -> Decoded<Vec<u8>> {
    decompress_within(MAX_CONTENT_BYTES, stored)
}

fn decompress_within(limit: usize, stored: &[u8]) -> Decoded<Vec<u8>> {
    decompress_to_vec_with_limit(stored, limit).map_err(|_| Damaged)
}

/// The beginning of the SHA-256 of a stored file. The file's name holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileHash(pub [u8; 5]);

impl FileHash {
    pub fn of(stored: &[u8]) -> FileHash {
        let hash = Sha256::digest(stored);
        FileHash(std::array::from_fn(|i| hash[i]))
    }

    pub fn decode(decoder: &mut Decoder) -> Decoded<FileHash> {
        let bytes = decoder.bytes(5)?;
        Ok(FileHash(std::array::from_fn(|i| bytes[i])))
    }
}

/// What a file of a site holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    Terms,
    Lexicon,
    Heads,
    Texts,
    Facets,
    Tokens,
    Centroids,
    Vectors,
}

impl FileKind {
    fn prefix(self) -> &'static str {
        match self {
            FileKind::Terms => "terms",
            FileKind::Lexicon => "lexicon",
            FileKind::Heads => "heads",
            FileKind::Texts => "texts",
            FileKind::Facets => "facets",
            FileKind::Tokens => "tokens",
            FileKind::Centroids => "centroids",
            FileKind::Vectors => "vectors",
        }
    }

    /// The name of a file with a hash, such as `terms-0123456789.bin`.
    pub fn file_name(self, FileHash(hash): FileHash) -> String {
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{digits}.bin", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut encoder = Encoder::default();
        for number in [0, 1, 127, 128, 1 << 20, u32::MAX as usize] {
            encoder.number(number);
        }
        encoder.text("naïve");
        encoder.texts(&["a".into(), String::new()]);
        encoder.text_after("zebra", "zebu");
        let stored = compress(&encoder.0);
        let content = decompress(&stored).unwrap();
        let mut decoder = Decoder(&content);
        for number in [0, 1, 127, 128, 1 << 20, u32::MAX as usize] {
            assert_eq!(decoder.number().unwrap(), number);
        }
        assert_eq!(decoder.text().unwrap(), "naïve");
        assert_eq!(decoder.texts().unwrap(), ["a", ""]);
        assert_eq!(decoder.text_after("zebra").unwrap(), "zebu");
        decoder.end().unwrap();
        // sha256sum of "abc" begins so.
        let hash = FileHash::of(b"abc");
        assert_eq!(FileKind::Terms.file_name(hash), "terms-ba7816bf8f.bin");
    }

    #[test]
    fn long_texts_share_a_limited_beginning() {
        let long = ["a".repeat(1000), "a".repeat(1000) + "b"];
        let mut encoder = Encoder::default();
        encoder.text_after(&long[0], &long[1]);
        assert_eq!(encoder.0.len(), 4 + long[1].len() - MAX_SHARED);
        assert_eq!(Decoder(&encoder.0).text_after(&long[0]).unwrap(), long[1]);
        // 256 shared bytes, and none of its own.
        assert!(Decoder(&[0x80, 2, 0]).text_after(&long[0]).is_err());
        assert_eq!(Decoder(&[0xff, 1, 0]).text_after(&long[0]).unwrap(), long[0][..MAX_SHARED]);
    }

    #[test]
    fn damaged_content_is_an_error() {
        for content in [&[0x80; 20][..], &[5, b'a'], &[1, 0xff], &[]] {
            assert!(Decoder(content).text().is_err(), "{content:?}");
        }
        assert!(Decoder(&[9, 0]).text_after("short").is_err());
        assert!(Decoder(&[200, 1, 0]).count().is_err());
        assert!(decompress(b"not deflate").is_err());
    }

    #[test]
    fn a_file_has_a_largest_content() {
        for (bytes, fits) in [(99, true), (100, true), (101, false), (1 << 20, false)] {
            let content = vec![0; bytes];
            let read = decompress_within(100, &compress(&content)).ok();
            assert_eq!(read, fits.then_some(content), "{bytes} bytes");
        }
    }
}
