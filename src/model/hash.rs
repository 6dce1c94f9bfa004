//! What tells one model from another.

use sha2::{Digest, Sha256};

use super::ModelFiles;
use super::mmap;
use super::prepared::hash_of;

/// Hashes parts one after another. Each is preceded by its length, so that no two lists of parts
/// give the same bytes.
#[derive(Clone, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub fn part(mut self, bytes: &[u8]) -> Hasher {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub fn key(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl ModelFiles {
    /// What tells the model from others, in hexadecimal: a SHA-256 of what it computes with.
    pub fn fingerprint(&self) -> String {
        hexadecimal(&self.hasher(None).key())
    }

    /// Begins the hash of what a model computes with `fingerprint`, which stands for the files, or
    /// is made of them: the SHA-256 of graph, tokenizer and configuration, and of the files beside
    /// the graph.
    pub(crate) fn hasher(&self, fingerprint: Option<&str>) -> Hasher {
        let of_files = || match hash_of(&self.onnx) {
            // It is of all the files, of which these may have been replaced since.
            Some(hash) => {
                let own = String::from_utf8(hash.to_vec()).unwrap_or_default();
                [own, digest(&self.tokenizer), digest(&self.config)].join(" ")
            }
            None => {
                let files = [&self.onnx, &self.tokenizer, &self.config].into_iter();
                let hashes = files.chain(self.external.values()).map(|file| digest(file));
                hashes.collect::<Vec<_>>().join(" ")
            }
        };
        let fingerprint = fingerprint.map_or_else(of_files, str::to_owned);
        Hasher::default().part(fingerprint.as_bytes())
    }
}

/// The SHA-256 of bytes, of which a mapped file's need not be in memory all at once.
pub(super) fn digest(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    for piece in bytes.chunks(1 << 20) {
        hash.update(piece);
        mmap::release(piece);
    }
    hexadecimal(&hash.finalize())
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let of = |a: &str, b: &str| Hasher::default().part(a.as_bytes()).part(b.as_bytes()).key();
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(of("", "abc"), of("abc", ""));
    }
}
