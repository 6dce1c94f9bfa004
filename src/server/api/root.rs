//! The route `/rerank`, which is that of several APIs. The fields of a body tell which one it is.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::cohere::CohereV1;
use super::tei::Tei;
use super::weaviate::Weaviate;
use crate::server::body::from_json;
use crate::server::error::{ApiError, ErrorFormat};
use crate::server::options::Options;
use crate::server::request::Response;
use crate::server::rerank::{RerankAnswer, RerankBody, RerankDialect};

/// `POST /rerank`
pub struct Root;

#[derive(Deserialize)]
struct Shape {
    texts: Option<IgnoredAny>,
    documents: Option<IgnoredAny>,
    property: Option<IgnoredAny>,
}

impl RerankDialect for Root {
    fn parse(&self, body: &str, options: &Options) -> Result<RerankBody, ApiError> {
        let dialect: &'static dyn RerankDialect = match from_json(body)? {
            Shape { texts: Some(_), .. } => &Tei,
            Shape { documents: Some(_), property: Some(_), .. } => &Weaviate,
            Shape { documents: Some(_), .. } => &CohereV1,
            Shape { .. } => {
                return Err(ApiError::bad("the body has neither documents nor texts; give one"));
            }
        };
        Ok(RerankBody { reply: Some(dialect), ..dialect.parse(body, options)? })
    }

    /// Every body that this dialect parses names the dialect of its response.
    fn render(&self, answer: RerankAnswer) -> Result<Response, ApiError> {
        RerankDialect::render(&Tei, answer)
    }

    fn error_format(&self) -> &'static dyn ErrorFormat {
        &Tei
    }
}
