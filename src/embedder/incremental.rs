//! Embedding in small pieces, for threads that must not be held for long.

use super::options::{EmbedOptions, Embedding};
use super::pipeline::Embedder;
use crate::error::Result;
use crate::runner::{IncrementalRun, SequenceOutput};
use crate::tokenizer::Window;

/// Texts that are embedded step by step, on the thread that calls [`IncrementalEmbedding::step`].
/// An event loop can do other work between two steps, and drops this to stop. [`Embedder::start`]
/// makes it.
///
/// Texts are embedded in the order given. Of the options only `kind`, `truncation` and `normalize`
/// count.
pub struct IncrementalEmbedding {
    run: IncrementalRun,
    options: EmbedOptions<'static>,
}

impl Embedder {
    /// Starts to embed texts in small pieces. See [`IncrementalEmbedding`] for the options that
    /// count.
    pub fn start(&self, texts: Vec<String>, options: &EmbedOptions) -> IncrementalEmbedding {
        let options = EmbedOptions { cancelled: None, progress: None, ..*options };
        IncrementalEmbedding { run: IncrementalRun::new(texts), options }
    }
}

impl IncrementalEmbedding {
    /// Tokenizes the texts of the next batch, or runs one layer of the model on the current batch.
    /// Returns the embeddings that this completes, each with the position of its text.
    ///
    /// # Errors
    /// As [`Embedder::embed_with`]. The message does not name the text;
    /// [`IncrementalEmbedding::position`] does. An error ends the work: the remaining texts get no
    /// vector.
    pub fn step(&mut self, embedder: &Embedder) -> Result<Vec<(usize, Embedding)>> {
        let EmbedOptions { kind, truncation, .. } = self.options;
        let outputs = self.run.step(&embedder.runner, |_, text| {
            let encoding = embedder.encode(text, kind, truncation)?;
            Ok(vec![Window { encoding, span: None }])
        })?;
        let embedding = |SequenceOutput { position, window, output }| {
            let embedding = embedder.finish(&window.encoding, &output, &self.options);
            let embedding = embedding.inspect_err(|_| self.run.end(Some(position)))?;
            Ok((position, embedding))
        };
        outputs.into_iter().map(embedding).collect()
    }

    /// Whether every text has been embedded, or an error has ended the work.
    pub fn is_done(&self) -> bool {
        self.run.is_done()
    }

    /// The position of the text that an error of [`IncrementalEmbedding::step`] is about, or `None`
    /// if it is about a whole batch.
    pub fn position(&self) -> Option<usize> {
        self.run.failed_position()
    }
}
