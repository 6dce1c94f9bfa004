//! A request between its body and its response: the model that computes it, and what becomes of
//! the outputs.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::reranker::Reranker;
use crate::runner::{Runner, StopConditions};
use crate::tokenizer::Encoding;

use super::error::{ApiError, ApiErrorKind, ErrorFormat};
use super::models::{EmbeddingModel, Model};
use super::request::Response;

/// The model that computes a request, on one of its devices.
#[derive(Clone)]
pub enum LoadedModel {
    /// Its output for a sequence is a logit.
    Reranker(Arc<Model>, Arc<Reranker>),
    /// Its output for a sequence is a vector.
    Embedder(Arc<EmbeddingModel>),
}

/// A request whose texts are tokens.
pub struct PreparedRequest {
    pub(super) id: String,
    pub(super) error_format: &'static dyn ErrorFormat,
    pub(super) model: LoadedModel,
    pub(super) sequences: Vec<Arc<[Encoding]>>,
    pub(super) finish: Box<Finish>,
}

/// Makes the response of the outputs.
type Finish = dyn FnOnce(Vec<f32>) -> std::result::Result<Response, ApiError> + Send;

impl PreparedRequest {
    /// The model that computes the request.
    pub fn model(&self) -> &LoadedModel {
        &self.model
    }

    /// The lists of sequences to compute. There are none where the response needs no model.
    pub fn sequences(&self) -> &[Arc<[Encoding]>] {
        &self.sequences
    }

    /// Whether the request must be prepared again instead of answered: its device failed, and
    /// another has replaced it. All scores of a response come from one device.
    pub fn must_retry(&self, outputs: &std::result::Result<Vec<f32>, ApiError>) -> bool {
        outputs.is_err() && !self.model.is_current()
    }

    /// Whether [`PreparedRequest::must_retry`] can become true, so that the caller has to keep the
    /// request.
    pub fn may_retry(&self) -> bool {
        match &self.model {
            LoadedModel::Reranker(model, _) => {
                model.reranker.can_fail_over() || !self.model.is_current()
            }
            LoadedModel::Embedder(_) => false,
        }
    }

    /// The response. `outputs` are those of the sequences, one list after another, with
    /// [`LoadedModel::width`] elements for each sequence.
    pub fn answer(self, outputs: std::result::Result<Vec<f32>, ApiError>) -> Response {
        let response = outputs.and_then(self.finish);
        response.unwrap_or_else(|error| error.response(self.error_format, &self.id))
    }
}

impl LoadedModel {
    /// The number of elements that the model gives for one sequence.
    pub fn width(&self) -> usize {
        match self {
            LoadedModel::Reranker(..) => 1,
            LoadedModel::Embedder(model) => model.embedder.dimensions(),
        }
    }

    /// The largest number of tokens in a batch.
    pub fn batch_tokens(&self) -> usize {
        self.runner().batch_tokens()
    }

    /// Whether both are the same model on the same device, so that one batch can hold the
    /// sequences of both.
    pub fn is_same(&self, other: &LoadedModel) -> bool {
        match (self, other) {
            (LoadedModel::Reranker(_, a), LoadedModel::Reranker(_, b)) => Arc::ptr_eq(a, b),
            (LoadedModel::Embedder(a), LoadedModel::Embedder(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Computes one batch. Threads of the model that have no work take part. A sequence's output does not depend on the
    /// others.
    ///
    /// # Errors
    /// Those of the engine, and [`ErrorKind::InvalidModel`] for outputs that are not
    /// [`LoadedModel::width`] elements for each sequence.
    pub fn run(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let outputs = self.runner().run_batch(sequences).inspect_err(|e| self.note_failure(e))?;
        if outputs.len() != sequences.len() * self.width() {
            let message = "the model gave outputs of an unexpected width";
            return Err(Error::new(ErrorKind::InvalidModel, message));
        }
        Ok(outputs)
    }

    /// Computes all sequences on the model's own threads.
    pub(super) fn run_all(
        &self,
        lists: &[Arc<[Encoding]>],
    ) -> std::result::Result<Vec<f32>, ApiError> {
        let stop = StopConditions { cancelled: None, deadline: None };
        let mut all = Vec::new();
        for list in lists {
            let outputs = self.runner().run(list, stop, <[f32]>::to_vec, &|_| ());
            for output in outputs.inspect_err(|e| self.note_failure(e))? {
                let missing = || ApiError::new(ApiErrorKind::Internal, "the model gave no output");
                all.extend(output.ok_or_else(missing)?);
            }
        }
        Ok(all)
    }

    /// Replaces the device that has failed, where there is another.
    fn note_failure(&self, error: &Error) {
        if let LoadedModel::Reranker(model, _) = self {
            model.reranker.fails_over(error);
        }
    }

    /// Whether the model still computes on this device.
    fn is_current(&self) -> bool {
        match self {
            LoadedModel::Reranker(model, reranker) => {
                Arc::ptr_eq(model.reranker.current(), reranker)
            }
            LoadedModel::Embedder(_) => true,
        }
    }

    fn runner(&self) -> &Runner {
        match self {
            LoadedModel::Reranker(_, reranker) => reranker.runner(),
            LoadedModel::Embedder(model) => model.embedder.runner(),
        }
    }
}
