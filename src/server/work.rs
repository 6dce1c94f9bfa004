//! What a request's texts go through between its body and its answer: who reads them, and what
//! becomes of the outputs.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::runner::{Halt, Runner};
use crate::tokenizer::Encoding;

use super::failure::{Failure, FailureKind};
use super::message::Response;
use super::{EmbeddingModel, Model, Server};

/// The model that reads a request's texts.
#[derive(Clone)]
pub enum Reader {
    /// Its output is a logit.
    Reranker(Arc<Model>),
    /// Its output is a vector.
    Embedder(Arc<EmbeddingModel>),
}

/// A request of which the texts are tokens.
pub struct Work {
    pub(super) reader: Reader,
    pub(super) sequences: Vec<Arc<[Encoding]>>,
    pub(super) finish: Box<Finish>,
}

/// Makes the response of the outputs, and counts what was answered for.
type Finish = dyn FnOnce(&Server, Result<Vec<f32>, Failure>) -> Response + Send;

impl Work {
    /// The model that is to read.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What it is to read.
    pub fn sequences(&self) -> &[Arc<[Encoding]>] {
        &self.sequences
    }

    /// The response. `outputs` are those of the sequences, one list after another, each of
    /// [`Reader::width`] elements.
    pub fn answer(self, server: &Server, outputs: Result<Vec<f32>, Failure>) -> Response {
        (self.finish)(server, outputs)
    }
}

impl Reader {
    /// Elements of the output of one sequence.
    pub fn width(&self) -> usize {
        match self {
            Reader::Reranker(_) => 1,
            Reader::Embedder(model) => model.embedder.dimensions(),
        }
    }

    /// Whether both are the same loaded model, so that it can read for both at once.
    pub fn is(&self, other: &Reader) -> bool {
        match (self, other) {
            (Reader::Reranker(a), Reader::Reranker(b)) => Arc::ptr_eq(a, b),
            (Reader::Embedder(a), Reader::Embedder(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The outputs of one batch, on the caller's thread. An output does not depend on the other
    /// sequences.
    pub fn read(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let outputs = self.runner().engine.run(sequences)?;
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
    ) -> Result<Vec<f32>, Failure> {
        let halt = Halt { cancelled: Some(cancelled), deadline: None };
        let mut all = Vec::new();
        for list in lists {
            for output in self.runner().run(list, halt, <[f32]>::to_vec, &|_| ())? {
                let missing = || Failure::new(FailureKind::Internal, "the model gave no output");
                all.extend(output.ok_or_else(missing)?);
            }
        }
        Ok(all)
    }

    fn runner(&self) -> &Runner {
        match self {
            Reader::Reranker(model) => model.reranker.runner(),
            Reader::Embedder(model) => model.embedder.runner(),
        }
    }
}
