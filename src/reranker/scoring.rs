//! Scoring in small pieces, for threads that must not be held for long.

use std::collections::VecDeque;

use crate::batch::BATCH_TOKENS;
use crate::engine::Run;
use crate::error::Result;
use crate::rank;
use crate::score::{Score, Windows};
use crate::tokenizer::{Query, Window};

use super::{RerankOptions, Reranker};

/// Lists that are scored step by step, on the thread of whoever calls [`Scoring::step`]: an event
/// loop looks after other things between two steps, and stops by dropping it.
///
/// Documents are scored about in the order given. Of the options those that say how to cut or split
/// count: `max_length`, `max_document_tokens`, `truncation`, `long_documents` and `max_windows`. The
/// cache is left aside, see [`Reranker::cache_keys`]. Queries may be empty, as documents may.
pub struct Scoring {
    /// The queries, each with the number of documents up to the end of its list.
    lists: Vec<(Query, usize)>,
    documents: Vec<String>,
    /// The number of documents that have been tokenized.
    encoded: usize,
    /// What is left of a document that was split, and has not found room in a batch.
    waiting: VecDeque<(usize, Window)>,
    batch: Vec<(usize, Window)>,
    run: Option<Run>,
    /// Documents of which windows are missing.
    open: Vec<(usize, Windows)>,
    /// The document that the last error was about.
    position: Option<usize>,
}

impl Scoring {
    pub(super) fn new(
        reranker: &Reranker,
        lists: Vec<(String, Vec<String>)>,
        options: &RerankOptions,
    ) -> Result<Scoring> {
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
        Ok(Scoring {
            lists: queries,
            documents,
            encoded: 0,
            waiting: VecDeque::new(),
            batch: Vec::new(),
            run: None,
            open: Vec::new(),
            position: None,
        })
    }

    /// Tokenizes the documents of the next batch, or runs one layer of the model on it. Returns
    /// the scores that are known with it, each with its document's position among those of all
    /// lists.
    ///
    /// # Errors
    /// As [`Reranker::rerank`]; the message does not name the document, [`Scoring::position`] is
    /// it. An error ends the scoring: the documents that are left get no score.
    pub fn step(&mut self, reranker: &Reranker) -> Result<Vec<(usize, Score)>> {
        let scored = self.advance(reranker);
        if scored.is_err() {
            self.documents.clear();
            self.encoded = 0;
            self.waiting.clear();
            self.batch.clear();
            self.run = None;
        }
        scored
    }

    /// Every document has been scored, or an error ended the scoring.
    pub fn is_done(&self) -> bool {
        self.run.is_none() && self.encoded == self.documents.len() && self.waiting.is_empty()
    }

    /// The document that an error of [`Scoring::step`] is about. `None` where it is about a whole
    /// batch.
    pub fn position(&self) -> Option<usize> {
        self.position
    }

    fn advance(&mut self, reranker: &Reranker) -> Result<Vec<(usize, Score)>> {
        match &mut self.run {
            None => {
                self.fill(reranker)?;
                let pairs: Vec<_> = self.batch.iter().map(|(_, w)| &w.encoding).collect();
                self.run = (!pairs.is_empty()).then(|| reranker.engine.start(&pairs));
                Ok(Vec::new())
            }
            Some(run) => match reranker.engine.step(run)? {
                None => Ok(Vec::new()),
                Some(logits) => {
                    self.run = None;
                    self.add(&logits)
                }
            },
        }
    }

    /// Fills a batch.
    fn fill(&mut self, reranker: &Reranker) -> Result<()> {
        let mut room = BATCH_TOKENS;
        loop {
            while self.waiting.is_empty() && self.encoded < self.documents.len() {
                self.encode(reranker)?;
            }
            let tokens = self.waiting.front().map(|(_, next)| next.encoding.ids.len());
            let fits = tokens.is_some_and(|tokens| self.batch.is_empty() || tokens <= room);
            let next = if fits { self.waiting.pop_front() } else { None };
            let Some(next) = next else { return Ok(()) };
            room = room.saturating_sub(next.1.encoding.ids.len());
            self.batch.push(next);
        }
    }

    /// Tokenizes the next document.
    fn encode(&mut self, reranker: &Reranker) -> Result<()> {
        let position = self.encoded;
        let list = self.lists.partition_point(|&(_, end)| end <= position);
        let document = std::mem::take(&mut self.documents[position]);
        let windows = reranker.tokenizer.windows(&self.lists[list].0, &document);
        let windows = windows.inspect_err(|_| self.position = Some(position))?;
        self.open.push((position, Windows::new(windows.len())));
        self.waiting.extend(windows.into_iter().map(|window| (position, window)));
        self.encoded += 1;
        Ok(())
    }

    fn add(&mut self, logits: &[f32]) -> Result<Vec<(usize, Score)>> {
        let mut scored = Vec::new();
        for ((position, Window { encoding, span }), &logit) in self.batch.drain(..).zip(logits) {
            if !logit.is_finite() {
                self.position = Some(position);
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
}
