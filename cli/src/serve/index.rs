//! An index behind `POST /search`.

use crossrank::ErrorKind;
use crossrank::index::{Hit, SearchMode, SearchOptions, Searcher};
use crossrank::server::{ApiError, ApiErrorKind, Candidate, Index};
use serde_json::{Map, json};

/// An index that answers searches of the server.
pub struct SearchIndex(pub Searcher);

impl Index for SearchIndex {
    fn candidates(
        &self,
        query: &str,
        mode: Option<&str>,
        recall: usize,
    ) -> Result<Vec<Candidate>, ApiError> {
        let mut options = SearchOptions::default();
        options.mode = mode.map(str::parse::<SearchMode>).transpose().map_err(api_error)?;
        options.limit = recall;
        let hits = self.0.search(query, &options).map_err(api_error)?;
        Ok(hits.into_iter().map(candidate).collect())
    }
}

fn api_error(error: crossrank::Error) -> ApiError {
    let kind = match error.kind() {
        ErrorKind::InvalidArgument => ApiErrorKind::BadRequest,
        ErrorKind::InputTooLarge => ApiErrorKind::TooLong,
        _ => ApiErrorKind::Internal,
    };
    ApiError::new(kind, error.to_string())
}

fn candidate(hit: Hit) -> Candidate {
    let Hit { path, id, line, start, end, title, passage, text, score, stages, .. } = hit;
    let mut fields = Map::new();
    fields.insert("path".into(), json!(path));
    fields.extend(id.map(|id| ("id".to_owned(), json!(id))));
    fields.insert("line".into(), json!(line));
    fields.insert("start".into(), json!(start));
    fields.insert("end".into(), json!(end));
    fields.insert("title".into(), json!(title));
    fields.insert("passage".into(), json!(passage));
    Candidate { text, score, stages, fields }
}
