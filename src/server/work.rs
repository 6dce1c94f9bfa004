//! What a request's texts go through between its body and its answer: who reads them, and what
//! becomes of the outputs.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::reranker::Reranker;
use crate::runner::{Runner, StopConditions};
use crate::tokenizer::Encoding;

use super::error::{ApiError, ApiErrorKind};
use super::message::Response;
use super::{EmbeddingModel, Model, Server};

/// The model that reads a request's texts.
#[derive(Clone)]
pub enum LoadedModel {
    /// Its output is a logit, by one of the model's devices.
    Reranker(Arc<Model>, Arc<Reranker>),
    /// Its output is a vector.
    Embedder(Arc<EmbeddingModel>),
}

/// A request of which the texts are tokens.
pub struct PreparedRequest {
    pub(super) reader: LoadedModel,
    pub(super) sequences: Vec<Arc<[Encoding]>>,
    pub(super) finish: Box<Finish>,
}

/// Makes the response of the outputs, and counts what was answered for.
type Finish = dyn FnOnce(&Server, Result<Vec<f32>, ApiError>) -> Response + Send;

impl PreparedRequest {
    /// The model that is to read.
    pub fn reader(&self) -> &LoadedModel {
        &self.reader
    }

    /// What it is to read.
    pub fn sequences(&self) -> &[Arc<[Encoding]>] {
        &self.sequences
    }

    /// Whether the request should be prepared once more in place of the answer, because its device
    /// failed and another has taken its place: the scores of an answer are all of one.
    pub fn begins_again(&self, outputs: &Result<Vec<f32>, ApiError>) -> bool {
        outputs.is_err() && !self.reader.is_current()
    }

    /// Whether [`PreparedRequest::begins_again`] may be true, so that the request has to be kept until then.
    pub fn may_begin_again(&self) -> bool {
        match &self.reader {
            LoadedModel::Reranker(model, _) => {
                model.reranker.can_fail_over() || !self.reader.is_current()
            }
            LoadedModel::Embedder(_) => false,
        }
    }

    /// The response. `outputs` are those of the sequences, one list after another, each of
    /// [`LoadedModel::width`] elements.
    pub fn answer(self, server: &Server, outputs: Result<Vec<f32>, ApiError>) -> Response {
        (self.finish)(server, outputs)
    }
}

impl LoadedModel {
    /// Elements of the output of one sequence.
    pub fn width(&self) -> usize {
        match self {
            LoadedModel::Reranker(..) => 1,
            LoadedModel::Embedder(model) => model.embedder.dimensions(),
        }
    }

    /// The most tokens of a batch.
    pub fn batch_tokens(&self) -> usize {
        self.runner().batch_tokens()
    }

    /// Whether both are the same loaded model, so that it can read for both at once.
    pub fn is(&self, other: &LoadedModel) -> bool {
        match (self, other) {
            (LoadedModel::Reranker(_, a), LoadedModel::Reranker(_, b)) => Arc::ptr_eq(a, b),
            (LoadedModel::Embedder(a), LoadedModel::Embedder(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The outputs of one batch, on the caller's thread. An output does not depend on the other
    /// sequences.
    pub fn read(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let outputs = self.runner().run_batch(sequences).inspect_err(|e| self.failed(e))?;
        if outputs.len() != sequences.len() * self.width() {
            let message = "the model gave outputs of another width than before";
            return Err(Error::new(ErrorKind::InvalidModel, message));
        }
        Ok(outputs)
    }

    /// The outputs of all sequences, by the model's own threads.
    pub(super) fn read_all(
        &self,
        lists: &[Arc<[Encoding]>],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>, ApiError> {
        let halt = StopConditions { cancelled: Some(cancelled), deadline: None };
        let mut all = Vec::new();
        for list in lists {
            let outputs = self.runner().run(list, halt, <[f32]>::to_vec, &|_| ());
            for output in outputs.inspect_err(|e| self.failed(e))? {
                let missing = || ApiError::new(ApiErrorKind::Internal, "the model gave no output");
                all.extend(output.ok_or_else(missing)?);
            }
        }
        Ok(all)
    }

    /// Takes note of a device's failure.
    fn failed(&self, error: &Error) {
        if let LoadedModel::Reranker(model, _) = self {
            model.reranker.fails_over(error);
        }
    }

    /// The model still computes there.
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
