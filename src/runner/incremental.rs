//! Computes sequences in small pieces, for threads that must not be held for long.

use std::collections::VecDeque;

use super::threads::Runner;
use crate::engine::Run;
use crate::error::Result;
use crate::tokenizer::Window;

/// Texts on their way through a model, about in the order given. Each is tokenized when its batch
/// is filled, and may give several sequences.
pub(crate) struct IncrementalRun {
    texts: Vec<String>,
    /// The number of texts that have been tokenized.
    encoded: usize,
    /// The windows of the last text that have not found room in a batch.
    waiting: VecDeque<(usize, Window)>,
    batch: Vec<(usize, Window)>,
    run: Option<Box<dyn Run>>,
    /// The text that the last error was about.
    failed: Option<usize>,
}

/// What the model gave for one sequence.
pub(crate) struct SequenceOutput {
    /// The position of the text that the sequence belongs to.
    pub position: usize,
    pub window: Window,
    /// The logit, or the elements of the vector.
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
            failed: None,
        }
    }

    /// Whether every sequence has been computed, or an error has ended the work.
    pub fn is_done(&self) -> bool {
        self.batch.is_empty() && self.encoded == self.texts.len() && self.waiting.is_empty()
    }

    /// The position of the text that an error is about, or `None` if it is about a whole batch.
    pub fn failed_position(&self) -> Option<usize> {
        self.failed
    }

    /// Computes one piece of a batch, or starts the next batch. The last piece of a batch returns
    /// its outputs. `encode` tokenizes a text, which is given with its position.
    ///
    /// # Errors
    /// Those of the model and of `encode`. An error ends the work.
    pub fn step(
        &mut self,
        runner: &Runner,
        encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<Vec<SequenceOutput>> {
        let outputs = self.advance(runner, encode);
        outputs.inspect_err(|_| self.end(self.failed))
    }

    /// Computes the next batch on a GPU, without holding the thread, and returns its outputs.
    ///
    /// # Errors
    /// As [`IncrementalRun::step`].
    #[cfg(feature = "gpu")]
    pub async fn step_on_gpu(
        &mut self,
        runner: &Runner,
        encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<Vec<SequenceOutput>> {
        let outputs = self.compute_batch(runner, encode).await;
        outputs.inspect_err(|_| self.end(self.failed))
    }

    /// Ends the work because of an error about the text at `position`.
    pub fn end(&mut self, position: Option<usize>) {
        *self = IncrementalRun { failed: position, ..IncrementalRun::new(Vec::new()) };
    }

    fn advance(
        &mut self,
        runner: &Runner,
        encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<Vec<SequenceOutput>> {
        if let Some(run) = &mut self.run {
            let outputs = run.step()?;
            return Ok(outputs.map_or_else(Vec::new, |outputs| self.finish_batch(&outputs)));
        }
        self.fill_batch(runner.batch_tokens(), encode)?;
        let sequences: Vec<_> = self.batch.iter().map(|(_, w)| &w.encoding).collect();
        self.run = (!sequences.is_empty()).then(|| runner.start(&sequences));
        Ok(Vec::new())
    }

    #[cfg(feature = "gpu")]
    async fn compute_batch(
        &mut self,
        runner: &Runner,
        encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<Vec<SequenceOutput>> {
        // It is filled already if the future of an earlier step was dropped.
        if self.batch.is_empty() {
            self.fill_batch(runner.batch_tokens(), encode)?;
        }
        if self.batch.is_empty() {
            return Ok(Vec::new());
        }
        let sequences: Vec<_> = self.batch.iter().map(|(_, w)| &w.encoding).collect();
        let outputs = runner.run_batch_async(&sequences).await?;
        Ok(self.finish_batch(&outputs))
    }

    /// Gives each sequence of the batch its part of the outputs.
    fn finish_batch(&mut self, outputs: &[f32]) -> Vec<SequenceOutput> {
        self.run = None;
        let outputs = outputs.chunks(outputs.len() / self.batch.len());
        let of_each = self.batch.drain(..).zip(outputs);
        let of_each = of_each.map(|((position, window), output)| SequenceOutput {
            position,
            window,
            output: output.to_vec(),
        });
        of_each.collect()
    }

    /// Fills a batch of at most `room` tokens. A longer sequence is a batch by itself.
    fn fill_batch(
        &mut self,
        mut room: usize,
        mut encode: impl FnMut(usize, &str) -> Result<Vec<Window>>,
    ) -> Result<()> {
        loop {
            while self.waiting.is_empty() && self.encoded < self.texts.len() {
                let position = self.encoded;
                let text = std::mem::take(&mut self.texts[position]);
                let windows = encode(position, &text);
                let windows = windows.inspect_err(|_| self.failed = Some(position))?;
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
