//! IncrementalScoring in small pieces, for threads that must not be held for long.

use crate::error::Result;
use crate::rank;
use crate::runner::{IncrementalRun, Read};
use crate::score::{BestWindow, Score};
use crate::tokenizer::{Query, Window};

use super::{RerankOptions, Reranker};

/// Lists that are scored step by step, on the thread of whoever calls [`IncrementalScoring::step`]: an event
/// loop looks after other things between two steps, and stops by dropping it.
///
/// Documents are scored about in the order given. Of the options those that say how to cut or split
/// count: `max_length`, `max_document_tokens`, `truncation`, `long_documents` and `max_windows`. The
/// cache is left aside, see [`Reranker::cache_keys`]. Queries may be empty, as documents may.
pub struct IncrementalScoring {
    /// The queries, each with the number of documents up to the end of its list.
    lists: Vec<(Query, usize)>,
    steps: IncrementalRun,
    /// Documents of which windows are missing.
    open: Vec<(usize, BestWindow)>,
}

impl IncrementalScoring {
    pub(super) fn new(
        reranker: &Reranker,
        lists: Vec<(String, Vec<String>)>,
        options: &RerankOptions,
    ) -> Result<IncrementalScoring> {
        let limits = reranker.limits(options);
        let (mut queries, mut documents) = (Vec::with_capacity(lists.len()), Vec::new());
        let several = lists.len() > 1;
        for (i, (query, list)) in lists.into_iter().enumerate() {
            documents.extend(list);
            let query = reranker.tokenizer.query(&query, limits);
            let query = query.map_err(|e| match several {
                true => e.at(format_args!("query {i}")),
                false => e,
            })?;
            queries.push((query, documents.len()));
        }
        Ok(IncrementalScoring {
            lists: queries,
            steps: IncrementalRun::new(documents),
            open: Vec::new(),
        })
    }

    /// Tokenizes the documents of the next batch, or runs one layer of the model on it. Returns
    /// the scores that are known with it, each with its document's position among those of all
    /// lists.
    ///
    /// # Errors
    /// As [`Reranker::rerank`]; the message does not name the document, [`IncrementalScoring::position`] is
    /// it. An error ends the scoring: the documents that are left get no score.
    pub fn step(&mut self, reranker: &Reranker) -> Result<Vec<(usize, Score)>> {
        let IncrementalScoring { lists, steps, open } = self;
        let read = steps.step(&reranker.runner, encode(reranker, lists, open))?;
        self.scores(read)
    }

    /// Scores a batch, for a reranker of [`Reranker::on_gpu`].
    ///
    /// # Errors
    /// As [`IncrementalScoring::step`].
    #[cfg(feature = "gpu")]
    pub async fn step_on_gpu(&mut self, reranker: &Reranker) -> Result<Vec<(usize, Score)>> {
        let IncrementalScoring { lists, steps, open } = self;
        let read = steps.step_on_gpu(&reranker.runner, encode(reranker, lists, open)).await?;
        self.scores(read)
    }

    /// The scores that are known with what the model read.
    fn scores(&mut self, read: Vec<Read>) -> Result<Vec<(usize, Score)>> {
        let mut scored = Vec::new();
        for Read { position, window: Window { encoding, span }, output } in read {
            let logit = output[0];
            if !logit.is_finite() {
                self.steps.end(Some(position));
                return Err(rank::not_a_score(logit));
            }
            let place = self.open.iter().position(|&(open, _)| open == position);
            let place = place.expect("a document is open until its last window is scored");
            if let Some(score) = self.open[place].1.add(Score::of(&encoding, span, logit)) {
                self.open.remove(place);
                scored.push((position, score));
            }
        }
        Ok(scored)
    }

    /// Every document has been scored, or an error ended the scoring.
    pub fn is_done(&self) -> bool {
        self.steps.is_done()
    }

    /// The document that an error of [`IncrementalScoring::step`] is about. `None` where it is about a whole
    /// batch.
    pub fn position(&self) -> Option<usize> {
        self.steps.position()
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
