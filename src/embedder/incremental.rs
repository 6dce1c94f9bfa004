//! Embedding in small pieces, for threads that must not be held for long.

use crate::error::Result;
use crate::runner::{IncrementalRun, Read};
use crate::tokenizer::Window;

use super::{EmbedOptions, Embedder, Embedding};

/// Texts that are embedded step by step, on the thread of whoever calls [`IncrementalEmbedding::step`]: an
/// event loop looks after other things between two steps, and stops by dropping it.
///
/// Texts are embedded in the order given. Of the options `kind`, `truncation` and `normalize` count.
pub struct IncrementalEmbedding {
    steps: IncrementalRun,
    options: EmbedOptions<'static>,
}

impl IncrementalEmbedding {
    pub(super) fn new(texts: Vec<String>, options: &EmbedOptions) -> IncrementalEmbedding {
        let options = EmbedOptions { cancelled: None, progress: None, ..*options };
        IncrementalEmbedding { steps: IncrementalRun::new(texts), options }
    }

    /// Tokenizes the texts of the next batch, or runs one layer of the model on it. Returns the
    /// embeddings that are known with it, each with its text's position.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`]; the message does not name the text, [`IncrementalEmbedding::position`] is
    /// it. An error ends the work: the texts that are left get no vector.
    pub fn step(&mut self, embedder: &Embedder) -> Result<Vec<(usize, Embedding)>> {
        let EmbedOptions { kind, truncation, .. } = self.options;
        let read = self.steps.step(&embedder.runner, |_, text| {
            let encoding = embedder.encode(text, kind, truncation)?;
            Ok(vec![Window { encoding, span: None }])
        })?;
        let embedding = |Read { position, window, output }| {
            let embedding = embedder.finish(&window.encoding, &output, &self.options);
            let embedding = embedding.inspect_err(|_| self.steps.end(Some(position)))?;
            Ok((position, embedding))
        };
        read.into_iter().map(embedding).collect()
    }

    /// Every text has been embedded, or an error ended the work.
    pub fn is_done(&self) -> bool {
        self.steps.is_done()
    }

    /// The text that an error of [`IncrementalEmbedding::step`] is about. `None` where it is about a whole
    /// batch.
    pub fn position(&self) -> Option<usize> {
        self.steps.position()
    }
}
