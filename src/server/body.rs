//! Reading a body.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use serde::de::DeserializeOwned;

use crate::error::one_line;

use super::error::{ApiError, ApiErrorKind};
use super::request::Request;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How a body is compressed.
enum Compression {
    None,
    Gzip,
    Deflate,
}

/// Checks the header `Content-Encoding`.
pub(super) fn check_compression(request: &Request) -> Result<(), ApiError> {
    compression(request).map(|_| ())
}

/// Decompresses a body of JSON, and hands its text to `parse`. A body of more than `limit` bytes is
/// an error, and so is one that has more after it is decompressed.
pub(super) fn read<T>(
    request: &Request,
    limit: usize,
    parse: impl FnOnce(&str) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let bytes = decompress(request, limit)?;
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let message =
            format!("the body is not valid UTF-8 at byte {}; encode it as UTF-8", e.valid_up_to());
        ApiError::bad(message)
    })?;
    parse(&replace_lone_surrogates(text))
}

/// Reads a JSON object. The error names the field at fault.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    // serde would read an array as the fields of a struct in their order.
    if !text.trim_start().starts_with('{') {
        return Err(ApiError::bad("the body is not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let reason = one_line(&e.inner().to_string());
        let path = e.path().to_string();
        let in_a_field = e.inner().is_data() && path != ".";
        let place = if in_a_field { &path } else { "the body is not the expected JSON" };
        ApiError::bad(format!("{place}: {reason}"))
    })?;
    deserializer
        .end()
        .map_err(|e| ApiError::bad(format!("the body continues after the JSON object: {e}")))?;
    Ok(value)
}

fn compression(request: &Request) -> Result<Compression, ApiError> {
    let given = request.header("content-encoding").unwrap_or_default().trim();
    match given.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Compression::None),
        "gzip" | "x-gzip" => Ok(Compression::Gzip),
        "deflate" => Ok(Compression::Deflate),
        _ => {
            let message = format!(
                "the body is compressed with {}; send it as gzip or deflate, or without \
                 Content-Encoding",
                one_line(given)
            );
            Err(ApiError::new(ApiErrorKind::UnsupportedEncoding, message))
        }
    }
}

fn decompress(request: &Request, limit: usize) -> Result<Cow<'_, [u8]>, ApiError> {
    let body = &request.body[..];
    if body.len() > limit {
        return Err(ApiError::body_too_large(limit));
    }
    let (name, decoder): (_, &mut dyn Read) = match compression(request)? {
        Compression::None => return Ok(Cow::Borrowed(body)),
        Compression::Gzip => ("gzip", &mut MultiGzDecoder::new(body)),
        Compression::Deflate => ("deflate", &mut ZlibDecoder::new(body)),
    };
    let mut bytes = Vec::new();
    // A small body can become a huge one, so that reading ends right after the limit.
    decoder.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|e| {
        ApiError::bad(format!("the body is not valid {name}, as Content-Encoding says: {e}"))
    })?;
    if bytes.len() > limit {
        return Err(ApiError::body_too_large(limit));
    }
    Ok(Cow::Owned(bytes))
}

/// Replaces each escape of one half of a surrogate pair by that of U+FFFD. JavaScript writes such
/// halves where a text was cut within a character. They are no text, and serde refuses them.
fn replace_lone_surrogates(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let code_unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mut replaced, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(distance) = bytes.get(at..).and_then(|b| b.iter().position(|&b| b == b'\\')) {
        at += distance;
        let is_lone = match (code_unit(at), code_unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => {
                at += 12;
                continue;
            }
            (unit, _) => matches!(unit, Some(0xd800..=0xdfff)),
        };
        if is_lone {
            replaced.push_str(&text[copied..at]);
            replaced.push_str("\\ufffd");
            at += 6;
            copied = at;
        } else {
            // The escaped character may itself be a backslash.
            at += 2;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(&text[copied..]);
    Cow::Owned(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_surrogate_pairs_are_replaced_and_nothing_else() {
        let replaced = |text: &str| replace_lone_surrogates(text).into_owned();
        for (text, expected) in [
            (r#""a\ud83d""#, r#""a\ufffd""#),
            (r#""\uDE00b""#, r#""\ufffdb""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\\\ud83d\\""#, r#""\\\ufffd\\""#),
        ] {
            assert_eq!(replaced(text), expected);
        }
        for text in
            ["", "é", "\\", "\\u", "\\é", r#""\\ud83d""#, r#""\ud83d\ude00 \u00e9\n""#, r#""\ud83"#]
        {
            assert_eq!(replaced(text), text);
        }
    }
}
