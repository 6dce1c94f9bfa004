//! An index behind the route `/search`.

use crossrank::ErrorKind;
use crossrank::index::{Hit, SearchMode, SearchOptions, Searcher};
use crossrank::server::{ApiError, ApiErrorKind, SearchHit, SearchIndex};

/// An index file that answers the server's searches.
pub struct FileIndex(pub Searcher);

impl SearchIndex for FileIndex {
    fn find(
        &self,
        query: &str,
        mode: Option<&str>,
        recall: usize,
    ) -> Result<Vec<SearchHit>, ApiError> {
        let mut options = SearchOptions::default();
        options.mode = mode.map(str::parse::<SearchMode>).transpose().map_err(api_error)?;
        options.limit = recall;
        let hits = self.0.search(query, &options).map_err(api_error)?;
        Ok(hits.into_iter().map(search_hit).collect())
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

fn search_hit(hit: Hit) -> SearchHit {
    let Hit { path, id, line, start, end, title, passage, text, score, stages, .. } = hit;
    SearchHit { path, id, line, start, end, title, passage, text, score, stages }
}
