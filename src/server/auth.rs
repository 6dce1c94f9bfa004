//! Bearer tokens, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The tokens that requests may carry. None means that none is needed.
///
/// Only their hashes are kept: they have one length, and comparing them tells nothing about how
/// much of a guess was right.
#[derive(Clone, Default)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// Reads one token a line. Blank lines and lines that start with `#` do not count.
    pub fn parse(text: &str) -> Tokens {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        Tokens(lines.map(hash).collect())
    }

    /// Whether no token is needed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds a header `Authorization` against the tokens. The error says what to send.
    pub(super) fn check(&self, authorization: Option<&str>) -> Result<(), &'static str> {
        if self.is_empty() {
            return Ok(());
        }
        let header = authorization.unwrap_or_default();
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => return Err("no token came; send the header Authorization: Bearer <token>"),
        };
        let sent = hash(token);
        let equal = self.0.iter().fold(Choice::from(0), |found, t| found | t.ct_eq(&sent));
        if equal.into() { Ok(()) } else { Err("invalid api token") }
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
