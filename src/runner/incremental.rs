//! Sequences in small pieces, for threads that must not be held for long.

use std::collections::VecDeque;

use super::Runner;
use crate::engine::Run;
use crate::error::Result;
use crate::tokenizer::Window;

/// Texts on their way through a model, about in the order given. Each is tokenized when its batch
/// is filled, and may give several sequences.
pub(crate) struct IncrementalRun {
    texts: Vec<String>,
    /// The number of texts that have been tokenized.
    encoded: usize,
    /// What is left of a text that was split, and has not found room in a batch.
    waiting: VecDeque<(usize, Window)>,
    batch: Vec<(usize, Window)>,
    run: Option<Run>,
    /// The text that the last error was about.
    position: Option<usize>,
}

/// What the model gave for a sequence.
pub(crate) struct Read {
    /// The text that it is of.
    pub position: usize,
    pub window: Window,
    pub output: Vec<f32>,
}

impl IncrementalRun {
    pub fn new(texts: Vec<String>) -> IncrementalRun {
        IncrementalRun {
            texts,
            encoded: 0,
            waiting: VecDeque::new(),
            batch: Vec::new(),
            run: None,
            position: None,
        }
    }

    /// Every sequence has been read, or an error ended the work.
    pub fn is_done(&self) -> bool {
        self.run.is_none() && self.encoded == self.texts.len() && self.waiting.is_empty()
    }

    /// The text that an error is about. `None` where it is about a whole batch.
    pub fn position(&self) -> Option<usize> {
        self.position
    }

    /// Tokenizes the texts of the next batch by `encode`, which is given a text and its position,
    /// or does a piece of the batch. The last piece gives what was read.
    ///
    /// # Errors
    /// Those of the model and of `encode`. An error ends the work.
    pub fn step(
        &mut self,
        runner: &Runner,
        encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<Vec<Read>> {
        let read = self.advance(runner, encode);
        read.inspect_err(|_| self.end(self.position))
    }

    /// Tokenizes the texts of the next batch, and gives what was read when the GPU has read it.
    ///
    /// # Errors
    /// As [`IncrementalRun::step`].
    #[cfg(feature = "gpu")]
    pub async fn step_on_gpu(
        &mut self,
        runner: &Runner,
        encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<Vec<Read>> {
        let begun = self.begin(runner, encode);
        let read = match (begun, &mut self.run) {
            (Ok(()), Some(run)) => runner.engine.wait(run).await.map(|outputs| self.read(&outputs)),
            (begun, _) => begun.map(|()| Vec::new()),
        };
        read.inspect_err(|_| self.end(self.position))
    }

    /// Ends the work, for an error about the text at `position`.
    pub fn end(&mut self, position: Option<usize>) {
        *self = IncrementalRun { position, ..IncrementalRun::new(Vec::new()) };
    }

    fn advance(
        &mut self,
        runner: &Runner,
        encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<Vec<Read>> {
        let Some(run) = &mut self.run else {
            self.begin(runner, encode)?;
            return Ok(Vec::new());
        };
        let outputs = runner.engine.step(run)?;
        Ok(outputs.map_or_else(Vec::new, |outputs| self.read(&outputs)))
    }

    /// Begins the next batch, if there is one.
    fn begin(
        &mut self,
        runner: &Runner,
        encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<()> {
        self.fill(runner.batch_tokens(), encode)?;
        let sequences: Vec<_> = self.batch.iter().map(|(_, w)| &w.encoding).collect();
        self.run = (!sequences.is_empty()).then(|| runner.engine.start(&sequences));
        Ok(())
    }

    /// What the model gave for the batch.
    fn read(&mut self, outputs: &[f32]) -> Vec<Read> {
        self.run = None;
        let outputs = outputs.chunks(outputs.len() / self.batch.len());
        let read = self.batch.drain(..).zip(outputs).map(|((position, window), output)| Read {
            position,
            window,
            output: output.to_vec(),
        });
        read.collect()
    }

    /// Fills a batch of at most `room` tokens, or with one sequence.
    fn fill(
        &mut self,
        mut room: usize,
        mut encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<()> {
        loop {
            while self.waiting.is_empty() && self.encoded < self.texts.len() {
                let position = self.encoded;
                let text = std::mem::take(&mut self.texts[position]);
                let windows = encode(position, &text);
                let windows = windows.inspect_err(|_| self.position = Some(position))?;
                self.waiting.extend(windows.into_iter().map(|window| (position, window)));
                self.encoded += 1;
            }
            let tokens = self.waiting.front().map(|(_, next)| next.encoding.ids.len());
            let fits = tokens.is_some_and(|tokens| self.batch.is_empty() || tokens <= room);
            let next = if fits { self.waiting.pop_front() } else { None };
            let Some(next) = next else { return Ok(()) };
            room = room.saturating_sub(next.1.encoding.ids.len());
            self.batch.push(next);
        }
    }
}
