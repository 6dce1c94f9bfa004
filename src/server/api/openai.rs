//! OpenAI's embeddings.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::embedder::Embedding;
use crate::server::body::from_json;
use crate::server::embed::{
    EmbedAnswer, EmbedBody, EmbedDialect, InputType, Texts, VectorEncoding,
};
use crate::server::error::{ApiError, ApiErrorKind, ErrorFormat};
use crate::server::request::Response;
use crate::server::scalar::Count;
use crate::tokenizer::Truncation;

/// `POST /v1/embeddings`
pub struct OpenAi;

#[derive(Deserialize)]
struct Body {
    input: Texts,
    model: Option<String>,
    encoding_format: Option<EncodingFormat>,
    dimensions: Option<Count>,
    /// OpenAI has no such field. Other servers take it for models that tell queries from passages.
    input_type: Option<InputType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum EncodingFormat {
    Float,
    Base64,
}

impl EmbedDialect for OpenAi {
    fn parse(&self, body: &str) -> Result<EmbedBody, ApiError> {
        let body: Body = from_json(body)?;
        let texts = body
            .input
            .into_vec("input: give a string or an array of strings; token ids are not supported")?;
        Ok(EmbedBody {
            model: body.model,
            texts,
            kind: InputType::text_kind(body.input_type),
            truncation: Truncation::Right,
            normalize: None,
            dimensions: Count::limit("dimensions", body.dimensions)?,
            encoding: match body.encoding_format {
                Some(EncodingFormat::Base64) => VectorEncoding::Base64,
                Some(EncodingFormat::Float) | None => VectorEncoding::Floats,
            },
        })
    }

    fn render(&self, answer: EmbedAnswer) -> Response {
        let tokens: usize = answer.embeddings.iter().map(|embedding| embedding.tokens).sum();
        let item = |(index, embedding): (usize, &Embedding)| {
            let vector = match answer.encoding {
                VectorEncoding::Floats => json!(embedding.vector),
                VectorEncoding::Base64 => json!(base64(&embedding.vector)),
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

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &OpenAi
    }
}

impl ErrorFormat for OpenAi {
    fn body(&self, error: &ApiError, _: &str) -> Value {
        let (kind, code) = match error.kind() {
            ApiErrorKind::Unauthorized => ("invalid_request_error", Some("invalid_api_key")),
            ApiErrorKind::NoModel => ("invalid_request_error", Some("model_not_found")),
            ApiErrorKind::Overloaded => ("requests", Some("rate_limit_exceeded")),
            ApiErrorKind::Deadline | ApiErrorKind::Internal => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        let error =
            json!({ "message": error.message(), "type": kind, "param": null, "code": code });
        json!({ "error": error })
    }
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
