//! Tokens that give access, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::request::Request;

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

    /// Checks the tokens that a request has in `Authorization`, `x-api-key` and `api-key`, of which
    /// one must be right. The error says what to send.
    pub(super) fn check(&self, request: &Request) -> Result<(), &'static str> {
        if self.is_empty() {
            return Ok(());
        }
        let bearer = request.header("authorization").and_then(bearer_token);
        let sent = [bearer, request.header("x-api-key"), request.header("api-key")];
        if sent.iter().all(Option::is_none) {
            return Err(
                "the request has no token; send the header Authorization: Bearer <token>, \
                        or x-api-key: <token>",
            );
        }
        let sent = sent.into_iter().flatten().map(|token| self.contains(token.trim()));
        let equal = sent.fold(Choice::from(0), |found, equal| found | equal);
        if equal.into() { Ok(()) } else { Err("invalid api token") }
    }

    fn contains(&self, token: &str) -> Choice {
        let sent = hash(token);
        self.0.iter().fold(Choice::from(0), |found, token| found | token.ct_eq(&sent))
    }
}

fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
