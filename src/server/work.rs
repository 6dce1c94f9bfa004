//! What a request's texts go through between its body and its answer: who reads them, and what
//! becomes of the outputs.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::reranker::Reranker;
use crate::runner::{Halt, Runner};
use crate::tokenizer::Encoding;

use super::failure::{Failure, FailureKind};
use super::message::Response;
use super::{EmbeddingModel, Model, Server};

/// The model that reads a request's texts.
#[derive(Clone)]
pub enum Reader {
    /// Its output is a logit, by one of the model's devices.
    Reranker(Arc<Model>, Arc<Reranker>),
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

    /// Whether the request should be prepared once more in place of the answer, because its device
    /// failed and another has taken its place: the scores of an answer are all of one.
    pub fn begins_again(&self, outputs: &Result<Vec<f32>, Failure>) -> bool {
        outputs.is_err() && !self.reader.is_current()
    }

    /// Whether [`Work::begins_again`] may be true, so that the request has to be kept until then.
    pub fn may_begin_again(&self) -> bool {
        match &self.reader {
            Reader::Reranker(model, _) => model.reranker.may_change() || !self.reader.is_current(),
            Reader::Embedder(_) => false,
        }
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
            Reader::Reranker(..) => 1,
            Reader::Embedder(model) => model.embedder.dimensions(),
        }
    }

    /// The most tokens of a batch.
    pub fn batch_tokens(&self) -> usize {
        self.runner().batch_tokens()
    }

    /// Whether both are the same loaded model, so that it can read for both at once.
    pub fn is(&self, other: &Reader) -> bool {
        match (self, other) {
            (Reader::Reranker(_, a), Reader::Reranker(_, b)) => Arc::ptr_eq(a, b),
            (Reader::Embedder(a), Reader::Embedder(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The outputs of one batch, on the caller's thread. An output does not depend on the other
    /// sequences.
    pub fn read(&self, sequences: &[&Encoding]) -> Result<Vec<f32>> {
        let outputs = self.runner().engine.run(sequences).inspect_err(|e| self.failed(e))?;
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
            let outputs = self.runner().run(list, halt, <[f32]>::to_vec, &|_| ());
            for output in outputs.inspect_err(|e| self.failed(e))? {
                let missing = || Failure::new(FailureKind::Internal, "the model gave no output");
                all.extend(output.ok_or_else(missing)?);
            }
        }
        Ok(all)
    }

    /// Takes note of a device's failure.
    fn failed(&self, error: &Error) {
        if let Reader::Reranker(model, _) = self {
            model.reranker.again(error);
        }
    }

    /// The model still computes there.
    fn is_current(&self) -> bool {
        match self {
            Reader::Reranker(model, reranker) => Arc::ptr_eq(model.reranker.current(), reranker),
            Reader::Embedder(_) => true,
        }
    }

    fn runner(&self) -> &Runner {
        match self {
            Reader::Reranker(_, reranker) => reranker.runner(),
            Reader::Embedder(model) => model.embedder.runner(),
        }
    }
}
