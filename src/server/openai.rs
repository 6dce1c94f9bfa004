//! OpenAI's embeddings.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::tokenizer::Truncation;

use super::embed::{Answer, Form, Kind, Parsed, Texts};
use super::error::ApiError;
use super::message::Response;
use super::parse;

#[derive(Deserialize)]
struct Body {
    input: Texts,
    model: Option<String>,
    encoding_format: Option<Encoding>,
    dimensions: Option<Value>,
    /// Not OpenAI's: what other servers take for models that tell queries from passages.
    input_type: Option<Kind>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Float,
    Base64,
}

pub(super) fn parse(body: &[u8]) -> Result<Parsed, ApiError> {
    let body: Body = parse::json(body)?;
    let texts = body
        .input
        .list("input: give a string or an array of strings; token ids are of another tokenizer")?;
    if body.dimensions.is_some_and(|dimensions| !dimensions.is_null()) {
        return Err(ApiError::bad(
            "dimensions: the model's vectors cannot be shortened; leave it out",
        ));
    }
    Ok(Parsed {
        model: body.model,
        texts,
        kind: Kind::of(body.input_type),
        truncation: Truncation::Right,
        normalize: None,
        form: match body.encoding_format {
            Some(Encoding::Base64) => Form::Base64,
            Some(Encoding::Float) | None => Form::Numbers,
        },
    })
}

pub(super) fn response(answer: &Answer) -> Response {
    let tokens: usize = answer.embeddings.iter().map(|embedding| embedding.tokens).sum();
    let item = |(index, embedding): (usize, &crate::embedder::Embedding)| {
        let vector = match answer.form {
            Form::Numbers => json!(embedding.vector),
            Form::Base64 => json!(base64(&embedding.vector)),
        };
        json!({ "object": "embedding", "index": index, "embedding": vector })
    };
    let body = json!({
        "object": "list",
        "data": answer.embeddings.iter().enumerate().map(item).collect::<Vec<_>>(),
        "model": answer.model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    });
    Response::json(200, &body)
}

/// The little-endian bytes of the elements in base 64 (RFC 4648).
fn base64(vector: &[f32]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() { '=' } else { digit.into() });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_the_rfc() {
        // Elements whose bytes are a text.
        let of = |text: &[u8]| {
            let elements = text.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
            base64(&elements.collect::<Vec<_>>())
        };
        assert_eq!(of(b""), "");
        assert_eq!(of(b"foob"), "Zm9vYg==");
        assert_eq!(of(b"foobarfo"), "Zm9vYmFyZm8=");
        assert_eq!(of(b"foobarfoobar"), "Zm9vYmFyZm9vYmFy");
    }
}
