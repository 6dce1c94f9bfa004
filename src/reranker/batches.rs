//! A list's batches among the threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::batch::{self, Order};
use crate::error::Result;
use crate::tokenizer::Encoding;

use super::{RerankOptions, Reranker, cancelled};

impl Reranker {
    /// The logits of a list, by all threads; `None` for those that the deadline came before.
    /// `scored` is told of each batch.
    pub(super) fn score_encodings(
        &self,
        encodings: &[Encoding],
        options: &RerankOptions,
        scored: &(dyn Fn(&[usize]) + Sync),
    ) -> Result<Vec<Option<f32>>> {
        // What a deadline leaves out should be the first stage's last.
        let order = match options.deadline {
            None => Order::LongestFirst,
            Some(_) => Order::Given,
        };
        let batches = batch::plan(encodings, order, self.threads);
        let next = AtomicUsize::new(0);
        // Every thread takes the next batch until none is left.
        let work = || -> Result<Vec<(usize, f32)>> {
            let mut logits = Vec::new();
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                let pairs: Vec<&Encoding> = batch.iter().map(|&i| &encodings[i]).collect();
                let Some(of_batch) = self.score_batch(&pairs, options)? else { break };
                logits.extend(batch.iter().copied().zip(of_batch));
                scored(batch);
            }
            Ok(logits)
        };
        let helpers = self.threads.min(batches.len()).saturating_sub(1);
        let shares: Vec<Result<Vec<(usize, f32)>>> = std::thread::scope(|scope| {
            let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined = helpers.into_iter().map(|h| h.join().expect("engine calls catch panics"));
            std::iter::once(own).chain(joined).collect()
        });

        let mut logits = vec![None; encodings.len()];
        for share in shares {
            for (index, logit) in share? {
                logits[index] = Some(logit);
            }
        }
        Ok(logits)
    }

    /// The logits of a batch, unless the deadline comes before.
    fn score_batch(
        &self,
        pairs: &[&Encoding],
        options: &RerankOptions,
    ) -> Result<Option<Vec<f32>>> {
        let mut run = self.engine.start(pairs);
        loop {
            if options.is_cancelled() {
                return Err(cancelled());
            }
            if options.is_late() {
                return Ok(None);
            }
            if let Some(logits) = self.engine.step(&mut run)? {
                return Ok(Some(logits));
            }
        }
    }
}
