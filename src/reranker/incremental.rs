//! Scoring in small pieces, for threads that must not be held for long.

use super::options::RerankOptions;
use super::pipeline::Reranker;
use crate::error::Result;
use crate::rank;
use crate::runner::{IncrementalRun, SequenceOutput};
use crate::score::{BestWindow, Score};
use crate::tokenizer::{Query, Window};

/// Lists that are scored step by step, on the thread that calls [`IncrementalScoring::step`]. An
/// event loop can do other work between two steps, and drops this to stop. [`Reranker::start`]
/// makes it.
///
/// Documents are scored about in the order given. Only the options that say how to cut or split
/// documents count: `max_length`, `max_document_tokens`, `truncation`, `long_documents` and
/// `max_windows`. The cache is not used, see [`Reranker::cache_keys`]. Queries and documents may be
/// empty.
pub struct IncrementalScoring {
    /// The queries, each with the number of documents up to the end of its list.
    lists: Vec<(Query, usize)>,
    run: IncrementalRun,
    /// Documents with windows that are not scored yet.
    open: Vec<(usize, BestWindow)>,
}

impl Reranker {
    /// Starts to score lists in small pieces. Each list is a query and its documents. See
    /// [`IncrementalScoring`] for the options that count.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for options out of range,
    /// [`ErrorKind::InputTooLarge`](crate::ErrorKind::InputTooLarge) for a query over
    /// [`crate::MAX_TEXT_BYTES`]. If there are several lists, the message names the query.
    pub fn start(
        &self,
        lists: Vec<(String, Vec<String>)>,
        options: &RerankOptions,
    ) -> Result<IncrementalScoring> {
        let limits = self.limits(options);
        let (mut queries, mut documents) = (Vec::with_capacity(lists.len()), Vec::new());
        let several = lists.len() > 1;
        for (i, (query, list)) in lists.into_iter().enumerate() {
            documents.extend(list);
            let query = self.tokenizer.query(&query, limits);
            let query = query.map_err(|e| match several {
                true => e.at(format_args!("query {i}")),
                false => e,
            })?;
            queries.push((query, documents.len()));
        }
        let run = IncrementalRun::new(documents);
        Ok(IncrementalScoring { lists: queries, run, open: Vec::new() })
    }
}

impl IncrementalScoring {
    /// Tokenizes the documents of the next batch, or runs one layer of the model on the current
    /// batch. Returns the scores that this completes. Each comes with the position of its document
    /// among those of all lists.
    ///
    /// # Errors
    /// As [`Reranker::rerank`]. The message does not name the document;
    /// [`IncrementalScoring::position`] does. An error ends the scoring: the remaining documents
    /// get no score.
    pub fn step(&mut self, reranker: &Reranker) -> Result<Vec<(usize, Score)>> {
        let IncrementalScoring { lists, run, open } = self;
        let outputs = run.step(&reranker.runner, encode(reranker, lists, open))?;
        self.scores(outputs)
    }

    /// Scores one batch with a reranker of [`Reranker::on_gpu`].
    ///
    /// # Errors
    /// As [`IncrementalScoring::step`], and
    /// [`ErrorKind::GpuFailed`](crate::ErrorKind::GpuFailed).
    #[cfg(feature = "gpu")]
    pub async fn step_on_gpu(&mut self, reranker: &Reranker) -> Result<Vec<(usize, Score)>> {
        let IncrementalScoring { lists, run, open } = self;
        let outputs = run.step_on_gpu(&reranker.runner, encode(reranker, lists, open)).await?;
        self.scores(outputs)
    }

    /// The scores that are complete with these outputs.
    fn scores(&mut self, outputs: Vec<SequenceOutput>) -> Result<Vec<(usize, Score)>> {
        let mut scored = Vec::new();
        for SequenceOutput { position, window: Window { encoding, span }, output } in outputs {
            let logit = output[0];
            if !logit.is_finite() {
                self.run.end(Some(position));
                return Err(rank::not_a_score(logit));
            }
            let i = self.open.iter().position(|&(open, _)| open == position);
            let i = i.expect("a document is open until its last window is scored");
            if let Some(score) = self.open[i].1.add(Score::of(&encoding, span, logit)) {
                self.open.remove(i);
                scored.push((position, score));
            }
        }
        Ok(scored)
    }

    /// Whether every document has been scored, or an error has ended the scoring.
    pub fn is_done(&self) -> bool {
        self.run.is_done()
    }

    /// The position of the document that an error of [`IncrementalScoring::step`] is about, or
    /// `None` if it is about a whole batch.
    pub fn position(&self) -> Option<usize> {
        self.run.failed_position()
    }
}

/// Tokenizes the document at a position, which is open from then on.
fn encode(
    reranker: &Reranker,
    lists: &[(Query, usize)],
    open: &mut Vec<(usize, BestWindow)>,
) -> impl FnMut(usize, &str) -> Result<Vec<Window>> {
    move |position, document| {
        let list = lists.partition_point(|&(_, end)| end <= position);
        let windows = reranker.tokenizer.windows(&lists[list].0, document)?;
        open.push((position, BestWindow::new(windows.len())));
        Ok(windows)
    }
}
