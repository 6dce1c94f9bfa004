//! Embedding in small pieces, for threads that must not be held for long.

use crate::error::Result;
use crate::runner::{Read, Steps};
use crate::tokenizer::{Truncation, Window};

use super::{EmbedOptions, Embedder, Embedding, TextKind};

/// Texts that are embedded step by step, on the thread of whoever calls [`Embeddings::step`]: an
/// event loop looks after other things between two steps, and stops by dropping it.
///
/// Texts are embedded in the order given. Of the options `kind`, `truncation` and `normalize` count.
pub struct Embeddings {
    steps: Steps,
    kind: TextKind,
    truncation: Truncation,
    normalize: Option<bool>,
}

impl Embeddings {
    pub(super) fn new(texts: Vec<String>, options: &EmbedOptions) -> Embeddings {
        let EmbedOptions { kind, truncation, normalize, .. } = *options;
        Embeddings { steps: Steps::new(texts), kind, truncation, normalize }
    }

    /// Tokenizes the texts of the next batch, or runs one layer of the model on it. Returns the
    /// embeddings that are known with it, each with its text's position.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`]; the message does not name the text, [`Embeddings::position`] is
    /// it. An error ends the work: the texts that are left get no vector.
    pub fn step(&mut self, embedder: &Embedder) -> Result<Vec<(usize, Embedding)>> {
        let read = self.steps.step(&embedder.runner, |_, text| {
            let encoding = embedder.encode(text, self.kind, self.truncation)?;
            Ok(vec![Window { encoding, span: None }])
        })?;
        let embedding = |Read { position, window, output }| {
            let embedding = embedder.finish(&window.encoding, output, self.normalize);
            match embedding {
                Ok(embedding) => Ok((position, embedding)),
                Err(e) => {
                    self.steps.end(Some(position));
                    Err(e)
                }
            }
        };
        read.into_iter().map(embedding).collect()
    }

    /// Every text has been embedded, or an error ended the work.
    pub fn is_done(&self) -> bool {
        self.steps.is_done()
    }

    /// The text that an error of [`Embeddings::step`] is about. `None` where it is about a whole
    /// batch.
    pub fn position(&self) -> Option<usize> {
        self.steps.position()
    }
}
