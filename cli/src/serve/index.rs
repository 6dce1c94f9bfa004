//! An index behind `POST /search`.

use clap::ValueEnum;
use crossrank::server::{ApiError, ApiErrorKind, SearchHit, SearchIndex};

use crate::search::{Candidate, FirstStage, Mode, Stopwatch};

impl SearchIndex for FirstStage {
    fn find(
        &self,
        query: &str,
        mode: Option<&str>,
        recall: usize,
    ) -> Result<Vec<SearchHit>, ApiError> {
        let mode = mode.map(|name| Mode::from_str(name, false)).transpose().map_err(|_| {
            let names: Vec<String> = Mode::value_variants()
                .iter()
                .filter_map(|mode| Some(mode.to_possible_value()?.get_name().to_owned()))
                .collect();
            let message = format!("mode must be one of {}", names.join(", "));
            ApiError::new(ApiErrorKind::BadRequest, message)
        })?;
        let candidates = self
            .candidates(query, mode, recall, &mut Stopwatch::start(false))
            .map_err(|failure| {
                let kind = match failure.code {
                    "invalid-argument" => ApiErrorKind::BadRequest,
                    "input-too-large" => ApiErrorKind::TooLong,
                    _ => ApiErrorKind::Internal,
                };
                ApiError::new(kind, failure.message)
            })?;
        Ok(candidates.into_iter().map(hit).collect())
    }
}

fn hit(candidate: Candidate) -> SearchHit {
    let Candidate { path, id, line, start, end, title, passage, text, score, stages } = candidate;
    SearchHit { path, id, line, start, end, title, passage, text, score, stages }
}
