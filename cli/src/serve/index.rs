//! An index behind `POST /search`.

use clap::ValueEnum;
use crossrank::server::{ApiError, ApiErrorKind, Candidate, Index};
use serde_json::Value;

use crate::search::{self, FirstStage, Mode, Stopwatch};

impl Index for FirstStage {
    fn candidates(
        &self,
        query: &str,
        mode: Option<&str>,
        recall: usize,
    ) -> Result<Vec<Candidate>, ApiError> {
        let mode = mode.map(|name| Mode::from_str(name, false)).transpose().map_err(|_| {
            let names: Vec<String> = Mode::value_variants()
                .iter()
                .filter_map(|mode| Some(mode.to_possible_value()?.get_name().to_owned()))
                .collect();
            let message = format!("mode is none of {}", names.join(", "));
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
        let candidates = candidates.into_iter().map(|candidate| {
            let fields = match serde_json::to_value(&candidate) {
                Ok(Value::Object(fields)) => fields,
                _ => unreachable!("a candidate is an object of strings and numbers"),
            };
            let search::Candidate { text, score, stages, .. } = candidate;
            Candidate { text, score, stages, fields }
        });
        Ok(candidates.collect())
    }
}
