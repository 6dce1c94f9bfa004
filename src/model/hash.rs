//! SHA-256 hashes of parts and of large files.

use sha2::{Digest, Sha256};

use super::mmap;

/// Hashes a list of parts. The length of each part is hashed before it, so that no two lists give the
/// same bytes.
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

/// The SHA-256 of bytes, in hexadecimal. Those of a mapped file are never in memory all at once.
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
