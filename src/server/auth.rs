//! Bearer tokens, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The tokens that give access. Without any, requests need none.
///
/// Only their hashes are kept. All hashes have the same length, and the time of a comparison does
/// not tell how much of a guess is right.
#[derive(Clone, Default)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// Reads one token from each line, except blank lines and lines that start with `#`.
    pub fn parse(text: &str) -> Tokens {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        Tokens(lines.map(hash).collect())
    }

    /// Whether requests need no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks the header `Authorization`. The error says what to send.
    pub(super) fn check(&self, authorization: Option<&str>) -> Result<(), &'static str> {
        if self.is_empty() {
            return Ok(());
        }
        let header = authorization.unwrap_or_default();
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => {
                return Err(
                    "the request has no token; send the header Authorization: Bearer <token>",
                );
            }
        };
        let sent = hash(token);
        let equal = self.0.iter().fold(Choice::from(0), |found, t| found | t.ct_eq(&sent));
        if equal.into() { Ok(()) } else { Err("invalid api token") }
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
